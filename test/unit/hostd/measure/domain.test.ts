import { describe, expect, it } from 'vitest';
import {
  isIncoming,
  parseDomainList,
  parseDomainStates,
  parseDomainStats,
  parseDomainXml,
  postCopyBlockers,
  xmlIsHeld,
} from '../../../../hostd/measure/domain.ts';

const XML = `<domain type='qemu' id='3'>
  <name>instance-0000000f</name>
  <uuid>a18bd5de-1615-4c75-b2cf-3d11ec225e04</uuid>
  <memory unit='KiB'>131072</memory>
  <currentMemory unit='KiB'>131072</currentMemory>
  <devices>
    <disk type='file' device='disk'><source file='/x'/><target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'>
      <mac address='fa:16:3e:00:00:77'/>
      <source bridge='brqc6cb9308-a5'/>
      <target dev='tap62294f6b-77'/>
      <model type='virtio'/>
    </interface>
    <interface type='bridge'><target dev='$(id)&apos;&lt;&amp;'/></interface>
  </devices>
</domain>`;

describe('parseDomainXml', () => {
  it('finds taps, however they are named, and memory, and no disk', () => {
    expect(parseDomainXml(XML)).toEqual({
      taps: ['tap62294f6b-77', "$(id)'<&"],
      memoryBytes: 134217728,
      hugePages: false,
      postCopyBlockers: [],
    });
  });

  it('knows huge pages, whatever stands beside them', () => {
    const backing =
      "<memoryBacking>\n<hugepages>\n<page size='2048' unit='KiB'/>\n</hugepages><nosharepages/></memoryBacking>";
    expect(parseDomainXml(XML.replace('</devices>', `</devices>${backing}`)).hugePages).toBe(true);
    const locked = '<memoryBacking><locked/></memoryBacking>';
    expect(parseDomainXml(XML.replace('</devices>', `</devices>${locked}`)).hugePages).toBe(false);
  });

  it.each([
    ["<hostdev mode='subsystem' type='pci' managed='yes'/>", 'VFIO'],
    ["<hostdev mode='subsystem' type='mdev' model='vfio-pci'/>", 'VFIO'],
    ["<memory model='nvdimm' access='shared'/>", 'vPMEM'],
    ["<memoryBacking>\n<source type='file'/>\n</memoryBacking>", 'file'],
  ])('knows that %s stands against post-copy', (device, word) => {
    const { postCopyBlockers: blockers } = parseDomainXml(XML.replace('</devices>', `</devices>${device}`));
    expect(blockers).toHaveLength(1);
    expect(blockers[0]).toContain(word);
  });
});

describe('postCopyBlockers', () => {
  const domain = { uuid: '', name: '', taps: [], memoryBytes: 0, hugePages: null, postCopyBlockers: [] };

  it('names a paused guest, but not one that its migration holds', () => {
    expect(postCopyBlockers({ ...domain, state: 3, reason: 1 })).toEqual(['the guest is paused']);
    expect(postCopyBlockers({ ...domain, state: 3, reason: 2 })).toEqual([]);
    expect(postCopyBlockers({ ...domain, state: 1, reason: 1 })).toEqual([]);
    expect(isIncoming({ state: 3, reason: 2 })).toBe(true);
  });
});

describe('a guest that arrives', () => {
  it('has its taps and memory from domstats, for its XML does not come', () => {
    const text =
      "Domain: 'instance-00000001'\n  balloon.current=262144\n  balloon.maximum=262144\n  net.count=2\n  net.0.name=tap5c223fbd-29\n  net.0.rx.bytes=798\n  net.1.name=tap x\n";
    expect(parseDomainStats(text)).toEqual({
      taps: ['tap5c223fbd-29', 'tap x'],
      memoryBytes: 2 ** 28,
      hugePages: null,
      postCopyBlockers: [],
    });
    expect([xmlIsHeld({ state: 3, reason: 2 }), xmlIsHeld({ state: 1, reason: 10 })]).toEqual([true, true]);
    expect([xmlIsHeld({ state: 3, reason: 1 }), xmlIsHeld({ state: 1, reason: 2 })]).toEqual([false, false]);
  });
});

describe('what virsh prints', () => {
  it('is read as domains and states', () => {
    expect(parseDomainList('a18bd5de-1615-4c75-b2cf-3d11ec225e04 instance-0000000f\n\n')).toEqual([
      { uuid: 'a18bd5de-1615-4c75-b2cf-3d11ec225e04', name: 'instance-0000000f' },
    ]);
    const stats =
      "Domain: 'instance-0000000f'\n  state.state=3\n  state.reason=2\n\nDomain: 'it's'\n  state.state=1\n  state.reason=5\n";
    expect([...parseDomainStates(stats)]).toEqual([
      ['instance-0000000f', { state: 3, reason: 2 }],
      ["it's", { state: 1, reason: 5 }],
    ]);
  });
});
