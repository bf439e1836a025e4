import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Follower } from '../../../hostd/measure/follow.ts';

const SOURCE = join(import.meta.dirname, '../../../hostd/measure/follow.ts');

function follow(script: string, readyWithinMs = 10_000) {
  const seen = { lines: [] as string[], ready: 0 };
  const follower = new Follower(
    {
      file: 'sh',
      args: ['-c', script],
      readyLine: 'ready',
      readyWithinMs,
      onLine: (line) => seen.lines.push(line),
      onReady: () => {
        seen.ready += 1;
      },
    },
    pino({ level: 'silent' }),
  );
  onTestFinished(() => follower.stop());
  follower.start();
  return { follower, seen };
}

describe('Follower', () => {
  it('hands on the lines after the one that says that the program is ready', async () => {
    const { follower, seen } = follow('echo ready; echo one; echo two; sleep 60');
    expect(follower.running).toBe(false);
    await expect.poll(() => seen.lines).toEqual(['one', 'two']);
    expect([follower.running, seen.ready]).toEqual([true, 1]);
  });

  it('starts a program that ends again, and says so', async () => {
    const { follower, seen } = follow('echo ready; echo one; exit 1');
    await expect.poll(() => seen.ready).toBe(2);
    follower.stop();
    expect(seen.lines.slice(0, 2)).toEqual(['one', 'one']);
  });

  it('ends a program that hangs before it is ready, and tries again', async () => {
    const { follower, seen } = follow('echo "$$ begins"; exec sleep 60', 200);
    await expect.poll(() => seen.lines.length).toBeGreaterThan(1);
    expect([follower.running, seen.ready]).toEqual([false, 0]);
  });

  it('leaves no program behind when its owner is killed', async () => {
    const owner = `
      import { Follower } from ${JSON.stringify(SOURCE)};
      const options = { file: 'sh', args: ['-c', 'echo ready; echo $$; exec sleep 60'], readyLine: 'ready' };
      new Follower({ ...options, onLine: console.log, onReady() {} }, { debug() {} }).start();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', owner], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [text] = await once(child.stdout, 'data');
    const pid = Number(text);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    child.kill('SIGKILL');
    await expect.poll(() => existsSync(`/proc/${pid}`)).toBe(false);
  });
});
