import { describe, expect, it } from 'vitest';
import { addressWords, parseBlock } from '../../../hostd/address.ts';

describe('addressWords', () => {
  it.each([
    ['10.9.0.255', [0x0a0900ff]],
    ['::', [0, 0, 0, 0]],
    ['::1', [0, 0, 0, 1]],
    ['fd00::', [0xfd000000, 0, 0, 0]],
    ['fd00:1:2::3:4', [0xfd000001, 0x00020000, 0, 0x00030004]],
    ['1:2:3:4:5:6:7:8', [0x00010002, 0x00030004, 0x00050006, 0x00070008]],
    ['::ffff:10.0.0.1', [0, 0, 0xffff, 0x0a000001]],
    ['64:ff9b::192.0.2.33', [0x0064ff9b, 0, 0, 0xc0000221]],
  ])('%s', (address, words) => {
    expect(addressWords(address)).toEqual(words);
  });
});

describe('parseBlock', () => {
  it.each([
    ['10.9.0.7/23', [0x0a090000], [0xfffffe00]],
    ['0.0.0.0/0', [0], [0]],
    ['fd00:0:0:f::1/61', [0xfd000000, 0x00000008, 0, 0], [0xffffffff, 0xfffffff8, 0, 0]],
    ['fd00::5/128', [0xfd000000, 0, 0, 5], [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]],
    ['fd00::/1', [0x80000000, 0, 0, 0], [0x80000000, 0, 0, 0]],
  ])('%s, without the bits outside', (cidr, words, masks) => {
    expect(parseBlock(cidr)).toMatchObject({ words, masks });
  });
});
