import { type RunCommand, runCommand } from '../../command.ts';
import { describeError } from '../../errors.ts';
import { ROOT } from '../../shape/htb.ts';
import { parseDevice, showOperations } from '../../shape/kernel.ts';
import { readLink } from '../../shape/links.ts';
import { IFB, isKernelsOwn, ownsIngress, rootOf } from '../../shape/plan.ts';
import { provenRebuild } from '../../shape/scratch.ts';
import type { QueueingFacts } from '../judge/shaping.ts';
import { removeLeftovers, SCRATCH } from './scratch.ts';

/** Reads the NIC; what stands there is rebuilt on a device of the check's own. */
export async function probeQueueing(nic: string, run: RunCommand = runCommand): Promise<QueueingFacts> {
  const show = async (dev: string) =>
    parseDevice(await run('tc', ['-batch', '-'], { input: `${showOperations(dev).join('\n')}\n` }));
  const state = await show(nic);
  const ifb = await readLink(IFB);
  const seen = { nic: state, ifb: ifb === null ? null : { up: ifb.up, state: await show(IFB) } };
  const mine = state.ingress === null || ownsIngress(seen);
  return {
    nic,
    root: await probeRoot(nic, seen.nic, run),
    foreignIngress: mine ? null : (state.ingress?.kind ?? null),
  };
}

async function probeRoot(nic: string, state: QueueingState, run: RunCommand): Promise<QueueingFacts['root']> {
  const root = rootOf(state);
  const shown = root === null ? 'none' : root.kind;
  if (root?.handle === ROOT) return { state: 'own' };
  if (isKernelsOwn(state)) return { state: 'kernel', shown };
  try {
    await removeLeftovers(run);
    await provenRebuild(nic, run, SCRATCH);
    return { state: 'provable', shown };
  } catch (error) {
    return { state: 'refused', why: describeError(error) };
  }
}

type QueueingState = Parameters<typeof rootOf>[0];
