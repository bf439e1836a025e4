import { describe, expect, it } from 'vitest';
import { parseEventLine } from '../../../../hostd/measure/events.ts';
import { parseJobInfo } from '../../../../hostd/measure/job.ts';

// Printed by virsh 11.3 during a live migration by Nova.
describe('parseEventLine', () => {
  it("reads QEMU's events with QEMU's own time", () => {
    expect(
      parseEventLine(`event MIGRATION at 1795441922.696259 for domain 'instance-00000010': {"status":"setup"}`),
    ).toEqual({
      kind: 'qemu',
      event: 'MIGRATION',
      domain: 'instance-00000010',
      data: { status: 'setup' },
      atMs: 1795441922696.259,
    });
    expect(parseEventLine(`event STOP at 1795441929.195599 for domain 'instance-00000010': <null>`)).toMatchObject({
      event: 'STOP',
      data: null,
    });
  });

  it("reads libvirt's lifecycle events", () => {
    expect(parseEventLine(`event 'lifecycle' for domain 'instance-00000010': Started Migrated`)).toEqual({
      kind: 'lifecycle',
      domain: 'instance-00000010',
      event: 'Started',
      detail: 'Migrated',
    });
    expect(
      parseEventLine(`event 'lifecycle' for domain 'instance-00000010': Shutdown Finished after host request`),
    ).toMatchObject({ event: 'Shutdown', detail: 'Finished after host request' });
  });

  it('names other events only', () => {
    expect(parseEventLine(`event 'migration-iteration' for domain 'instance-00000010': iteration: '1'`)).toEqual({
      kind: 'other',
      domain: 'instance-00000010',
      event: 'migration-iteration',
    });
    expect(parseEventLine(`event 'job-completed' for domain 'instance-00000010':`)).toMatchObject({
      event: 'job-completed',
    });
  });

  it('is not led astray by a domain name with quotes and colons', () => {
    expect(parseEventLine(`event STOP at 1.000001 for domain 'it's: {"a":1}': <null>`)).toMatchObject({
      domain: `it's: {"a":1}`,
    });
  });

  it('takes nothing else for an event', () => {
    expect(parseEventLine('\toperation: 5')).toBeNull();
    expect(parseEventLine('error: Disconnected from qemu:///system due to end of file')).toBeNull();
  });
});

describe('parseJobInfo', () => {
  it('reads the figures of an outgoing migration', () => {
    const text = [
      '\toperation: 5',
      '\ttime_elapsed: 7844',
      '\tmemory_total: 135012352',
      '\tmemory_processed: 131090370',
    ]
      .concat(['\tmemory_remaining: 0', '\tmemory_bps: 17915863', '\tmemory_dirty_rate: 2', '\tmemory_iteration: 5'])
      .concat(['\tmemory_postcopy_requests: 3433', '\tmemory_page_size: 4096', '\tdisk_total: 0'])
      .join('\n');
    expect(parseJobInfo(text)).toEqual({
      operation: 'outgoing',
      elapsedMs: 7844,
      memoryTotalBytes: 135012352,
      memoryRemainingBytes: 0,
      memoryProcessedBytes: 131090370,
      transferBytesPerSecond: 17915863,
      dirtyBytesPerSecond: 8192,
      iteration: 5,
      postCopyRequests: 3433,
    });
  });

  it('tells an incoming one and none', () => {
    expect(parseJobInfo('operation: 4').operation).toBe('incoming');
    expect(parseJobInfo('').operation).toBe('none');
  });
});
