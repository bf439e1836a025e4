import { describe, expect, it } from 'vitest';
import { parseDeviceCounters, parseLink } from '../../../../../hostd/measure/count/linkcodec.ts';
import { ENOENT, netlinkMessage, portName, shownName, visitPart } from '../../../../../hostd/measure/count/netlink.ts';
import { parseGeneration, splitKey, visitObject, visitPairs } from '../../../../../hostd/measure/count/nftcodec.ts';

/** What Linux 6.18 sent, in answer to questions of sequence number 7. */
const SET = [
  '+AAAAAwKAgAHAAAAzCcAAAcAAAILAAEAZHJvdmVyAAAKAAIAcGFpcnMAAADMAAMAZAABACgAAQAkAAEAdGFwMQAAAAAAAAAAAAAAAG5pYzAAAAAAAAAAAAAAAAAsAAcADAABAGNvdW50ZXIAHAACAAwAAQAAAAAAAAAiyAwAAgAAAAAAAAAAbQwABQAAAAAAADZ5+GQAAQAoAAEAJAABAG5pYzAAAAAAAAAAAAAAAAB0YXAxAAAAAAAAAAAAAAAALAAHAAwAAQBjb3VudGVyABwAAgAMAAEAAAAAAAAAIzAMAAIAAAAAAAAAAG8MAAUAAAAAAAA2ivg=',
  'MAAAAAwKAgAHAAAAzCcAAAcAAAILAAEAZHJvdmVyAAAKAAIAcGFpcnMAAAAEAAMAFAAAAAMAAgAHAAAAzCcAAAAAAAA=',
];
const MISSING_SET = 'QAAAAAIAAAAHAAAAzCcAAP7///8sAAAADQoBAwcAAAAAAAAABwAAAAsAAQBkcm92ZXIAAAwAAgBub3RoaW5nAA==';
const OBJECTS =
  'bAAAABIKAggHAAAAzCcAAAcAAAILAAEAZHJvdmVyAAARAAIAbWlncmF0aW9uX3R4AAAAAAgAAwAAAAABDAAGAAAAAAAAAAAFCAAFAAAAAAIcAAQADAABAAAAAAAAAAAADAACAAAAAAAAAAAAbAAAABIKAggHAAAAzCcAAAcAAAILAAEAZHJvdmVyAAARAAIAbWlncmF0aW9uX3J4AAAAAAgAAwAAAAABDAAGAAAAAAAAAAAGCAAFAAAAAAIcAAQADAABAAAAAAAAAAAADAACAAAAAAAAAAAAaAAAABIKAggHAAAAzCcAAAcAAAILAAEAZHJvdmVyAAAPAAIAY29udHJvbF90eAAACAADAAAAAAEMAAYAAAAAAAAAAAcIAAUAAAAAAxwABAAMAAEAAAAAAAAAEGgMAAIAAAAAAAAAADJoAAAAEgoCCAcAAADMJwAABwAAAgsAAQBkcm92ZXIAAA8AAgBjb250cm9sX3J4AAAIAAMAAAAAAQwABgAAAAAAAAAACAgABQAAAAADHAAEAAwAAQAAAAAAAAAQaAwAAgAAAAAAAAAAMg==';
const GENERATION = 'NAAAAA8KAAAHAAAAzCcAAAAAAAIIAAEAAAAAAggAAgAAACfMDwADAE1haW5UaHJlYWQAAA==';
/** Attributes behind IFLA_LINKINFO are cut off. */
const NIC =
  'zAMAABAAAAAHAAAAzCcAAAAAAQADAAAAQxABAAAAAAAJAAMAbmljMAAAAAAIAA0A6AMAAAUAEAAGAAAABQARAAAAAAAFAEMAAAAAAAgABADcBQAACAAyAEQAAAAIADMA//8AAAgAGwAAAAAACAAeAAEAAAAIAD0AAQAAAAgAHwACAAAACAAoAP//AAAIACkAAAABAAgAOgAAAAEACAA/AAAAAQAIAEAAAAABAAgAOwD4/wcACAA8AP//AAAIAEIAAAAAAAgAIAACAAAACAAKAAIAAAAFACEAAQAAAAgAIwACAAAACAAvAAEAAAAIADAAAQAAAAYARAAAAAAABgBFAAAAAAAFACcAAAAAAAoAAQAqKqUpl/MAAAoAAgD///////8AAMwAFwCjAAAAAAAAALYAAAAAAAAA6jwAAAAAAAAcQwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGQABwCjAAAAtgAAAOo8AAAcQwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMACsABQACAAAAAABsARIACQABAHZldGgAAAAACwAEAGJyaWRnZQAAUAEFAAUAAQADAAAABgACACAAAAAIAAMAAgAAAAUABAAAAAAABQAFAAAAAAAFAAYAAAAAAAUABwAAAAAABQAcAAAAAAAFAAgAAQAAAAUACQABAAAABQAbAAEAAAAFAB4AAQAAAAUACgAAAAAABQAMAAAAAAAMAA0AgAAqKqUpl/MMAA4AgAAqKqUpl/MGAA8AAYAAAAYAEAAAAAAABgARAAGAAAAGABIAAQAAAAUAEwAAAAAABQAUAAAAAAAFAB0AAAAAAAYAHwAAAAAABQAgAAAAAAAFACMAAAAAAAUAJAAAAAAABQAhAAAAAAAFACcAAAAAAAUAKAAAAAAABQArAAAAAAAMABUAAAAAAAAAAAAMABYAAAAAAAAAAAAMABcAAAAAAAAAAAAFABkAAQAAAAgAJQAAAgAACAAmAAAAAAAIACkAAQAAAAgAKgAAAAAA';
