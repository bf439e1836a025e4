import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PolicyFiles } from '../../../plugin/policy/watch.ts';
import { putPolicy } from '../../policy-file.ts';

const POLL_MS = 30;
/** Above the pauses of the writers below. */
const QUIET_MS = 150;
const FAST = { pollMs: POLL_MS, quietMs: QUIET_MS };
const SEED = await readFile(new URL('../../../policies/seed.yaml', import.meta.url), 'utf8');

let folder: string;
let file: string;
let policies: PolicyFiles;
let events: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-policy-'));
  file = join(folder, 'seed.yaml');
  putPolicy(file, SEED);
  policies = new PolicyFiles(file, FAST);
  events = [];
  policies.on('loaded', ({ downtimeMs }) => events.push(`loaded ${downtimeMs}`));
  policies.on('refused', (errors) => events.push(`refused ${errors.length}`));
  await policies.start();
});

afterEach(async () => {
  await policies.stop();
  await rm(folder, { recursive: true });
});

function withDowntime(ms: number): string {
  return SEED.replace('downtime: 300 ms', `downtime: ${ms} ms`);
}

function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 30_000, interval: 10 });
}

async function polls(count: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, count * POLL_MS));
}

describe('PolicyFiles', () => {
  it('loads at start', () => {
    expect(events).toEqual(['loaded 300']);
    expect(policies.status).toMatchObject({ active: policies.policy?.id, refused: null });
  });

  it('takes a new content, written in place or replaced by rename', async () => {
    await writeFile(file, withDowntime(400));
    await eventually(() => expect(policies.policy?.downtimeMs).toBe(400));
    await writeFile(`${file}.new`, withDowntime(500));
    await rename(`${file}.new`, file);
    await eventually(() => expect(policies.policy?.downtimeMs).toBe(500));
    expect(events).toEqual(['loaded 300', 'loaded 400', 'loaded 500']);
  });

  it('follows a symbolic link that turns, as in a mounted ConfigMap', async () => {
    await writeFile(join(folder, 'b.yaml'), withDowntime(600));
    await rm(file);
    await symlink('b.yaml', `${file}.link`);
    await rename(`${file}.link`, file);
    await eventually(() => expect(policies.policy?.downtimeMs).toBe(600));
  });

  it('keeps the last good one, tells line and column, and takes the repaired one', async () => {
    const good = policies.policy?.id;
    await writeFile(file, SEED.replace('floor: 1 %', 'floor: 5'));
    await eventually(() => expect(policies.status.refused).not.toBeNull());
    const line = SEED.slice(0, SEED.indexOf('floor: 1 %')).split('\n').length;
    expect(policies.status.refused?.errors).toEqual([
      expect.stringMatching(new RegExp(`^seed.yaml:${line}:8: floor: `)),
    ]);
    expect(policies.policy?.id).toBe(good);
    expect(policies.status.active).toBe(good);
    await writeFile(file, withDowntime(700));
    await eventually(() => expect(policies.policy?.downtimeMs).toBe(700));
    expect(policies.status.refused).toBeNull();
    expect(events).toEqual(['loaded 300', 'refused 1', 'loaded 700']);
  });

  it('keeps it when the file goes away, and tells it once', async () => {
    await rm(file);
    await eventually(() => expect(policies.status.refused?.errors[0]).toMatch(/cannot be read: ENOENT/));
    await polls(5);
    expect(events).toEqual(['loaded 300', 'refused 1']);
    expect(policies.policy).not.toBeNull();
  });

  it('takes nothing of a file that is being written', async () => {
    const text = withDowntime(800);
    await truncate(file, 0);
    for (let end = 0; end <= text.length; end += 150) {
      await writeFile(file, text.slice(0, end));
      await polls(0.4);
      expect(policies.policy?.downtimeMs).toBe(300);
    }
    await writeFile(file, text);
    await eventually(() => expect(policies.policy?.downtimeMs).toBe(800));
    expect(events.filter((event) => event.startsWith('loaded'))).toEqual(['loaded 300', 'loaded 800']);
  });

  it('refuses bytes that are no UTF-8, as an editor in another encoding writes them', async () => {
    await writeFile(file, Buffer.from(SEED.replace('default: medium', 'default: médium'), 'latin1'));
    await eventually(() => expect(events).toEqual(['loaded 300', 'refused 1']));
    expect(policies.status.refused?.errors[0]).toContain('it is not UTF-8');
  });

  it('says nothing when the content is the same again', async () => {
    await writeFile(file, SEED);
    await polls(5);
    expect(events).toEqual(['loaded 300']);
  });

  it('reads nothing more after stop', async () => {
    await policies.stop();
    await writeFile(file, withDowntime(900));
    await polls(5);
    expect(events).toEqual(['loaded 300']);
  });

  it('starts without a file, has no policy, and takes it when it comes', async () => {
    const late = new PolicyFiles(join(folder, 'late.yaml'), FAST);
    await late.start();
    try {
      expect(late.policy).toBeNull();
      expect(late.status.refused?.errors).toHaveLength(1);
      await writeFile(join(folder, 'late.yaml'), SEED);
      await eventually(() => expect(late.policy).not.toBeNull());
    } finally {
      await late.stop();
    }
  });
});

