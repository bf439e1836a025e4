import { describe, expect, it } from 'vitest';
import { answerWorkload } from '../../../../hostd/shape/acks.ts';
import { assemble } from '../../../../hostd/shape/bpf.ts';
import { type Frame, frame } from '../../../host/frames.ts';
import { runBpf } from './run-bpf.ts';

const ACKS = 7;
const PROGRAM = assemble(answerWorkload(ACKS));
const ACK = 0x10;
const [V4, V6] = [
  { source: '10.1.0.1', destination: '10.1.0.2' },
  { source: 'fd00:1::1', destination: 'fd00:1::2' },
];

function answerTo(wanted: Partial<Frame>): number {
  return runBpf(PROGRAM, frame({ ...V4, payloadBytes: 0, tcpFlags: ACK, ...wanted }));
}

function inVxlan(inner: Buffer, port: number): Buffer {
  const outer = frame({ ...V4, protocol: 17, payloadBytes: inner.length + 8 + 8 - 20 });
  outer.writeUInt16BE(port, 14 + 20 + 2);
  inner.copy(outer, 14 + 20 + 8 + 8);
  return outer;
}

describe.each([
  ['IPv4', V4],
  ['IPv6', V6],
])('over %s', (_, flow) => {
  it.each([
    ['an acknowledgement', {}, ACKS],
    ['one behind a VLAN tag', { tags: [100] }, ACKS],
    ['one with congestion echoed (ECE)', { tcpFlags: ACK | 0x40 }, ACKS],
    ['one that carries data', { payloadBytes: 1 }, 0],
    ['a full segment', { payloadBytes: 1448 }, 0],
    ['the start of a connection', { tcpFlags: 0x02 }, 0],
    ['the answer to that', { tcpFlags: ACK | 0x02 }, 0],
    ['its end', { tcpFlags: ACK | 0x01 }, 0],
    ['a reset', { tcpFlags: ACK | 0x04 }, 0],
    ['UDP of that length', { protocol: 17 }, 0],
  ] as const)('%s', (_name, changes, expected) => {
    expect(answerTo({ ...flow, ...changes })).toBe(expected);
  });

  it.each([
    [4789, ACKS],
    [8472, ACKS],
    [53, 0],
  ])('an acknowledgement inside UDP to port %i', (port, expected) => {
    expect(runBpf(PROGRAM, inVxlan(frame({ ...flow, payloadBytes: 0, tcpFlags: ACK }), port))).toBe(expected);
    expect(runBpf(PROGRAM, inVxlan(frame({ ...flow, payloadBytes: 100, tcpFlags: ACK }), port))).toBe(0);
  });
});

it('IPv4 options and padding of the frame change nothing', () => {
  expect(answerTo({ optionBytes: 12 })).toBe(ACKS);
  const padded = Buffer.concat([frame({ ...V4, payloadBytes: 0, tcpFlags: ACK }), Buffer.alloc(6)]);
  expect(runBpf(PROGRAM, padded)).toBe(ACKS);
});

it('a fragment, whatever is in it, is no acknowledgement', () => {
  expect(answerTo({ fragmentOffset: 3 })).toBe(0);
  expect(answerTo({ moreFragments: true })).toBe(0);
});

it('a frame that is cut off is none, wherever it ends', () => {
  const whole = frame({ ...V4, payloadBytes: 0, tcpFlags: ACK });
  for (let length = 0; length < 14 + 20 + 14; length++) expect(runBpf(PROGRAM, whole.subarray(0, length))).toBe(0);
});
