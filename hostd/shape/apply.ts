import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { type RunCommand, runCommand } from '../command.ts';
import type { LinkReservation } from '../contract.ts';
import { describeError, HostdError } from '../errors.ts';
import { removeFile, writeDurably } from './durable.ts';
import { desiredTree, type LinkLimits, ROOT, type Tree, treeOperations } from './htb.ts';
import { parseQdiscs, Qdisc, readTree, restoreArguments } from './kernel.ts';

export const IFB = 'drover-ifb0';
/**
 * The IFB's address, by which hostd knows a device that it made. It is given in the same call that makes the device (an
 * alias is not: the kernel ignores IFLA_IFALIAS there), so no crash leaves one without it.
 */
const IFB_ADDRESS = '02:d7:07:1f:b0:00';

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

/** What was found before the first operation; written before it, deleted when all of it is back. */
const Found = z.object({ bootId: z.string(), nic: z.string(), ifindex: z.number(), root: Qdisc.nullable() });
type Found = z.infer<typeof Found>;

/**
 * Brings the NIC to what is wanted: reads the kernel, sends only the difference, reads again. Safe to call again at any
 * time and after any crash; callers must not overlap calls.
 */
export class Shaper {
  readonly #options: ShaperOptions;
  readonly #log: Logger;
  readonly #run: RunCommand;
  #last: Desired = { tx: null, rx: null };

  constructor(options: ShaperOptions, log: Logger, run: RunCommand = runCommand) {
    this.#options = options;
    this.#log = log;
    this.#run = run;
  }

  /**
   * @throws HostdError `qdisc-foreign` if somebody else's queueing stands there that could not be put back, and then
   * nothing was touched; `shape-failed` if tc failed, and then what stood there before was put back.
   */
  async apply(desired: Desired): Promise<void> {
    const before = this.#last;
    try {
      await this.#converge(desired);
      this.#last = desired;
    } catch (error) {
      if (error instanceof HostdError && (error.code === 'qdisc-foreign' || error.code === 'device-missing'))
        throw error;
      const undone = await this.#undo(before);
      throw new HostdError('shape-failed', `Bandwidth classes on ${this.#options.nic} could not be set; ${undone}`, {
        cause: error,
      });
    }
  }

