/** One migration, page by page in steps of 2 ms: what the prediction is judged by. Shares no code with plugin/model. */
import type { Technique } from '../../../plugin/contract.ts';
import { Guest, type GuestLoad, PAGE_BYTES } from './guest.ts';
import { fill, type SharedLink } from './network.ts';

export interface Scene {
  guest: GuestLoad;
  /** What the guest would send and receive, bit/s. */
  vmTx: number;
  vmRx: number;
  /** Host traffic out at the source and in at the destination, bit/s. */
  hostOut: number;
  /**
   * What the guest receives slows down while it waits for pages, as TCP does. Default: it keeps coming, as UDP does,
   * and takes its share of the link all the same.
   */
  inboundFollows?: boolean;
  hostIn: number;
  sourceTx: SharedLink;
  destinationRx: SharedLink;
  downtimeLimitMs: number;
  /** Ends the observation: such a run is censored. */
  limitSeconds: number;
}

export interface SimulatedOutcome {
  technique: Technique;
  seconds: number;
  censored: boolean;
  downtimeMs: number;
  /** Longest time between two answers to the outside, ms. */
  longestStallMs: number;
  bytes: number;
  passes: number;
  /** Bits that flows of the workload wanted and did not get, the VM's own included. */
  lostBits: number;
}

const STEP = 0.002;
const BURST = 0.05;
const GOODPUT = 0.94;
const SETUP = 0.1;
const DEVICE = 0.07;
const ANNOUNCE = 0.06;
const ROUND_TRIP = 0.001;
/** Nova's loop looks every 0.5 s; a request falls anywhere in it. */
const NOVA_LOOP = 0.5;
/** Bytes of background pages that a page asked for stands behind. */
const SOCKET_BYTES = 2 * 2 ** 20;
const LIMIT_BEFORE_SWITCH_MS = 20;
/** TCP follows what its receiver takes up with about this delay, in seconds. */
const RECOVERY = 0.5;
const ACTIVITY_LEVELS = 10;

type Where = 'source' | 'destination' | 'between';

