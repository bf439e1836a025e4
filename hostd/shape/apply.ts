import type { Logger } from 'pino';
import { type RunCommand, runCommand } from '../command.ts';
import type { LinkReservation } from '../contract.ts';
import { describeError, HostdError } from '../errors.ts';
import { type Found, readFound, removeFound, writeFound } from './found.ts';
import { desiredTree, isWhole, type LinkLimits, ROOT } from './htb.ts';
import { type DeviceState, parseDevice, showOperations } from './kernel.ts';
import { type Link, readLink } from './links.ts';
import {
  IFB,
  isKernelsOwn,
  isNothing,
  ownsIngress,
  planSteps,
  rootOf,
  type Seen,
  type Steps,
  type Trees,
} from './plan.ts';
import { provenRebuild, removeScratch } from './scratch.ts';

/**
 * The IFB's address, by which hostd knows a device that it made. It is given in the same call that makes the device (an
 * alias is not: the kernel ignores IFLA_IFALIAS there), so no crash leaves one without it.
 */
const IFB_ADDRESS = '02:d7:07:1f:b0:00';
/** tc answers in milliseconds; one that hangs must not hold a call of the API longer than its client waits. */
const TC_TIMEOUT_MS = 2500;
/** No attempt to put things back begins later than this after the first operation; the next one follows by itself. */
const UNDO_WITHIN_MS = 4500;

/** What stands on the NIC: nothing of hostd's where a direction is null. */
export interface Desired {
  tx: LinkReservation | null;
  rx: LinkReservation | null;
}

export interface ShaperOptions {
  nic: string;
  stateDir: string;
  bootId: string;
  limits: (direction: 'tx' | 'rx') => LinkLimits;
}

const NOTHING: Trees = { tx: null, rx: null };

/**
 * Brings the NIC to what is wanted: reads the kernel, sends only the difference, reads again. Safe to call again at any
 * time and after any crash; callers must not overlap calls.
 */
export class Shaper {
  readonly #options: ShaperOptions;
  readonly #log: Logger;
  readonly #run: RunCommand;
  /** The interfaces that the last call left classes on. */
  #left: { nic: number; ifb: number | null } | null = null;
  /** What the present call met. */
  #before: Trees | null = null;
  /** When it first changed anything. */
  #touchedAtMs: number | null = null;

  constructor(options: ShaperOptions, log: Logger, run: RunCommand = runCommand) {
    this.#options = options;
    this.#log = log;
    this.#run = (file, args, more) => run(file, args, { timeoutMs: TC_TIMEOUT_MS, ...more });
  }

