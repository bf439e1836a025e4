/**
 * Runs in the cloud's control network: sends every request to Nova, to Drover and to Nova again, and prints what came as
 * lines of JSON. Reads its orders (`Orders`) as one JSON document on standard input.
 */
import { text } from 'node:stream/consumers';
import { type Comparable, comparable, differences, masked } from './compare.ts';
import { STORIES, type Story } from './corpus/stateful.ts';
import { exchange } from './exchange.ts';
import { fill, type Request, toBytes, type Values } from './request.ts';

export interface Orders {
  address: string;
  novaPort: number;
  droverPort: number;
  values: Values;
  requests: Request[];
  stories: boolean;
  /** Requests on their way at once. */
  atOnce: number;
}

/** One compared request. `volatile`: Nova's own answers differ among themselves, so numbers are masked. */
export interface Outcome {
  request: Request;
  direct: Comparable;
  through: Comparable;
  volatile: boolean;
  /** How long each answer took. */
  tookMs: { direct: number; through: number };
}

const ATTEMPTS = 5;

async function compare(orders: Orders, request: Request): Promise<Outcome> {
  const bytes = toBytes(request, orders.values);
  const ask = async (port: number) => {
    const askedAtMs = performance.now();
    const answer = comparable(await exchange(orders.address, port, bytes, request.method));
    return { answer, tookMs: performance.now() - askedAtMs };
  };
  for (let attempt = 1; ; attempt += 1) {
    const { answer: direct, tookMs: directMs } = await ask(orders.novaPort);
    const { answer: through, tookMs: throughMs } = await ask(orders.droverPort);
    const tookMs = { direct: directMs, through: throughMs };
    if (differences(direct, through).length === 0) return { request, direct, through, volatile: false, tookMs };
    const { answer: again } = await ask(orders.novaPort);
    // Others use the cloud too: what differs between two direct answers proves nothing.
    const steady = differences(direct, again).length === 0;
    if (steady) return { request, direct, through, volatile: false, tookMs };
    if (attempt === ATTEMPTS) {
      return { request, direct: masked(direct), through: masked(through), volatile: true, tookMs };
    }
  }
}

/** Each side tells the whole story for itself; the answers are compared step by step. */
async function tell(orders: Orders, story: Story): Promise<Outcome[]> {
  const sides: Comparable[][] = [];
  for (const port of [orders.novaPort, orders.droverPort]) {
    const kept: Record<string, string> = {};
    const answers: Comparable[] = [];
    for (const { request, keep } of story.steps) {
      const bytes = toBytes(request, { ...orders.values, ...kept });
      const answer = comparable(await exchange(orders.address, port, bytes, request.method));
      for (const [name, pattern] of Object.entries(keep)) {
        const [, value] = pattern.exec(answer.body) ?? [];
        if (value !== undefined) kept[name] = value;
      }
      answers.push(withNames(answer, kept));
    }
    sides.push(answers);
  }
  return story.steps.map(({ request }, at) => {
    const [direct, through] = [sides[0]?.[at], sides[1]?.[at]];
    if (!direct || !through) throw new Error(`the story "${story.name}" has no answer ${at}`);
    const named = { ...request, name: `${story.name}, ${at + 1}: ${request.name}` };
    return { request: named, direct, through, volatile: false, tookMs: { direct: 0, through: 0 } };
  });
}

/** What Nova made up by the name that it was kept under, and times masked: both sides speak at different moments. */
function withNames(answer: Comparable, kept: Values): Comparable {
  const rename = (whole: string) => {
    const named = Object.entries(kept).reduce((done, [name, value]) => {
      const escaped = value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      // A number stands for the thing only as the value of its id and in words about it.
      const pattern = /^\d+$/.test(value)
        ? `(?<="id": |ggregate )${escaped}(?!\\d)`
        : `(?<![\\w-])${escaped}(?![\\w-])`;
      return done.replace(new RegExp(pattern, 'g'), `{${name}}`);
    }, whole);
    return named.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?/g, 'TIME');
  };
  // The lengths of what is made up differ.
  const headers = answer.headers.map(rename).filter((line) => !/^content-length:/i.test(line));
  return { ...answer, headers, body: rename(answer.body) };
}

function print(outcome: Outcome, orders: Orders): void {
  const { request } = outcome;
  process.stdout.write(
    `${JSON.stringify({ ...outcome, request: { ...request, target: fill(request.target, orders.values) } })}\n`,
  );
}

const orders: Orders = JSON.parse(await text(process.stdin));
const waiting = orders.requests.values();
await Promise.all(
  Array.from({ length: orders.atOnce }, async () => {
    for (const request of waiting) print(await compare(orders, request), orders);
  }),
);
if (orders.stories) {
  for (const story of STORIES) for (const outcome of await tell(orders, story)) print(outcome, orders);
}
