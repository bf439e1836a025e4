import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { codeOfFiles } from '../../../hostd/memory.ts';

function mapping(line: string, { anonymous = 0, dirty = 0 } = {}): string {
  return `${line}\nSize: 8 kB\nRss: 8 kB\nPrivate_Dirty: ${dirty} kB\nAnonymous: ${anonymous} kB\nVmFlags: rd ex mr mw me\n`;
}

describe('the code that may be dropped', () => {
  it('is what is executable, of a file, and unchanged', () => {
    const smaps = [
      mapping('00400000-00402000 r-xp 00001000 fe:00 42                     /usr/bin/node'),
      mapping('00402000-00404000 r--p 00003000 fe:00 42                     /usr/bin/node'),
      mapping('00404000-00406000 r-xp 00005000 fe:00 42                     /usr/bin/node', { anonymous: 4 }),
      mapping('00406000-00408000 r-xp 00007000 fe:00 42                     /usr/bin/node', { dirty: 4 }),
      mapping('7f0000000000-7f0000002000 r-xp 00000000 00:00 0 '),
      mapping('7fff00000000-7fff00002000 r-xp 00000000 00:00 0              [vdso]'),
    ].join('');
    expect(codeOfFiles(smaps)).toEqual([{ start: 0x400000n, lengthBytes: 0x2000 }]);
  });

  it('is found in what this kernel tells of this process', () => {
    const mappings = codeOfFiles(readFileSync('/proc/self/smaps', 'utf8'));
    expect(mappings.length).toBeGreaterThan(0);
    expect(mappings.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBeGreaterThan(10 * 2 ** 20);
  });

  it('is none where the kernel does not tell what is whose', () => {
    expect(codeOfFiles('00400000-00402000 r-xp 00001000 fe:00 42 /usr/bin/node\nSize: 8 kB\n')).toEqual([]);
  });
});
