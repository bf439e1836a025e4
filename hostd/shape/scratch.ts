import type { RunCommand } from '../command.ts';
import { describeError, HostdError } from '../errors.ts';
import { comparable, isDefault, rebuildOperations, type Shown } from './foreign.ts';
import { countTxQueues, readLink } from './links.ts';

/** A device for trying things on; its address tells hostd that it is its own, as with drover-ifb0. */
export interface Scratch {
  name: string;
  address: string;
}

export const SCRATCH: Scratch = { name: 'drover-try0', address: '02:d7:07:1f:b0:01' };

/**
 * The tc lines that bring back what stands at the root of `nic`, after they were tried: made on a device of as many
 * queues, tc must show of it what it shows of the NIC. Empty where the kernel brings it back by itself.
 *
 * @throws HostdError `qdisc-foreign` if it could not be brought back exactly; the NIC is not touched.
 */
export async function provenRebuild(nic: string, run: RunCommand, scratch = SCRATCH): Promise<string[]> {
  const shown = await show(nic, run);
  if (isDefault(shown)) return [];
  const operations = rebuildOperations(nic, shown);
  const refuse = (why: string): never => {
    throw new HostdError(
      'qdisc-foreign',
      `${nic} has queueing of somebody else that could not be put back exactly (${why}): ` +
        `${comparable({ ...shown, json: '' }).replaceAll('\n', '; ')}. ` +
        `Remove it (tc qdisc del dev ${nic} root) or keep Drover from shaping this host.`,
    );
  };
  if (shown.filters.trim() !== '') return refuse('it has filters');
  if (operations.length === 0) return refuse('its root is of the kernel, its parts are not');
  await removeScratch(run, scratch);
  await makeScratch(nic, run, scratch);
  try {
    await run('tc', ['-batch', '-'], { input: `${rebuildOperations(scratch.name, shown).join('\n')}\n` }).catch(
      (error) => refuse(`tc does not take it back: ${describeError(error)}`),
    );
    if (comparable(await show(scratch.name, run)) !== comparable(shown)) refuse('made again it is not the same');
  } finally {
    await removeScratch(run, scratch);
  }
  return operations;
}

/** To be called at every start too: a crash may have left it. */
export async function removeScratch(run: RunCommand, { name, address } = SCRATCH): Promise<void> {
  const link = await readLink(name);
  if (link?.address === address) await run('ip', ['link', 'del', 'dev', name]);
}

async function makeScratch(nic: string, run: RunCommand, { name, address }: Scratch): Promise<void> {
  if ((await readLink(name)) !== null) {
    throw new HostdError('qdisc-foreign', `An interface ${name} exists that is not Drover's. Rename or remove it.`);
  }
  const queues = String(await countTxQueues(nic));
  const length = String((await readLink(nic))?.txQueueLength ?? 1000);
  await run('ip', [
    ...['link', 'add', 'name', name, 'address', address],
    ...['txqueuelen', length, 'numtxqueues', queues, 'type', 'ifb'],
  ]);
}

async function show(dev: string, run: RunCommand): Promise<Shown> {
  const [qdiscs, json, classes, filters] = await Promise.all([
    run('tc', ['-r', 'qdisc', 'show', 'dev', dev]),
    run('tc', ['-r', '-j', 'qdisc', 'show', 'dev', dev]),
    run('tc', ['class', 'show', 'dev', dev]),
    run('tc', ['filter', 'show', 'dev', dev]),
  ]);
  return { qdiscs, json, classes, filters };
}
