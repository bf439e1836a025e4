import {
  findAttribute,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  netlinkMessage,
  valueEnd,
} from '../../../hostd/measure/count/netlink.ts';

/** linux/rtnetlink.h, pkt_sched.h, gen_stats.h. */
const RTM_NEWTCLASS = 40;
const RTM_GETTCLASS = 42;
const TCMSG_BYTES = 20;
const TCA_STATS2 = 7;
const TCA_STATS_BASIC = 1;
const TCA_STATS_QUEUE = 3;

export interface ClassCounters {
  /** Minor number, e.g. 0x20. */
  minor: number;
  bytes: number;
  backlogBytes: number;
  drops: number;
}

/** Asks for all classes of one interface. */
export function dumpClasses(sequence: number, ifindex: number): Buffer {
  const head = Buffer.alloc(TCMSG_BYTES);
  head.writeInt32LE(ifindex, 4);
  return netlinkMessage(RTM_GETTCLASS, NLM_F_REQUEST | NLM_F_DUMP, sequence, head);
}

export function parseClass(part: Buffer, type: number, from: number, to: number): ClassCounters | null {
  if (type !== RTM_NEWTCLASS) return null;
  const stats = findAttribute(part, TCA_STATS2, from + TCMSG_BYTES, to);
  if (stats === -1) return null;
  const basic = findAttribute(part, TCA_STATS_BASIC, stats, valueEnd(part, stats));
  const queue = findAttribute(part, TCA_STATS_QUEUE, stats, valueEnd(part, stats));
  if (basic === -1 || queue === -1) return null;
  return {
    minor: part.readUInt32LE(from + 8) & 0xffff,
    bytes: Number(part.readBigUInt64LE(basic)),
    backlogBytes: part.readUInt32LE(queue + 4),
    drops: part.readUInt32LE(queue + 8),
  };
}
