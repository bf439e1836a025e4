import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { bearing, LIVE_LAB, liveLab } from './stage.ts';

it(
  "the README's main command moves four guests with their memory intact, one more in Slack, and says so",
  bearing(async () => {
    (await liveLab()).close();
    const root = join(import.meta.dirname, '../..');
    const { stdout } = await promisify(execFile)('npm', ['run', 'demo', '--', '--name', LIVE_LAB], { cwd: root });
    console.log(stdout);
    expect(stdout).toContain('all four arrived, their memory is intact');
    // The bot has moved one back, and its message said so.
    expect(stdout).toContain('Moved idle to compute-1');
    expect(stdout).toContain('the bot moved idle to compute-1');
    for (const name of ['sends', 'receives', 'dirties', 'idle']) {
      expect(stdout).toMatch(new RegExp(`│ ${name} .*│ yes +│ intact +│`));
    }
  }),
);
