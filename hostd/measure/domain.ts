/** What hostd takes from a domain's XML. */
export interface DomainFacts {
  taps: string[];
  memoryBytes: number;
  /** Its memory lies in huge pages, which no figure of resident memory counts; null: not known. */
  hugePages: boolean | null;
  /** Why QEMU refuses post-copy for this guest, or would not be safe with it, whatever its state. */
  postCopyBlockers: string[];
}

/** One running domain of libvirt. */
export interface Domain extends DomainFacts {
  uuid: string;
  name: string;
  /** virDomainState; 1 is running, 3 is paused. */
  state: number;
  /** virDomainPausedReason and its like. */
  reason: number;
}

const UNIT_BYTES: Record<string, number> = {
  b: 1,
  bytes: 1,
  KB: 1e3,
  k: 1024,
  KiB: 1024,
  MB: 1e6,
  M: 1024 ** 2,
  MiB: 1024 ** 2,
  GB: 1e9,
  G: 1024 ** 3,
  GiB: 1024 ** 3,
};

/** Reads the XML as libvirt itself writes it (one attribute form, no CDATA), so that no XML library is needed. */
export function parseDomainXml(xml: string): DomainFacts {
  const interfaces = xml.match(/<interface\b[\s\S]*?<\/interface>/g) ?? [];
  const taps = interfaces.flatMap((text) => /<target dev='([^']*)'/.exec(text)?.[1] ?? []).map(decodeEntities);
  const memory = /<memory unit='(\w+)'>(\d+)<\/memory>/.exec(xml);
  const blockers: string[] = [];
  // QEMU: "VFIO device doesn't support postcopy" (hw/vfio/migration.c); covers mdev (vGPU) as well.
  if (/<hostdev\b[^>]*type='(pci|mdev)'/.test(xml))
    blockers.push('a VFIO device (PCI passthrough or vGPU) is attached');
  if (/<memory model='(nvdimm|virtio-pmem)'/.test(xml)) blockers.push('persistent memory (vPMEM) is attached');
  // userfaultfd serves anonymous and shared memory and huge pages, not files of a file system.
  if (/<memoryBacking>[\s\S]*<source type='file'\/>[\s\S]*<\/memoryBacking>/.test(xml)) {
    blockers.push('the memory is backed by a file');
  }
  return {
    taps,
    memoryBytes: memory === null ? 0 : Number(memory[2]) * (UNIT_BYTES[memory[1] ?? ''] ?? 1),
    hugePages: /<memoryBacking>[\s\S]*<hugepages\b[\s\S]*<\/memoryBacking>/.test(xml),
    postCopyBlockers: blockers,
  };
}

function decodeEntities(text: string): string {
  return text
    .replaceAll('&apos;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** `virsh list --uuid --name`: one domain a line, the UUID first. */
export function parseDomainList(text: string): { uuid: string; name: string }[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([0-9a-f-]{36})\s+(.+?)\s*$/.exec(line);
    return match?.[1] === undefined || match[2] === undefined ? [] : [{ uuid: match[1], name: match[2] }];
  });
}

/** `virsh domstats --state --raw`: state and reason by domain name. */
export function parseDomainStates(text: string): Map<string, { state: number; reason: number }> {
  const states = new Map<string, { state: number; reason: number }>();
  for (const block of text.split(/^Domain: /m).slice(1)) {
    const name = /^'(.*)'\s*$/m.exec(block)?.[1];
    const state = /^\s*state\.state=(\d+)/m.exec(block)?.[1];
    const reason = /^\s*state\.reason=(\d+)/m.exec(block)?.[1];
    if (name !== undefined) states.set(name, { state: Number(state ?? 0), reason: Number(reason ?? 0) });
  }
  return states;
}

/** `virsh domstats --balloon --interface --raw` of one domain. */
export function parseDomainStats(text: string): DomainFacts {
  const taps = [...text.matchAll(/^\s*net\.\d+\.name=(.*)$/gm)].map(([, name = '']) => name);
  const kibibytes = /^\s*balloon\.maximum=(\d+)$/m.exec(text)?.[1];
  return { taps, memoryBytes: Number(kibibytes ?? 0) * 1024, hugePages: null, postCopyBlockers: [] };
}

const RUNNING = 1;
const PAUSED = 3;
/** virDomainPausedReason: 2 migration, 12 post-copy. */
const PAUSED_BY_MIGRATION = [2, 12];

/** virDomainRunningReason: 10 post-copy, 11 post-copy failed; virDomainPausedReason: 11 starting up, 13 post-copy failed. */
const RUNNING_IN_POST_COPY = [10, 11];
const PAUSED_WITH_A_JOB = [...PAUSED_BY_MIGRATION, 11, 13];

/**
 * libvirt gives out the XML of a guest that arrives only when it is there: dumpxml took 5 s in a pre-copy of 5 s, and
 * gave up after 30 s in a post-copy.
 */
export function xmlIsHeld({ state, reason }: { state: number; reason: number }): boolean {
  return (
    (state === PAUSED && PAUSED_WITH_A_JOB.includes(reason)) ||
    (state === RUNNING && RUNNING_IN_POST_COPY.includes(reason))
  );
}

export function isRunning(state: number): boolean {
  return state === RUNNING;
}

/** The guest of an incoming migration waits in this state until it may run here. */
export function isIncoming(domain: { state: number; reason: number }): boolean {
  return domain.state === PAUSED && PAUSED_BY_MIGRATION.includes(domain.reason);
}

/** All reasons against post-copy, that of the guest's state among them. */
export function postCopyBlockers(domain: Domain): string[] {
  const paused = domain.state === PAUSED && !isIncoming(domain);
  return paused ? ['the guest is paused', ...domain.postCopyBlockers] : domain.postCopyBlockers;
}
