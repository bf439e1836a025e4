import { describe, expect, it } from 'vitest';
import { comparable, isDefault, rebuildOperations, type Shown } from '../../../../hostd/shape/foreign.ts';

function shown(qdiscs: string, more: Partial<Shown> = {}): Shown {
  return { qdiscs, json: '[]', classes: '', filters: '', ...more };
}

// tc-fq_codel(8), tc-fq(8), tc-sfq(8), tc-cake(8) and iproute2 6.1 print these; their kinds are not in every kernel.
const FQ_CODEL =
  'qdisc fq_codel 8001: root refcnt 2 limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 32Mb ecn drop_batch 64 ';
const FQ =
  'qdisc fq 8002: root refcnt 2 limit 10000p flow_limit 100p buckets 1024 orphan_mask 1023 quantum 3028b initial_quantum 15140b low_rate_threshold 550Kbit refill_delay 40ms timer_slack 10us horizon 10s horizon_drop ';

describe('rebuildOperations', () => {
  it.each<[string, string, string]>([
    [
      'fq_codel',
      FQ_CODEL,
      'handle 8001: fq_codel limit 10240 flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 32Mb ecn drop_batch 64',
    ],
    [
      'fq',
      FQ,
      'handle 8002: fq limit 10000 flow_limit 100 buckets 1024 orphan_mask 1023 quantum 3028 initial_quantum 15140 low_rate_threshold 550Kbit refill_delay 40ms timer_slack 10us horizon 10s horizon_drop',
    ],
    ['fq of large frames', 'qdisc fq 2: root quantum 18Kb ', 'handle 2: fq quantum 18432'],
    [
      'sfq',
      'qdisc sfq 3: root refcnt 2 limit 127p quantum 1514b depth 127 divisor 1024 ',
      'handle 3: sfq limit 127 quantum 1514b depth 127 divisor 1024',
    ],
    [
      'cake',
      'qdisc cake 4: root refcnt 2 bandwidth unlimited diffserv3 triple-isolate nonat nowash no-ack-filter split-gso rtt 100ms raw overhead 0 ',
      'handle 4: cake unlimited diffserv3 triple-isolate nonat nowash no-ack-filter split-gso rtt 100ms raw overhead 0',
    ],
    [
      'pfifo_fast',
      'qdisc pfifo_fast 5: root refcnt 2 bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1',
      'handle 5: pfifo_fast',
    ],
    [
      'tbf',
      'qdisc tbf 8003:[80030000] root refcnt 5 rate 100Mbit burst 16Kb [00005000] lat 50ms limit 641384b ',
      'handle 8003: tbf rate 100Mbit burst 16Kb limit 641384b',
    ],
  ])('says %s in words that tc takes', (_, text, words) => {
    expect(rebuildOperations('nic0', shown(text))).toEqual([`qdisc replace dev nic0 root ${words}`]);
  });

  it('takes from JSON what tc rounds', () => {
    const bfifo = shown('qdisc bfifo 7: root refcnt 2 limit 1Mb', { json: '[{"options":{"limit":1048577}}]' });
    expect(rebuildOperations('nic0', bfifo)).toEqual(['qdisc replace dev nic0 root handle 7: bfifo limit 1048577']);
    const tbf = shown('qdisc tbf 9: root refcnt 5 rate 1Gbit burst 65500b [00002000] lat 7.48ms limit 1000000b ', {
      json: '[{"options":{"rate":125000000,"burst":65500,"burst_raw":"2000","limit":1000000}}]',
    });
    expect(rebuildOperations('nic0', tbf)[0]).toContain('burst 65536 limit 1000000b');
  });

  it('makes the root, then its children, the oldest of one level first; not those of the kernel', () => {
    const mq = shown(`qdisc mq 1: root
qdisc fq_codel 0: parent 1:4 limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms ecn
qdisc pfifo 12: parent 1:2 limit 77p
qdisc tbf 11: parent 1:1 rate 1Gbit burst 64Kb lat 5ms
qdisc bfifo 21: parent 11:1 limit 5000b
qdisc ingress ffff: parent ffff:fff1 ----------------
`);
    expect(rebuildOperations('x', mq)).toEqual([
      'qdisc replace dev x root handle 1: mq',
      'qdisc replace dev x parent 1:1 handle 11: tbf rate 1Gbit burst 64Kb latency 5ms',
      'qdisc replace dev x parent 11:1 handle 21: bfifo limit 5000b',
      'qdisc replace dev x parent 1:2 handle 12: pfifo limit 77',
    ]);
  });
});

describe('what the kernel makes by itself', () => {
  it('is known by its handle, on every queue', () => {
    expect(isDefault(shown('qdisc noqueue 0: root refcnt 2 '))).toBe(true);
    expect(
      isDefault(shown('qdisc mq 0: root\nqdisc fq_codel 0: parent :2 limit 10240p\nqdisc fq_codel 0: parent :1')),
    ).toBe(true);
    expect(isDefault(shown(''))).toBe(true);
    expect(isDefault(shown('qdisc mq 1: root\nqdisc fq_codel 0: parent 1:1'))).toBe(false);
  });
});

describe('comparable', () => {
  it('leaves out references, classes of queues and the way in, and nothing else', () => {
    const one = shown('qdisc mq 1: root\nqdisc pfifo 2: parent 1:1 refcnt 3 limit 5p\n', {
      classes: 'class mq 1:1 root leaf 2: \nclass mq 1:2 root ',
    });
    const same = shown(
      'qdisc mq 1: root \nqdisc pfifo 2: parent 1:1 limit 5p\nqdisc ingress ffff: parent ffff:fff1 ---- ',
    );
    expect(comparable(one)).toBe(comparable(same));
    expect(comparable({ ...one, qdiscs: one.qdiscs.replace('5p', '6p') })).not.toBe(comparable(same));
    expect(comparable({ ...one, json: '[{"kind":"pfifo","options":{"limit":6}}]' })).not.toBe(comparable(same));
    expect(comparable({ ...one, classes: 'class htb 1:1 root ' })).not.toBe(comparable(same));
    expect(comparable({ ...one, filters: 'filter parent 1: ' })).not.toBe(comparable(same));
  });
});
