/** What may stand on a NIC before hostd comes: lines for `tc qdisc add dev nic0` and the like, and what is refused then. */
export interface FoundRoot {
  name: string;
  /** tc commands, each without `tc`. */
  make: readonly string[];
  /** Directions that hostd refuses to shape here, with `qdisc-foreign`. */
  refused?: 'tx' | 'rx';
}

const qdisc = (text: string) => `qdisc add dev nic0 ${text}`;

export const FOUND_ROOTS: readonly [FoundRoot, ...FoundRoot[]] = [
  { name: 'none (noqueue)', make: [] },
  { name: 'pfifo_fast', make: [qdisc('root handle 5: pfifo_fast')] },
  { name: 'bfifo', make: [qdisc('root handle 7: bfifo limit 777777')] },
  { name: 'pfifo with a handle of the kernel', make: [qdisc('root pfifo limit 50')] },
  { name: 'tbf', make: [qdisc('root handle 9: tbf rate 100mbit burst 32kb latency 50ms')] },
  {
    name: 'tbf with a child',
    make: [
      qdisc('root handle 9: tbf rate 1gbit burst 64kb limit 1000000'),
      qdisc('parent 9:1 handle 10: bfifo limit 99999'),
    ],
  },
  { name: 'mq', make: [qdisc('root handle 1: mq')] },
  {
    name: 'mq with queues of its own',
    make: [
      qdisc('root handle 1: mq'),
      qdisc('parent 1:4 handle 14: pfifo limit 14'),
      qdisc('parent 1:2 handle 12: tbf rate 50mbit burst 16kb latency 20ms'),
      qdisc('parent 1:1 bfifo limit 111111'),
    ],
  },
  {
    name: 'HTB of somebody else',
    make: [
      qdisc('root handle 1: htb default 10'),
      'class add dev nic0 parent 1: classid 1:10 htb rate 100mbit',
      'filter add dev nic0 parent 1: protocol ip pref 5 u32 match u32 0 0 flowid 1:10',
    ],
    refused: 'tx',
  },
  { name: 'clsact of somebody else', make: [qdisc('clsact')], refused: 'rx' },
];
