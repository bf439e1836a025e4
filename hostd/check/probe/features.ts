import { type RunCommand, runCommand } from '../../command.ts';
import { describeError } from '../../errors.ts';
import type { Feature, FeatureTrials } from '../judge/shaping.ts';
import { removeLeftovers, SCRATCH } from './scratch.ts';

const dev = SCRATCH.name;

/** Each with what it stands on. The redirect leads back to the device itself: nothing enters there. */
const TRIALS: readonly { feature: Feature; needs: readonly Feature[]; argv: readonly string[][] }[] = [
  {
    feature: 'ifb',
    needs: [],
    argv: [['ip', 'link', 'add', 'name', dev, 'address', SCRATCH.address, 'type', 'ifb']],
  },
  {
    feature: 'htb',
    needs: ['ifb'],
    argv: [
      ['tc', 'qdisc', 'add', 'dev', dev, 'root', 'handle', '1:', 'htb', 'default', '10'],
      ['tc', 'class', 'add', 'dev', dev, 'parent', '1:', 'classid', '1:10', 'htb', 'rate', '1mbit'],
    ],
  },
  {
    feature: 'bfifo',
    needs: ['htb'],
    argv: [['tc', 'qdisc', 'add', 'dev', dev, 'parent', '1:10', 'handle', '10:', 'bfifo', 'limit', '131072']],
  },
  {
    feature: 'bpf',
    needs: ['htb'],
    // A program of one instruction: return 0, no class.
    argv: [
      ['tc', 'filter', 'add', 'dev', dev, 'parent', '1:', ...words('protocol all pref 1 bpf bytecode'), '1,6 0 0 0'],
    ],
  },
  {
    feature: 'u32',
    needs: ['htb'],
    argv: [
      ['tc', 'filter', 'add', 'dev', dev, 'parent', '1:', ...words('protocol ip pref 2 u32 match u32 0 0 flowid 1:10')],
    ],
  },
  { feature: 'ingress', needs: ['ifb'], argv: [['tc', 'qdisc', 'add', 'dev', dev, 'handle', 'ffff:', 'ingress']] },
  {
    feature: 'mirred',
    needs: ['ingress', 'u32'],
    argv: [
      [
        ...['tc', 'filter', 'add', 'dev', dev, 'parent', 'ffff:'],
        ...words(`protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev ${dev}`),
      ],
    ],
  },
];

/** Tries what the classes are made of, on a device of its own: the NIC is not touched. */
export async function probeFeatures(run: RunCommand = runCommand): Promise<FeatureTrials> {
  const trials: FeatureTrials = {};
  try {
    await removeLeftovers(run);
    for (const { feature, needs, argv } of TRIALS) {
      if (!needs.every((need) => trials[need] === null)) continue;
      trials[feature] = await failure(argv, run);
    }
  } finally {
    await removeLeftovers(run).catch(() => undefined);
  }
  return trials;
}

async function failure(argv: readonly string[][], run: RunCommand): Promise<string | null> {
  try {
    for (const [file = '', ...args] of argv) await run(file, args);
    return null;
  } catch (error) {
    return describeError(error);
  }
}

function words(text: string): string[] {
  return text.split(' ');
}
