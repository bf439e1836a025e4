/** Traffic in the lab: guests to and from the outside peer, hosts to and from it, and what a ping sees. */
import { once } from 'node:events';
import { agent, type Guest } from './guests.ts';
import type { Lab } from './lab.ts';
import type { Where } from './namespaces.ts';
import { AGENT_PORTS, PEER_ADDRESS, PEER_HOST_ADDRESS } from './plan.ts';
import { waitFor } from './processes.ts';

/** Something that goes on until it is stopped. */
export interface Running {
  stop(): Promise<void>;
}

/** The guest sends to the peer as fast as the network takes it, over `streams` TCP connections. */
export async function guestSends(lab: Lab, guest: Guest, streams = 1): Promise<Running> {
  for (let i = 0; i < streams; i++) await agent(lab, guest, `send ${PEER_ADDRESS} ${AGENT_PORTS.sink}`);
  return {
    stop: async () => {
      await agent(lab, guest, 'stop');
    },
  };
}

/** The peer sends to the guest, at that rate or as fast as the network takes it. One process per call, in its namespace. */
export async function guestReceives(lab: Lab, guest: Guest, megabitsPerSecond?: number): Promise<Running> {
  const script = `${import.meta.dirname}/pour.ts`;
  const rate = megabitsPerSecond === undefined ? [] : [String(megabitsPerSecond)];
  const argv = [process.execPath, script, guest.ip, String(AGENT_PORTS.sink), '1', ...rate];
  return start(lab, 'peer', argv);
}

export interface HostTrafficOptions {
  /** `out`: from the host to the peer. */
  direction: 'in' | 'out';
  /** Mbit/s over all streams; default: what the network takes. */
  megabitsPerSecond?: number;
  /** TCP connections, default 4. */
  streams?: number;
}

/** Traffic of the host itself with the peer, until stopped. iperf3 serves one test at a time: each gets a server. */
export async function hostTraffic(lab: Lab, hostName: string, options: HostTrafficOptions): Promise<Running> {
  const streams = options.streams ?? 4;
  const rate = options.megabitsPerSecond === undefined ? 0 : options.megabitsPerSecond / streams;
  const port = nextPort();
  const server = start(lab, 'peer', ['iperf3', '--server', '--port', String(port)]);
  await waitFor(`iperf3 server on port ${port}`, 10_000, 'nothing: it has no log', async () => {
    const { stdout } = await lab.runOn('peer', ['ss', '-Hltn', `sport = :${port}`]);
    return stdout !== '';
  });
  const argv = [
    ...['iperf3', '--client', PEER_HOST_ADDRESS, '--port', String(port)],
    ...['--time', '0', '--parallel', String(streams), '--bitrate', `${rate}M`],
    ...(options.direction === 'in' ? ['--reverse'] : []),
  ];
  const client = start(lab, hostName, argv);
  return {
    stop: async () => {
      await client.stop();
      await server.stop();
    },
  };
}

/** Programs side by side must not meet on a port of the peer. */
function nextPort(): number {
  return 20_000 + Math.floor(Math.random() * 10_000);
}

/** Starts a generator of traffic. It also ends when this program does, however it ends. */
function start(lab: Lab, where: Where, argv: string[]): Running {
  const child = lab.spawnOn(where, ['setpriv', '--pdeathsig', 'KILL', ...argv], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  return {
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
}

export interface PingGaps {
  sent: number;
  received: number;
  /** Longest time between two answers, ms. */
  longestGapMs: number;
  /** When it began, Unix time in ms. */
  longestGapAt: number;
  /** Longest round trip, ms. */
  longestRoundTripMs: number;
}

/** What an outside client sees of a guest: 50 pings a second from the peer. */
export function pingGaps(lab: Lab, guest: Pick<Guest, 'ip'>): { stop(): Promise<PingGaps> } {
  const child = lab.spawnOn('peer', [
    'setpriv',
    '--pdeathsig',
    'KILL',
    'ping',
    '-i',
    '0.02',
    '-D',
    '-W',
    '1',
    guest.ip,
  ]);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const ended = once(child, 'close');
  return {
    stop: async () => {
      // A silence that still lasts must be seen to its end, or it would not count.
      const answered = () => Date.now() - (parsePing(output).at(-1)?.at ?? 0) < 200;
      await waitFor(`answer of ${guest.ip}`, 10_000, 'the console log of the guest', answered).catch(() => {});
      child.kill('SIGINT');
      await ended;
      return summarisePing(output);
    },
  };
}

/** Answers in the output of `ping -D`. */
function parsePing(output: string): { at: number; roundTripMs: number }[] {
  return [...output.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from .* time=([\d.]+) ms$/gm)].map(([, at, time]) => {
    return { at: Number(at) * 1000, roundTripMs: Number(time) };
  });
}

/** Pure: the figures of a finished `ping -D`. */
export function summarisePing(output: string): PingGaps {
  const answers = parsePing(output);
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? [];
  let longest = { gap: 0, at: 0 };
  answers.slice(1).forEach((answer, i) => {
    const before = answers[i]?.at ?? answer.at;
    if (answer.at - before > longest.gap) longest = { gap: answer.at - before, at: before };
  });
  return {
    sent: Number(sent ?? 0),
    received: Number(received ?? 0),
    longestGapMs: Math.round(longest.gap),
    longestGapAt: longest.at,
    longestRoundTripMs: Math.max(0, ...answers.map((answer) => answer.roundTripMs)),
  };
}