export function simulate(technique: Technique, scene: Scene, random: () => number): SimulatedOutcome {
  const guest = new Guest(scene.guest, random);
  const links = { sourceTx: scene.sourceTx, destinationRx: scene.destinationRx };
  const sending = { source: ratesOf('source', 1), between: ratesOf('between', 0) };
  /** On the destination, by how much of its traffic the guest takes up. */
  const arrived = Array.from({ length: ACTIVITY_LEVELS + 1 }, (_, level) =>
    ratesOf('destination', level / ACTIVITY_LEVELS),
  );
  let activity = 0;
  const rates = () =>
    where === 'destination'
      ? (arrived[scene.inboundFollows ? Math.round(activity * ACTIVITY_LEVELS) : ACTIVITY_LEVELS] ?? sending.between)
      : sending[where];

  let where = 'source' as Where;
  /** Pages that this pass still has to send, and those that the kernel's log has seen dirtied since the last look. */
  const toSend = new Uint8Array(guest.pages).fill(1);
  const dirtied = new Uint8Array(guest.pages);
  let left = guest.pages;
  let dirtyCount = 0;
  let cursor = 0;
  let passes = 1;
  let now = SETUP;
  let budget = 0;
  let bytes = 0;
  let lostBits = 0;
  let sinceLook = 0;
  let switchAt = Number.POSITIVE_INFINITY;
  if (technique === 'post-copy') switchAt = now + NOVA_LOOP * (0.5 + random());
  let stoppedAt = Number.NaN;
  let resumesAt = Number.NaN;
  let downtimeMs = 0;
  let longestStall = 0;
  let answeredAt = now;
  let waitsUntil = 0;
  let waitsFor = -1;
  let interrupted = true;
  let postCopy = false;
  const limit = () => (technique === 'pre-copy' ? scene.downtimeLimitMs : LIMIT_BEFORE_SWITCH_MS) / 1000;

  while (now < scene.limitSeconds) {
    const speed = rates();
    // 1. The guest runs, writes, waits for pages; its answers to the outside.
    const running = where !== 'between' && now >= waitsUntil;
    if (running) {
      if (waitsFor >= 0) {
        arrive(waitsFor);
        waitsFor = -1;
      }
      // What interrupts bring (a ping) and what the guest's programs do take turns where both wait for pages.
      if (interrupted) {
        guest.run(STEP, touch);
        interrupted = false;
      }
      if (waitsFor < 0) {
        interrupted = true;
        if (answers()) {
          longestStall = Math.max(longestStall, now - answeredAt);
          answeredAt = now;
        }
      }
    }
    if (where === 'destination') {
      const busy = running && waitsFor < 0 ? 1 : 0;
      activity += (busy - activity) * (STEP / RECOVERY);
    }
    lostBits += STEP * (speed.lostToStream + (running && waitsFor < 0 ? 0 : speed.vmRate));

    // 2. The stream sends.
    if (where === 'between' && !postCopy && Number.isNaN(resumesAt)) resumesAt = now + DEVICE;
    budget += (STEP * speed.stream * GOODPUT) / 8;
    while (budget >= PAGE_BYTES + 8 && left > 0) {
      send(nextPage());
      budget -= PAGE_BYTES + 8;
    }
    if (left === 0) budget = Math.min(budget, PAGE_BYTES + 8);
    now += STEP;
    sinceLook += STEP;

    // 3. What QEMU and Nova do next.
    if (where === 'between') {
      const sent = postCopy || left === 0;
      if (sent && now >= resumesAt) {
        where = 'destination';
        downtimeMs = 1000 * (now - stoppedAt);
        waitsUntil = now + ANNOUNCE;
        if (!postCopy) {
          longestStall = Math.max(longestStall, now + ANNOUNCE - answeredAt);
          return outcome(false);
        }
      }
      continue;
    }
    if (where === 'destination') {
      if (left === 0) {
        longestStall = Math.max(longestStall, Math.max(now, waitsUntil) - answeredAt);
        return outcome(false);
      }
      continue;
    }
    if (now >= switchAt) {
      look();
      postCopy = true;
      stop(DEVICE);
      continue;
    }
    if (sinceLook < BURST) continue;
    sinceLook = 0;
    const threshold = (speed.stream * GOODPUT * limit()) / 8;
    if (left * PAGE_BYTES >= threshold && left > 0) continue;
    const found = look();
    if (found * PAGE_BYTES < threshold || found === 0) {
      stop(Number.NaN);
    } else {
      passes += 1;
      if (technique === 'hybrid-copy' && switchAt === Number.POSITIVE_INFINITY)
        switchAt = now + NOVA_LOOP * (0.5 + random());
    }
  }
  return outcome(true);

  function ratesOf(place: Where, taken: number) {
    const onSource = place === 'source';
    const gone = place === 'between';
    const demands = {
      stream: Number.MAX_SAFE_INTEGER,
      vmTx: onSource && !gone ? scene.vmTx : 0,
      vmRx: !onSource && !gone ? taken * scene.vmRx : 0,
      out: scene.hostOut,
      into: scene.hostIn,
    };
    const filled = fill(
      {
        stream: { class: 'migration', links: ['sourceTx', 'destinationRx'], demand: demands.stream },
        vmTx: { class: 'workload', links: ['sourceTx'], demand: demands.vmTx },
        vmRx: { class: 'workload', links: ['destinationRx'], demand: demands.vmRx },
        out: { class: 'workload', links: ['sourceTx'], demand: demands.out },
        into: { class: 'workload', links: ['destinationRx'], demand: demands.into },
      },
      links,
    );
    const lack = (name: 'vmTx' | 'vmRx' | 'out' | 'into') => Math.max(0, demands[name] - filled[name]);
    const vmThere = gone
      ? scene.vmTx + scene.vmRx
      : (onSource ? filled.vmTx : scene.vmTx) + (onSource ? scene.vmRx : filled.vmRx);
    return {
      stream: filled.stream,
      lostToStream: lack('vmTx') + lack('vmRx') + lack('out') + lack('into'),
      vmRate: vmThere,
    };
  }

  function touch(page: number, write: boolean): boolean {
    if (where === 'destination' && toSend[page] === 1) {
      ask(page);
      return false;
    }
    if (write && dirtied[page] === 0) {
      dirtied[page] = 1;
      dirtyCount += 1;
    }
    return true;
  }

  /** The first of the pages of its network path that is missing is asked for. */
  function answers(): boolean {
    if (waitsFor >= 0) return false;
    if (where !== 'destination') return true;
    const stride = Math.floor(guest.pages / (2 * scene.guest.answerPages));
    for (let index = 0; index < scene.guest.answerPages; index++) {
      // Spread over the upper half of the memory.
      const page = guest.pages - 1 - index * stride;
      if (toSend[page] !== 1) continue;
      ask(page);
      return false;
    }
    return true;
  }

  function ask(page: number): void {
    const queued = Math.min(SOCKET_BYTES, left * PAGE_BYTES);
    waitsUntil = now + ROUND_TRIP + (8 * queued) / (rates().stream * GOODPUT);
    waitsFor = page;
  }

  function arrive(page: number): void {
    if (toSend[page] === 1) send(page);
  }

  function nextPage(): number {
    while (toSend[cursor] === 0) cursor = (cursor + 1) % guest.pages;
    return cursor;
  }

  function send(page: number): void {
    toSend[page] = 0;
    left -= 1;
    bytes += PAGE_BYTES + 8;
  }

  /** The kernel's log joins what is to be sent. @returns pages to send */
  function look(): number {
    if (dirtyCount > 0) {
      for (let page = 0; page < guest.pages; page++) {
        if (dirtied[page] === 0) continue;
        dirtied[page] = 0;
        if (toSend[page] === 0) {
          toSend[page] = 1;
          left += 1;
        }
      }
      dirtyCount = 0;
    }
    return left;
  }

  function stop(device: number): void {
    where = 'between';
    stoppedAt = now;
    resumesAt = Number.isNaN(device) ? Number.NaN : now + device;
  }

  function outcome(censored: boolean): SimulatedOutcome {
    return {
      technique,
      seconds: now,
      censored,
      downtimeMs,
      longestStallMs: 1000 * longestStall,
      bytes,
      passes,
      lostBits,
    };
  }
}