describe('A file that is being written', () => {
  // Any prefix of it that ends with a line is a valid policy, and another one.
  const OVERLAY = ['maxWait: 10 min\n', 'downtime: 400 ms\n'];
  let overlay: string;
  let slow: PolicyFiles;

  beforeEach(() => {
    overlay = join(folder, 'site.yaml');
    slow = new PolicyFiles([file, overlay], { pollMs: POLL_MS });
    // Its own seconds pass by the clock below; it goes on reading in real time.
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await slow.stop();
  });

  async function pass(ms: number): Promise<void> {
    vi.advanceTimersByTime(ms);
    await polls(5);
  }

  const limits = () => [slow.policy?.maxWaitMs, slow.policy?.downtimeMs];

  it('takes no effect while its writer stalls for 2 s behind a line', async () => {
    putPolicy(overlay, '{}\n');
    await slow.start();
    writeFileSync(overlay, OVERLAY[0] ?? '');
    await polls(5);
    await pass(2000);
    expect(limits()).toEqual([1_800_000, 300]);
    writeFileSync(overlay, OVERLAY.join(''));
    await utimes(overlay, new Date(), new Date());
    await polls(5);
    await pass(2000);
    expect(limits()).toEqual([1_800_000, 300]);
    await pass(1100);
    await expect.poll(limits).toEqual([600_000, 400]);
  });

  it('is waited for at a start: half of it would decide what cannot be undone', async () => {
    writeFileSync(overlay, OVERLAY[0] ?? '');
    const started = slow.start();
    await polls(3);
    await pass(2000);
    expect(slow.policy).toBeNull();
    writeFileSync(overlay, OVERLAY.join(''));
    await utimes(overlay, new Date(), new Date());
    await polls(3);
    await pass(2000);
    expect(slow.policy).toBeNull();
    vi.advanceTimersByTime(1100);
    await started;
    expect(limits()).toEqual([600_000, 400]);
  });

  it('delays a start by ten seconds at most, says so, and takes effect when its writer rests', async () => {
    let isStarted = false;
    const started = slow.start().then(() => {
      isStarted = true;
    });
    for (let line = 0; !isStarted; line++) {
      writeFileSync(overlay, `maxWait: ${line + 2} min\n`);
      await utimes(overlay, new Date(), new Date());
      vi.advanceTimersByTime(500);
      await polls(1);
    }
    await started;
    expect(slow.policy).toBeNull();
    expect(slow.status.refused?.errors).toEqual([expect.stringContaining('is still being written')]);
    await pass(3100);
    await expect.poll(() => slow.policy !== null).toBe(true);
    expect(slow.status.refused).toBeNull();
  });

  it('counts at once where an older file comes by rename', async () => {
    putPolicy(overlay, '{}\n');
    await slow.start();
    putPolicy(overlay, OVERLAY.join(''));
    await expect.poll(limits).toEqual([600_000, 400]);
  });

  it('takes effect though its time lies in the future, as of a clock that is wrong', async () => {
    putPolicy(overlay, '{}\n');
    await slow.start();
    writeFileSync(overlay, OVERLAY.join(''));
    await utimes(overlay, new Date(), new Date(Date.now() + 86_400_000));
    await polls(5);
    expect(limits()).toEqual([1_800_000, 300]);
    await pass(3100);
    await expect.poll(limits).toEqual([600_000, 400]);
  });
});

