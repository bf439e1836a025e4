import { describe, expect, it } from 'vitest';
import { MigrationView } from '../../../../hostd/contract.ts';
import type { JobInfo } from '../../../../hostd/measure/job.ts';
import {
  followMigration,
  forgetEnded,
  KEEP_ENDED_MS,
  type MigrationSignal,
} from '../../../../hostd/measure/migrations.ts';

const VM = '3f6a1c9e-4b1d-4a55-9a3c-0d6d5a1f2b10';

type Happening = MigrationSignal extends infer S ? (S extends unknown ? Omit<S, 'vmUuid' | 'domain'> : never) : never;

function follow(happenings: Happening[]): readonly MigrationView[] {
  let views: readonly MigrationView[] = [];
  for (const happening of happenings) {
    views = followMigration(views, { vmUuid: VM, domain: 'instance-00000010', ...happening } as MigrationSignal);
  }
  for (const view of views) MigrationView.parse(view);
  return views;
}

const status = (atMs: number, text: string): Happening => ({ type: 'status', atMs, status: text });
const job: JobInfo = {
  operation: 'outgoing',
  elapsedMs: 1000,
  memoryTotalBytes: 100,
  memoryRemainingBytes: 40,
  memoryProcessedBytes: 60,
  transferBytesPerSecond: 10,
  dirtyBytesPerSecond: 5,
  iteration: 1,
  postCopyRequests: 0,
};