const NO_DEVICE = 'PAAAAAIAAAAHAAAAzCcAAO3///8oAAAAEgABAAcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAAwBuaXgA';

const bytes = (text: string) => Buffer.from(text, 'base64');
const ignore = () => undefined;

describe('the answer to a question', () => {
  it('tells every pair of a set with its counter', () => {
    const pairs: unknown[] = [];
    const states = SET.map((text) =>
      visitPart(bytes(text), 7, (part, type, from, to) =>
        visitPairs(part, type, from, to, (key, packets, count) => pairs.push([...splitKey(key), packets, count])),
      ),
    );
    expect(states.map(({ done, errno }) => [done, errno])).toEqual([
      [false, 0],
      [true, 0],
    ]);
    expect(pairs).toEqual([
      ['tap1', 'nic0', 109, 8904],
      ['nic0', 'tap1', 111, 9008],
    ]);
  });

  it('tells every named counter', () => {
    const found: unknown[] = [];
    visitPart(bytes(OBJECTS), 7, (part, type, from, to) =>
      visitObject(part, type, from, to, (...counter) => found.push(counter)),
    );
    expect(found).toEqual([
      ['migration_tx', 0, 0],
      ['migration_rx', 0, 0],
      ['control_tx', 50, 4200],
      ['control_rx', 50, 4200],
    ]);
  });

  it('tells the number of the generation', () => {
    let generation: number | null = null;
    visitPart(bytes(GENERATION), 7, (part, type, from, to) => {
      generation = parseGeneration(part, type, from, to);
    });
    expect(generation).toBe(2);
  });

  it('tells an interface and its counters', () => {
    const found: unknown[] = [];
    visitPart(bytes(NIC), 7, (part, type, from, to) => {
      found.push(parseLink(part, type, from, to), parseDeviceCounters(part, type, from, to));
    });
    expect(found).toEqual([
      { index: 3, name: 'nic0', kind: 'veth', master: 2, link: 0, ipv6: false, vlan: 0, ethernet: true },
      { index: 3, rxPackets: 163, txPackets: 182, rxBytes: 15_594, txBytes: 17_180 },
    ]);
  });

  it('tells errors by number', () => {
    expect(visitPart(bytes(MISSING_SET), 7, ignore)).toEqual({ done: true, interrupted: false, errno: ENOENT });
    expect(visitPart(bytes(NO_DEVICE), 7, ignore).errno).toBe(19);
  });

  it('to an older question is passed over', () => {
    const seen: number[] = [];
    expect(visitPart(bytes(MISSING_SET), 8, (_part, type) => seen.push(type)).done).toBe(false);
    expect(seen).toEqual([]);
  });

  it('says when what was dumped changed meanwhile', () => {
    const part = netlinkMessage(0xa0c, 0x10, 7);
    expect(visitPart(part, 7, ignore).interrupted).toBe(true);
  });

  it('that is cut off anywhere is an error or has less in it, never more', () => {
    const whole = bytes(SET[0] ?? '');
    for (let length = 0; length < whole.length; length += 1) {
      const part = Buffer.from(whole.subarray(0, length));
      if (length >= 4) part.writeUInt32LE(length, 0);
      const pairs: number[] = [];
      try {
        visitPart(part, 7, (each, type, from, to) =>
          visitPairs(each, type, from, to, (_key, packets) => pairs.push(packets)),
        );
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
      expect([[], [109], [109, 111]]).toContainEqual(pairs);
    }
  });
});

describe('a name', () => {
  it.each(['tap+', '$(id)', 'täp', '龘龘龘龘龘', '-h'])('%s is bytes inside, and reads as before outside', (name) => {
    expect(portName(name).length).toBe(Buffer.byteLength(name));
    expect(shownName(portName(name))).toBe(name);
  });
});