  /**
   * @throws HostdError `qdisc-foreign` if somebody else's queueing stands there that could not be put back,
   * `device-missing` if there is no such NIC, `state-unwritable` if what was found cannot be noted; then nothing was
   * touched. `shape-failed` if tc failed; its text tells what stands now.
   */
  async apply(desired: Desired): Promise<void> {
    const { limits } = this.#options;
    const wanted = {
      tx: desired.tx === null ? null : desiredTree(desired.tx, limits('tx')),
      rx: desired.rx === null ? null : desiredTree(desired.rx, limits('rx')),
    };
    this.#touchedAtMs = null;
    this.#before = null;
    this.#left = null;
    try {
      await this.#converge(wanted);
    } catch (error) {
      throw await this.#failure(error);
    }
    // Where nothing of hostd's stands nothing can be lost.
    if (desired.tx === null && desired.rx === null) return;
    const [nic, ifb] = await Promise.all([readLink(this.#options.nic), readLink(IFB)]);
    this.#left = nic === null ? null : { nic: nic.ifindex, ifb: desired.rx === null ? null : (ifb?.ifindex ?? null) };
  }

  /** False if NIC or IFB were taken away or made anew since the last call. Reads sysfs only. */
  async intact(): Promise<boolean> {
    const left = this.#left;
    if (left === null) return true;
    const [nic, ifb] = await Promise.all([readLink(this.#options.nic), left.ifb === null ? null : readLink(IFB)]);
    return nic?.ifindex === left.nic && (left.ifb === null || ifb?.ifindex === left.ifb);
  }

  async #converge(wanted: Trees): Promise<void> {
    const { nic, stateDir } = this.#options;
    await removeScratch(this.#run);
    const link = await readLink(nic);
    if (link === null) return this.#withoutNic(wanted);
    const seen = await this.#see(wanted);
    this.#before ??= wholeTrees(seen);
    let found = await this.#foundOn(link);
    if (wanted.tx !== null) await this.#note(link, seen, found);
    const rebuild = wanted.tx === null ? due(found, seen.nic) : [];
    const steps = planSteps(nic, seen, wanted, rebuild);
    if (rebuild.length > 0 && found !== null) {
      found = { ...found, restoring: true };
      await writeFound(stateDir, found);
    }
    await this.#execute(steps);
    if (!isNothing(steps)) await this.#verify(wanted, found);
    if (wanted.tx === null) await removeFound(stateDir);
  }

  async #verify(wanted: Trees, found: Found | null): Promise<void> {
    const { nic } = this.#options;
    const seen = await this.#see(wanted);
    const left = planSteps(nic, seen, wanted, wanted.tx === null ? due(found, seen.nic) : []);
    if (!isNothing(left)) throw new HostdError('shape-failed', `The kernel did not take: ${JSON.stringify(left)}`);
    if (wanted.tx === null && found !== null && found.shown !== shown(seen.nic)) {
      // A root of the kernel's own is not hostd's to choose: it follows net.core.default_qdisc.
      this.#log.warn(
        { found: found.shown, now: shown(seen.nic) },
        'The NIC has other qdiscs now than were found on it',
      );
    }
  }

  /** Where the NIC is gone its classes are gone with it; only the IFB is left to take away. */
  async #withoutNic(wanted: Trees): Promise<void> {
    const { nic, stateDir } = this.#options;
    if ((await readLink(IFB))?.address === IFB_ADDRESS) await this.#run('ip', ['link', 'del', 'dev', IFB]);
    await removeFound(stateDir);
    if (wanted.tx === null && wanted.rx === null) return;
    throw new HostdError(
      'device-missing',
      `There is no interface ${nic}. Bring it back (\`ip link show dev ${nic}\`), or set \`nic\` in the configuration.`,
    );
  }

  /** @throws HostdError `qdisc-foreign` if what is wanted needs a place that somebody else has. */
  async #see(wanted: Trees): Promise<Seen> {
    const { nic } = this.#options;
    const link = await readLink(IFB);
    const mine = link?.address === IFB_ADDRESS;
    if (wanted.rx !== null && link !== null && !mine) {
      throw new HostdError('qdisc-foreign', `An interface ${IFB} exists that is not Drover's. Rename or remove it.`);
    }
    const [state, ifb] = await Promise.all([this.#show(nic), mine ? this.#show(IFB) : null]);
    const seen = { nic: state, ifb: link !== null && ifb !== null ? { up: link.up, state: ifb } : null };
    const { ingress } = state;
    if (wanted.rx !== null && ingress !== null && !ownsIngress(seen)) {
      throw new HostdError(
        'qdisc-foreign',
        `${nic} has the ${ingress.kind} qdisc of somebody else. Remove it (tc qdisc del dev ${nic} ${ingress.kind}) or ` +
          'keep Drover from shaping what this host receives.',
      );
    }
    return seen;
  }

  async #show(dev: string): Promise<DeviceState> {
    return parseDevice(await this.#run('tc', ['-batch', '-'], { input: `${showOperations(dev).join('\n')}\n` }));
  }

  async #foundOn(link: Link): Promise<Found | null> {
    const { nic, stateDir, bootId } = this.#options;
    return readFound(stateDir, { bootId, nic, ifindex: link.ifindex });
  }

  /** Nothing may be touched before it is known, and on disk, how all of it is put back. */
  async #note(link: Link, seen: Seen, found: Found | null): Promise<void> {
    const { nic, stateDir, bootId } = this.#options;
    if (rootOf(seen.nic)?.handle === ROOT) return;
    const kernels = isKernelsOwn(seen.nic);
    // hostd's own root was taken away, or putting back was interrupted: what was found first still holds.
    if (found !== null && (found.restoring || (kernels && found.rebuild.length > 0))) {
      return writeFound(stateDir, { ...found, restoring: false });
    }
    const rebuild = kernels ? [] : await provenRebuild(nic, this.#run);
    await writeFound(stateDir, {
      bootId,
      nic,
      ifindex: link.ifindex,
      rebuild,
      shown: shown(seen.nic),
      restoring: false,
    });
  }

  async #execute({ makeIfb, raiseIfb, operations, removeIfb }: Steps): Promise<void> {
    const batch = async (file: string, lines: readonly string[]) => {
      if (lines.length === 0) return;
      this.#touchedAtMs ??= performance.now();
      this.#log.debug({ file, lines }, 'batch');
      await this.#run(file, ['-batch', '-'], { input: `${lines.join('\n')}\n` });
    };
    await batch('ip', [
      ...(makeIfb ? [`link add name ${IFB} address ${IFB_ADDRESS} type ifb`] : []),
      ...(raiseIfb ? [`link set dev ${IFB} up`] : []),
    ]);
    await batch('tc', operations);
    await batch('ip', removeIfb ? [`link del dev ${IFB}`] : []);
  }

  async #failure(error: unknown): Promise<HostdError> {
    const { nic } = this.#options;
    if (this.#touchedAtMs === null) {
      if (error instanceof HostdError && error.code !== 'command-failed') return error;
      return new HostdError(
        'shape-failed',
        `Nothing was changed on ${nic}, for tc or ip could not be used. Is iproute2 installed and in hostd's PATH?`,
        { cause: error },
      );
    }
    const undone = await this.#undo(this.#touchedAtMs);
    if ((await readLink(nic)) === null) {
      return new HostdError('device-missing', `${nic} vanished while it was shaped. Bring it back, then ask again.`, {
        cause: error,
      });
    }
    return new HostdError('shape-failed', `Bandwidth classes on ${nic} could not be set; ${undone}`, { cause: error });
  }

  async #undo(touchedAtMs: number): Promise<string> {
    const before = this.#before ?? NOTHING;
    const attempts: [Trees, string][] = [[before, 'what stood there before is back.']];
    if (before.tx !== null || before.rx !== null) attempts.push([NOTHING, 'all classes of Drover were taken away.']);
    for (const [trees, text] of attempts) {
      if (performance.now() - touchedAtMs > UNDO_WITHIN_MS) break;
      try {
        await this.#converge(trees);
        return text;
      } catch (error) {
        this.#log.error({ error: describeError(error) }, 'Cannot put back what stood on the NIC');
      }
    }
    return `they are half done and hostd tries again every second. See \`tc qdisc show dev ${this.#options.nic}\`.`;
  }
}

/** What can be put back as it was met: a tree that is half built is not. */
function wholeTrees(seen: Seen): Trees {
  const whole = (state: DeviceState | undefined) => (state?.tree && isWhole(state.tree) ? state.tree : null);
  return {
    tx: whole(seen.nic),
    rx: ownsIngress(seen) && seen.nic.ingress?.redirects[0] === IFB ? whole(seen.ifb?.state) : null,
  };
}

/** The lines that are still to run until the root is as it was found. */
function due(found: Found | null, state: DeviceState): readonly string[] {
  if (found === null) return [];
  const ours = rootOf(state)?.handle === ROOT;
  const unfinished = (found.restoring || isKernelsOwn(state)) && found.shown !== shown(state);
  return ours || unfinished ? found.rebuild : [];
}

function shown({ qdiscs }: DeviceState): string {
  return qdiscs
    .filter(({ parent }) => parent !== 'ffff:fff1')
    .map(({ kind, handle, parent, options }) => `${kind} ${handle} ${parent ?? 'root'} ${options}`)
    .join('\n');
}
