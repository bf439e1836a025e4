/** One answer of `virsh domjobinfo --rawstats`. Sizes in bytes, rates in bytes per second. */
export interface JobInfo {
  operation: 'outgoing' | 'incoming' | 'other' | 'none';
  elapsedMs: number;
  memoryTotalBytes: number;
  memoryRemainingBytes: number;
  memoryProcessedBytes: number;
  transferBytesPerSecond: number;
  dirtyBytesPerSecond: number;
  iteration: number;
  /** Pages that the guest asked for in post-copy. */
  postCopyRequests: number;
}

/** virDomainJobOperation of libvirt-domain.h. */
const INCOMING = 4;
const OUTGOING = 5;

export function parseJobInfo(text: string): JobInfo {
  const raw = new Map(
    text.split('\n').flatMap((line): [string, number][] => {
      const match = /^\s*([a-z_]+):\s*(\d+)\s*$/.exec(line);
      return match?.[1] === undefined ? [] : [[match[1], Number(match[2])]];
    }),
  );
  const figure = (name: string) => raw.get(name) ?? 0;
  const operation = raw.get('operation');
  return {
    operation:
      operation === undefined
        ? 'none'
        : operation === OUTGOING
          ? 'outgoing'
          : operation === INCOMING
            ? 'incoming'
            : 'other',
    elapsedMs: figure('time_elapsed'),
    memoryTotalBytes: figure('memory_total'),
    memoryRemainingBytes: figure('memory_remaining'),
    memoryProcessedBytes: figure('memory_processed'),
    transferBytesPerSecond: figure('memory_bps'),
    dirtyBytesPerSecond: figure('memory_dirty_rate') * figure('memory_page_size'),
    iteration: figure('memory_iteration'),
    postCopyRequests: figure('memory_postcopy_requests'),
  };
}