describe('the source', () => {
  // The order in which virsh gave the events of real migrations.
  it('follows a pre-copy', () => {
    const [view] = follow([
      status(1, 'setup'),
      { type: 'pass', atMs: 2, pass: 1 },
      status(3, 'active'),
      { type: 'pass', atMs: 50, pass: 2 },
      { type: 'stop', atMs: 60 },
      status(61, 'pre-switchover'),
      status(62, 'device'),
      { type: 'pass', atMs: 63, pass: 3 },
      status(80, 'completed'),
      { type: 'gone', atMs: 90, migrated: true },
    ]);
    expect(view).toMatchObject({
      role: 'source',
      status: 'completed',
      startedAtMs: 1,
      activeAtMs: 3,
      postCopyAtMs: null,
      stoppedAtMs: 60,
      endedAtMs: 80,
      iterations: 3,
    });
    expect(view?.passes.map(({ atMs }) => atMs)).toEqual([2, 50, 63]);
  });

  it('follows a post-copy', () => {
    const views = follow([
      status(1, 'setup'),
      status(3, 'active'),
      { type: 'stop', atMs: 10 },
      status(12, 'postcopy-active'),
    ]);
    expect(views).toMatchObject([{ status: 'post-copy', postCopyAtMs: 12, stoppedAtMs: 10, endedAtMs: null }]);
  });

  it('takes a stop that was undone for no blackout', () => {
    const views = follow([
      status(1, 'setup'),
      status(3, 'active'),
      { type: 'stop', atMs: 10 },
      { type: 'resume', atMs: 11 },
    ]);
    expect(views[0]?.stoppedAtMs).toBeNull();
    expect(followMigration(views, { ...base(20), type: 'status', status: 'cancelled' })).toMatchObject([
      { status: 'cancelled', endedAtMs: 20 },
    ]);
  });

  it('ends as failed when the guest dies while pre-copy runs, as completed when post-copy had switched', () => {
    const dies: Happening = { type: 'gone', atMs: 9, migrated: false };
    expect(follow([status(1, 'active'), dies])[0]?.status).toBe('failed');
    expect(follow([status(1, 'active'), status(2, 'postcopy-active'), dies])[0]?.status).toBe('completed');
  });

  it('is found again half way by its job, and only when hostd just started', () => {
    expect(follow([{ type: 'job', atMs: 5000, job, discover: true }])).toMatchObject([
      { role: 'source', status: 'active', startedAtMs: 4000, memoryRemainingBytes: 40, transferBitsPerSecond: 80 },
    ]);
    expect(follow([{ type: 'job', atMs: 5000, job, discover: false }])).toEqual([]);
  });

  // Printed when QEMU was told migrate-pause in the middle of a post-copy; it sends the same when its stream breaks.
  it('tells an interrupted post-copy, and that it goes on', () => {
    const running: Happening[] = [
      status(1, 'setup'),
      status(3, 'active'),
      { type: 'stop', atMs: 10 },
      status(12, 'postcopy-active'),
    ];
    const interrupted = [...running, { type: 'job', atMs: 13, job, discover: false } as Happening];
    expect(follow([...interrupted, status(20, 'postcopy-paused')])).toMatchObject([
      { status: 'post-copy-paused', postCopyAtMs: 12, postCopyPausedAtMs: 20, transferBitsPerSecond: 0 },
    ]);
    const poll: Happening = { type: 'job', atMs: 21, job, discover: false };
    expect(follow([...interrupted, status(20, 'postcopy-paused'), poll])[0]?.transferBitsPerSecond).toBe(0);
    const again = [...interrupted, status(20, 'postcopy-paused'), status(30, 'postcopy-recover')];
    expect(follow(again)[0]?.status).toBe('post-copy-paused');
    expect(follow([...again, status(31, 'postcopy-active')])).toMatchObject([
      { status: 'post-copy', postCopyAtMs: 12, postCopyPausedAtMs: 20 },
    ]);
    // The guest is neither here nor there.
    expect(follow([...again, { type: 'gone', atMs: 40, migrated: false }])[0]?.status).toBe('failed');
  });

  it('counts the pages that the guest asked for', () => {
    const asked = (atMs: number, postCopyRequests: number): Happening => ({
      type: 'job',
      atMs,
      job: { ...job, postCopyRequests },
      discover: false,
    });
    expect(follow([status(1, 'active'), asked(2, 7), asked(3, 9)])[0]?.postCopyRequests).toBe(9);
    const totals = { ...job, postCopyRequests: 11 };
    expect(
      follow([status(1, 'active'), status(4, 'completed'), { type: 'totals', atMs: 5, job: totals }]),
    ).toMatchObject([{ postCopyRequests: 11 }]);
  });

  describe('after events were missed', () => {
    const look = (runs: [number, number] | null, operation: JobInfo['operation'], shutOff = ''): Happening => ({
      type: 'look',
      atMs: 50,
      look: { runs: runs === null ? null : { state: runs[0], reason: runs[1] }, shutOff, job: operation },
    });
    const active: Happening[] = [status(1, 'setup'), status(2, 'active'), { type: 'stop', atMs: 9 }];
    const postCopy: Happening[] = [...active, status(10, 'postcopy-active')];

    it.each<[string, Happening[], Happening, object]>([
      ['goes on', active, look([1, 2], 'outgoing'), { status: 'active', endedAtMs: null }],
      // Seen when libvirtd was killed and started again in the middle of a pre-copy.
      ['was given up', active, look([1, 2], 'none'), { status: 'failed', endedAtMs: 50, stoppedAtMs: null }],
      ['has left', active, look(null, 'none'), { status: 'completed', endedAtMs: 50 }],
      ['has left and is still defined', active, look(null, 'none', 'shut off (migrated)'), { status: 'completed' }],
      ['has died', active, look(null, 'none', 'shut off (crashed)'), { status: 'failed' }],
      ['has switched', active, look([3, 12], 'outgoing'), { status: 'post-copy', postCopyAtMs: 50 }],
      ['goes on in post-copy', postCopy, look([3, 12], 'outgoing'), { status: 'post-copy', postCopyAtMs: 10 }],
      ['is interrupted', postCopy, look([3, 13], 'outgoing'), { status: 'post-copy-paused', postCopyPausedAtMs: 50 }],
      ['has left in post-copy', postCopy, look(null, 'none', 'shut off (failed)'), { status: 'completed' }],
    ])('sees at the source that the guest %s', (_what, before, looked, wanted) => {
      expect(follow([...before, looked])).toMatchObject([wanted]);
    });

    const incoming: Happening[] = [{ type: 'incoming', atMs: 1 }, status(2, 'active')];
    it.each<[string, Happening, object]>([
      ['still waits', look([3, 2], 'incoming'), { status: 'incoming', endedAtMs: null }],
      ['has arrived', look([1, 2], 'none'), { status: 'completed', endedAtMs: 50, resumedAtMs: null }],
      ['runs and waits for pages', look([1, 10], 'incoming'), { status: 'post-copy', resumedAtMs: null }],
      ['runs cut off from its pages', look([1, 11], 'incoming'), { status: 'post-copy-paused' }],
      ['did not come', look(null, 'none'), { status: 'failed', endedAtMs: 50 }],
    ])('sees at the destination that the guest %s', (_what, looked, wanted) => {
      expect(follow([...incoming, looked])).toMatchObject([{ role: 'destination', ...wanted }]);
    });
  });

  it("takes libvirt's totals after its end", () => {
    const ended = [status(1, 'setup'), status(2, 'active'), status(9, 'completed')];
    const totals = { ...job, memoryRemainingBytes: 0, memoryProcessedBytes: 111, iteration: 4 };
    expect(follow([...ended, { type: 'totals', atMs: 20, job: totals }])).toMatchObject([
      { status: 'completed', endedAtMs: 9, memoryTransferredBytes: 111, memoryRemainingBytes: 0, iterations: 4 },
    ]);
  });
});