  async #undo(before: Desired): Promise<string> {
    for (const [state, text] of [
      [before, 'what stood there before is back.'],
      [{ tx: null, rx: null }, 'all classes of Drover were taken away.'],
    ] as const) {
      try {
        await this.#converge(state);
        this.#last = state;
        return text;
      } catch (error) {
        this.#log.error({ error: describeError(error) }, 'Cannot put back what stood on the NIC');
      }
    }
    return `they are half done: look at \`tc qdisc show dev ${this.#options.nic}\`.`;
  }

  async #converge(desired: Desired): Promise<void> {
    const { nic } = this.#options;
    await this.#checkForeign(desired);
    // The way in first closed, then opened: packets are never sent to a device without its classes.
    if (desired.rx === null) await this.#removeIngress();
    await this.#convergeEgress(nic, desired.tx === null ? null : desiredTree(desired.tx, this.#options.limits('tx')));
    if (desired.rx !== null) await this.#ensureIngress(desiredTree(desired.rx, this.#options.limits('rx')));
    if (desired.tx === null) await removeFile(this.#foundFile());
  }

  /** Nothing may be touched before it is known that all of it can be put back. */
  async #checkForeign(desired: Desired): Promise<void> {
    const { nic } = this.#options;
    const qdiscs = await this.#qdiscs(nic);
    const root = qdiscs.find((qdisc) => qdisc.root);
    if (desired.tx !== null && root?.handle !== ROOT && restoreArguments(root) === null) {
      throw new HostdError(
        'qdisc-foreign',
        `${nic} has the root qdisc ${root?.kind} ${root?.handle} of somebody else, which could not be put back exactly. ` +
          `Remove it (tc qdisc del dev ${nic} root) or keep Drover from shaping this host.`,
      );
    }
    if (desired.rx !== null) await this.#ifbExists();
    const ingress = qdiscs.find((qdisc) => qdisc.kind === 'ingress' || qdisc.kind === 'clsact');
    if (desired.rx !== null && ingress !== undefined && !(await this.#ownsIngress())) {
      throw new HostdError(
        'qdisc-foreign',
        `${nic} has the ${ingress.kind} qdisc of somebody else. Remove it (tc qdisc del dev ${nic} ${ingress.kind}) or ` +
          'keep Drover from shaping what this host receives.',
      );
    }
    if (desired.tx !== null && root?.handle !== ROOT) await this.#note(root ?? null);
  }

  async #note(root: Qdisc | null): Promise<void> {
    const { nic, bootId, stateDir } = this.#options;
    const found: Found = { bootId, nic, ifindex: await this.#ifindex(), root };
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await writeDurably(this.#foundFile(), JSON.stringify(found));
  }

  async #convergeEgress(dev: string, desired: Tree | null): Promise<void> {
    const current = await this.#tree(dev);
    if (desired === null) {
      if (current !== null) await this.#restoreRoot();
      return;
    }
    await this.#batch(treeOperations(dev, current, desired));
    const left = treeOperations(dev, await this.#tree(dev), desired);
    if (left.length > 0) throw new HostdError('shape-failed', `The kernel did not take: ${left.join('; ')}`);
  }

  async #restoreRoot(): Promise<void> {
    const { nic } = this.#options;
    const args = restoreArguments((await this.#read())?.root ?? undefined);
    await this.#batch([args ? `qdisc replace dev ${nic} root ${args}` : `qdisc del dev ${nic} root`]);
  }

  async #ensureIngress(desired: Tree): Promise<void> {
    const { nic } = this.#options;
    if (!(await this.#ifbExists())) {
      await this.#run('ip', ['link', 'add', 'name', IFB, 'address', IFB_ADDRESS, 'type', 'ifb']);
    }
    await this.#run('ip', ['link', 'set', 'dev', IFB, 'up']);
    await this.#convergeEgress(IFB, desired);
    const { qdisc, redirects, filters } = await this.#ingress();
    if (qdisc && redirects && filters === 1) return;
    await this.#batch([
      ...(qdisc ? [`qdisc del dev ${nic} ingress`] : []),
      `qdisc add dev ${nic} handle ffff: ingress`,
      `filter add dev ${nic} parent ffff: protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev ${IFB}`,
    ]);
    if (!(await this.#ingress()).redirects) throw new HostdError('shape-failed', `${nic} does not redirect to ${IFB}`);
  }

  async #removeIngress(): Promise<void> {
    if (!(await this.#ownsIngress())) return;
    if ((await this.#ingress()).qdisc) await this.#batch([`qdisc del dev ${this.#options.nic} ingress`]);
    if (await this.#ifbExists()) await this.#run('ip', ['link', 'del', 'dev', IFB]);
  }

  /**
   * hostd makes its IFB before the ingress qdisc and removes it after. A redirect to a device that is gone swallows
   * every packet: if the IFB was taken away by somebody, what is left of it counts as hostd's own and is put right.
   */
  async #ownsIngress(): Promise<boolean> {
    const exists = await this.#ifbExists();
    const { qdisc, redirects, dangling, filters } = await this.#ingress();
    if (!qdisc || filters === 0) return exists;
    return filters === 1 && (redirects || dangling);
  }

  async #ingress(): Promise<{ qdisc: boolean; redirects: boolean; dangling: boolean; filters: number }> {
    const { nic } = this.#options;
    const qdisc = (await this.#qdiscs(nic)).some(({ kind }) => kind === 'ingress');
    if (!qdisc) return { qdisc, redirects: false, dangling: false, filters: 0 };
    const text = await this.#run('tc', ['filter', 'show', 'dev', nic, 'parent', 'ffff:']);
    const filters = text.match(/^filter .*\bfh \w+::\w+ /gm)?.length ?? 0;
    return {
      qdisc,
      redirects: text.includes(`(Egress Redirect to device ${IFB})`),
      dangling: text.includes('(Egress Redirect to device *)'),
      filters,
    };
  }

  /** @throws HostdError `qdisc-foreign` if a device of that name is somebody else's. */
  async #ifbExists(): Promise<boolean> {
    const links = z
      .array(z.object({ ifname: z.string(), address: z.string().optional() }))
      .parse(JSON.parse(await this.#run('ip', ['-j', 'link', 'show'])));
    const link = links.find(({ ifname }) => ifname === IFB);
    if (link !== undefined && link.address !== IFB_ADDRESS) {
      throw new HostdError('qdisc-foreign', `An interface ${IFB} exists that is not Drover's. Rename or remove it.`);
    }
    return link !== undefined;
  }

  async #tree(dev: string): Promise<Tree | null> {
    const qdiscs = await this.#qdiscs(dev);
    if (qdiscs.find((qdisc) => qdisc.root)?.handle !== ROOT) return null;
    const [classes, filters] = await Promise.all([
      this.#run('tc', ['class', 'show', 'dev', dev]),
      this.#run('tc', ['filter', 'show', 'dev', dev, 'parent', ROOT]),
    ]);
    return readTree(qdiscs, classes, filters);
  }

  async #qdiscs(dev: string): Promise<Qdisc[]> {
    try {
      return parseQdiscs(await this.#run('tc', ['-j', 'qdisc', 'show', 'dev', dev]));
    } catch (error) {
      throw new HostdError(
        'device-missing',
        `The qdiscs of ${dev} cannot be read. Does \`ip link show dev ${dev}\` show it?`,
        { cause: error },
      );
    }
  }

  async #batch(operations: readonly string[]): Promise<void> {
    if (operations.length === 0) return;
    this.#log.debug({ operations }, 'tc');
    await this.#run('tc', ['-batch', '-'], { input: `${operations.join('\n')}\n` });
  }

  /** What was found on this NIC in this boot; null if nothing was noted. */
  async #read(): Promise<Found | null> {
    try {
      const found = Found.parse(JSON.parse(await readFile(this.#foundFile(), 'utf8')));
      const { nic, bootId } = this.#options;
      return found.bootId === bootId && found.nic === nic && found.ifindex === (await this.#ifindex()) ? found : null;
    } catch {
      return null;
    }
  }

  async #ifindex(): Promise<number> {
    const links = z
      .array(z.object({ ifindex: z.number() }))
      .parse(JSON.parse(await this.#run('ip', ['-j', 'link', 'show', 'dev', this.#options.nic])));
    return links[0]?.ifindex ?? 0;
  }

  #foundFile(): string {
    return join(this.#options.stateDir, 'found.json');
  }
}
