import { describe, expect, it } from 'vitest';
import { isWithin, samplePeer } from '../../../../hostd/check/peers.ts';

describe('samplePeer', () => {
  it.each([
    ['10.0.0.0/24', '10.0.0.9', '10.0.0.1'],
    ['10.0.0.0/24', '10.0.0.1', '10.0.0.2'],
    ['10.0.0.0/24', '10.0.0.1 10.0.0.2', '10.0.0.3'],
    ['10.0.0.77/24', '10.0.0.1', '10.0.0.77'],
    ['10.0.0.0/31', '10.0.0.1', '10.0.0.0'],
    ['10.0.0.7/32', '10.0.0.1', '10.0.0.7'],
    ['fd00::/64', 'fd00::9', 'fd00::1'],
    ['fd00::/64', 'fd00::1', 'fd00::2'],
    ['fd00:0:0:1:2:3:4:8/120', 'fd00::9', 'fd00:0:0:1:2:3:4:9'],
    ['fd00::5/128', 'fd00::1', 'fd00::5'],
  ])('of %s for %s is %s', (block, own, sample) => {
    expect(samplePeer(block, own.split(' '))).toBe(sample);
    expect(isWithin(sample, [block])).toBe(true);
  });
});

describe('isWithin', () => {
  it('knows blocks of both versions', () => {
    expect(isWithin('10.0.1.9', ['10.0.0.0/24', '10.0.1.8/29'])).toBe(true);
    expect(isWithin('10.0.1.9', ['10.0.0.0/24', 'fd00::/8'])).toBe(false);
    expect(isWithin('fd00::9', ['10.0.0.0/24', 'fd00::/64'])).toBe(true);
  });
});