describe('the destination', () => {
  it('is incoming until the guest runs there, though QEMU says completed before', () => {
    const first = follow([{ type: 'incoming', atMs: 1 }, status(2, 'active'), status(8, 'completed')]);
    expect(first).toMatchObject([{ role: 'destination', status: 'incoming', endedAtMs: 8 }]);
    expect(followMigration(first, { ...base(9), type: 'resume' })).toMatchObject([
      { status: 'completed', resumedAtMs: 9 },
    ]);
  });

  it('runs in post-copy from the resume on', () => {
    const events: Happening[] = [{ type: 'incoming', atMs: 1 }, status(2, 'active'), status(3, 'postcopy-active')];
    const running = follow([...events, { type: 'resume', atMs: 4 }]);
    expect(running).toMatchObject([{ status: 'post-copy', postCopyAtMs: 3, resumedAtMs: 4 }]);
    expect(followMigration(running, { ...base(9), type: 'status', status: 'completed' })[0]?.status).toBe('completed');
  });

  it('is interrupted in post-copy, and goes on', () => {
    const events: Happening[] = [
      { type: 'incoming', atMs: 1 },
      status(3, 'postcopy-active'),
      { type: 'resume', atMs: 4 },
    ];
    const paused = follow([...events, status(9, 'postcopy-paused')]);
    expect(paused).toMatchObject([{ status: 'post-copy-paused', postCopyPausedAtMs: 9, resumedAtMs: 4 }]);
    expect(followMigration(paused, { ...base(12), type: 'status', status: 'postcopy-active' })).toMatchObject([
      { status: 'post-copy', postCopyAtMs: 3 },
    ]);
  });

  it('keeps what was read of it while it was taken for a source', () => {
    const early: Happening[] = [
      status(1, 'setup'),
      status(2, 'active'),
      status(3, 'postcopy-active'),
      { type: 'resume', atMs: 4 },
    ];
    const there = { role: 'destination', startedAtMs: 1, activeAtMs: 2, postCopyAtMs: 3, resumedAtMs: 4 };
    expect(follow([...early, { type: 'incoming', atMs: 5 }])).toMatchObject([{ ...there, status: 'post-copy' }]);
    // Even if QEMU's end is read before libvirt's beginning.
    const late: Happening[] = [...early, status(6, 'completed'), { type: 'incoming', atMs: 7 }];
    expect(follow(late)).toMatchObject([{ ...there, status: 'completed', endedAtMs: 6 }]);
  });

  it('is another migration if the guest comes back long after it left unseen', () => {
    const left: Happening[] = [status(1, 'setup'), status(6, 'completed'), { type: 'incoming', atMs: 60_000 }];
    expect(follow(left)).toMatchObject([{ role: 'source' }, { role: 'destination', startedAtMs: 60_000 }]);
  });

  it("is the destination even if QEMU's setup was read before libvirt's word", () => {
    expect(follow([status(1, 'setup'), { type: 'incoming', atMs: 2 }])).toMatchObject([
      { role: 'destination', status: 'incoming', startedAtMs: 1 },
    ]);
  });

  it('fails when its QEMU goes before the guest ran', () => {
    expect(
      follow([
        { type: 'incoming', atMs: 1 },
        { type: 'gone', atMs: 5, migrated: false },
      ])[0]?.status,
    ).toBe('failed');
  });
});

describe('followMigration', () => {
  it('sees no migration in a guest that stops, resumes or ends by itself', () => {
    expect(
      follow([
        { type: 'stop', atMs: 1 },
        { type: 'resume', atMs: 2 },
        { type: 'gone', atMs: 3, migrated: false },
      ]),
    ).toEqual([]);
  });

  it('keeps the way there and the way back apart', () => {
    const there: Happening[] = [{ type: 'incoming', atMs: 1 }, status(3, 'completed'), { type: 'resume', atMs: 4 }];
    expect(follow([...there, status(10, 'setup')]).map(({ role, status: now }) => `${role} ${now}`)).toEqual([
      'destination completed',
      'source setup',
    ]);
  });

  it('forgets what ended long ago and never what runs', () => {
    const views = follow([status(1, 'setup'), status(2, 'failed'), status(3, 'setup')]);
    expect(forgetEnded(views, 2 + KEEP_ENDED_MS).map(({ status: now }) => now)).toEqual(['setup']);
    expect(forgetEnded(views, 100)).toBe(views);
  });
});

function base(atMs: number) {
  return { vmUuid: VM, domain: 'instance-00000010', atMs };
}