describe('PolicyFiles of a directory', () => {
  let set: PolicyFiles;
  let directory: string;
  const put = (name: string, text: string) => writeFile(join(directory, name), text);

  beforeEach(async () => {
    directory = join(folder, 'policy');
    await mkdir(directory);
    await put('10-seed.yaml', SEED);
    await put('20-site.yaml', 'maxWait: 10 min\n');
    await put('20-site.test.yaml', 'cases: []\n');
    await put('.hidden.yaml', 'x: 1\n');
    await put('README', 'x: 1\n');
    set = new PolicyFiles(directory, FAST);
    events = [];
    set.on('loaded', ({ maxWaitMs, downtimeMs }) => events.push(`loaded ${maxWaitMs} ${downtimeMs}`));
    set.on('refused', (errors) => events.push(`refused ${errors.map(({ file }) => file)}`));
    await set.start();
  });
  afterEach(() => set.stop());

  it('reads its policy files in the order of their names, no cases and no hidden files', async () => {
    expect(events).toEqual(['loaded 600000 300']);
    expect(set.policy?.id).toMatch(/^10-seed\.yaml\+20-site\.yaml@/);
    await put('30-late.yaml', 'maxWait: 20 min\n');
    await eventually(() => expect(set.policy?.maxWaitMs).toBe(1_200_000));
    await rm(join(directory, '30-late.yaml'));
    await eventually(() => expect(set.policy?.maxWaitMs).toBe(600_000));
  });

  it('takes a change to several files as one, or not at all', async () => {
    await put('20-site.yaml', 'maxWait: 5\n');
    await put('10-seed.yaml', withDowntime(400));
    await eventually(() => expect(events.at(-1)).toBe('refused 20-site.yaml'));
    expect(set.policy?.downtimeMs).toBe(300);
    await put('20-site.yaml', 'maxWait: 5 min\n');
    await eventually(() => expect(events.at(-1)).toBe('loaded 300000 400'));
    expect(events.filter((event) => event.startsWith('loaded'))).toHaveLength(2);
  });

  it('takes nothing while one of them is being written', async () => {
    const text = `${'# a long comment\n'.repeat(50)}maxWait: 7 min\ndowntime: 900 ms\n`;
    for (let end = 0; end <= text.length; end += 97) {
      await put('20-site.yaml', text.slice(0, end));
      await polls(0.4);
    }
    await put('20-site.yaml', text);
    await eventually(() => expect(set.policy?.downtimeMs).toBe(900));
    expect(events.filter((event) => event.startsWith('loaded'))).toEqual(['loaded 600000 300', 'loaded 420000 900']);
  });

  it('keeps the last good one when a file becomes empty, and when all go away', async () => {
    await put('20-site.yaml', '');
    await eventually(() => expect(events.at(-1)).toBe('refused 20-site.yaml'));
    await rm(directory, { recursive: true });
    await eventually(() => expect(events.at(-1)).toBe('refused policy'));
    expect(set.policy?.maxWaitMs).toBe(600_000);
  });
});

describe('PolicyFiles of a list', () => {
  it('puts later files over earlier ones and names each that cannot be read', async () => {
    await writeFile(join(folder, 'a.yaml'), 'maxWait: 1 min\n');
    await writeFile(join(folder, 'b.yaml'), 'maxWait: 2 min\n');
    const paths = [file, join(folder, 'b.yaml'), join(folder, 'a.yaml')];
    const list = new PolicyFiles(paths, FAST);
    await list.start();
    await list.stop();
    expect(list.policy?.maxWaitMs).toBe(60_000);
    const broken = new PolicyFiles([...paths, join(folder, 'c.yaml'), join(folder, 'd.yaml')]);
    await broken.start();
    await broken.stop();
    expect(broken.policy).toBeNull();
    expect(broken.status.refused?.errors).toEqual([
      expect.stringMatching(/^c\.yaml:1:1: cannot be read: ENOENT/),
      expect.stringMatching(/^d\.yaml:1:1: cannot be read: ENOENT/),
    ]);
  });
});
