import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SseReader } from '../../../../bot/drover/sse.ts';

const STREAM =
  'retry: 1000\n\nid: 1-0\nevent: hello\ndata: {}\n\n: heartbeat\n\nid: 2-0\r\nevent: migration\r\ndata: a\r\ndata:b\r\n\r\ndata\n\nevent: progress\ndata: [1]\n\nid: 3';
const MESSAGES = [
  { event: 'hello', id: '1-0', data: '{}' },
  { event: 'migration', id: '2-0', data: 'a\nb' },
  { event: 'message', id: '2-0', data: '' },
  { event: 'progress', id: '2-0', data: '[1]' },
];

it('gives the messages of a stream, in whatever pieces it comes', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(STREAM.length), { maxLength: 12 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      const reader = new SseReader();
      const messages = places.slice(1).flatMap((end, index) => reader.read(STREAM.slice(places[index], end)));
      expect(messages).toEqual(MESSAGES);
    }),
  );
});

it('does not keep a line that never ends', () => {
  const reader = new SseReader();
  expect(() => {
    for (let n = 0; n < 6; n += 1) reader.read('x'.repeat(1 << 20));
  }).toThrow(/does not end/);
});
