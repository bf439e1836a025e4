import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createToken, findToken, readTokens, revokeToken } from '../../../plugin/api/token-file.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-tokens-'));
  file = join(folder, 'tokens.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

const make = (name: string) => createToken(file, { name, role: 'read', expiresAtMs: null });

describe('the file of tokens', () => {
  it('knows a token by its hash, and none that is nearly it', () => {
    const [one, two] = [make('one'), make('two')];
    const tokens = readTokens(file);
    expect(findToken(tokens, one)?.name).toBe('one');
    expect(findToken(tokens, two)?.name).toBe('two');
    for (const wrong of ['', `${one} `, one.slice(1), tokens[0]?.sha256 ?? ''])
      expect(findToken(tokens, wrong)).toBeNull();
    expect(readFileSync(file, 'utf8')).not.toContain(one);
  });

  it('refuses a name twice, a name that is none, and to end what is not there, and is left as it was', () => {
    make('bot');
    const before = readFileSync(file, 'utf8');
    expect(() => make('bot')).toThrow('drover token revoke bot');
    for (const name of ['', 'a b', '-x', '../x', 'x'.repeat(65)]) expect(() => make(name)).toThrow('is no name');
    expect(() => revokeToken(file, 'nobody')).toThrow('drover token list');
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(existsSync(`${file}.new`)).toBe(false);
    revokeToken(file, 'bot');
    expect(readTokens(file)).toEqual([]);
  });

  it('lets one writer at a time, and says so', () => {
    make('bot');
    writeFileSync(`${file}.new`, '');
    expect(() => make('other')).toThrow('another `drover token` is at work');
    expect(readTokens(file).map(({ name }) => name)).toEqual(['bot']);
  });

  it('says what is wrong with a file that was written by hand', () => {
    writeFileSync(file, '- { name: bot, role: king, sha256: abc, created: yesterday }\n');
    expect(() => readTokens(file)).toThrow(/0\.role.*0\.sha256.*0\.created/);
    writeFileSync(file, '');
    expect(readTokens(file)).toEqual([]);
  });
});
