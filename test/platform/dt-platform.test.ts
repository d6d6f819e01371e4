import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Trouble } from '../../src/base/errors.js';
import { limits } from '../../src/base/limits.js';
import { platformFromDtb } from '../../src/importers/dtb/dt-platform.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';
import { twoBridgesSwappedDtb } from '../../src/platform/built-in/two-bridges-swapped.js';
import { mapId } from '../../src/platform/id-map.js';
import type { HostBridge, Platform } from '../../src/platform/platform.js';
import { withFunctions } from '../../src/platform/with-functions.js';
import { cells, ecamBridge, flatten, type NodeSpec, rootOf, texts } from './fdt-builder.js';

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../fixtures/dtb/${name}.dtb`, import.meta.url));
const shapes = platformFromDtb(fixture('soc-shapes'));
const bridge = (node: string, platform: Platform = shapes): HostBridge =>
  platform.bridges.find((candidate) => candidate.node.endsWith(node))!;

describe('the two-bridges platform', () => {
  const platform = platformFromDtb(twoBridgesDtb());

  // facts/arm-msi-iommu 1.5
  it.each([
    [0, 0xa0000000, 0x9e000000, 0xc0000000, 0x40_00000000, 0x00100],
    [1, 0xb0000000, 0x9f000000, 0xd0000000, 0x48_00000000, 0x10100],
  ])('bridge %i stands at CFG %i', (index, cfgBase, io, mem32, mem64, id) => {
    const found = platform.bridges[index]!;
    expect(found).toMatchObject({
      cfgBase,
      cfgSizeBytes: 256 << 20,
      busStart: 0,
      busEnd: 255,
      access: 'ecam',
    });
    expect(found.windows.map((window) => [window.space, window.cpuAddress, window.prefetchable])).toEqual([
      ['io', io, false],
      ['mem32', mem32, false],
      ['mem64', mem64, true],
    ]);
    expect(mapId(found.iommuMap, 0x100)).toEqual({ id, target: '/iommu@2b400000' });
    expect(mapId(found.msiMap, 0x100)).toMatchObject({ id });
  });

  it('has an SMMU and an ITS wide enough for the ids of bridge B', () => {
    expect(platform.smmus).toEqual([
      { node: '/iommu@2b400000', model: 'smmuv3', base: 0x2b400000, streamIdBits: 17, twoLevel: true },
    ]);
    expect(platform.msiControllers).toMatchObject([{ model: 'its', doorbell: 0x2f030040, deviceIdBits: 17 }]);
    const narrow = platformFromDtb(twoBridgesDtb(), { streamIdBits: 16 });
    expect(narrow.smmus[0]!.streamIdBits).toBe(16);
  });

  it('differs from its swapped variant in the numbers alone', () => {
    const swapped = platformFromDtb(twoBridgesSwappedDtb());
    expect(swapped.bridges.map((found) => found.pciDomain)).toEqual([1, 0]);
    expect(swapped.bridges.map((found) => ({ ...found, pciDomain: null }))).toEqual(platform.bridges);
  });

  it('lists no functions until it is given some', () => {
    expect(platform.functions).toEqual([]);
    const nic = { function: 0x100 } as unknown as Platform['functions'][number];
    expect(withFunctions(platform, [nic]).functions).toEqual([nic]);
  });
});

describe('a platform from a tree', () => {
  it('has the host bridges in flattened order and no ports below them', () => {
    expect(shapes.bridges.map((found) => [found.node, found.access, found.available])).toEqual([
      ['/soc/pcie@1000000', 'designware', true],
      ['/soc/nested-bus@2000000/pcie@100000000', 'ecam', true],
      ['/pcie@fd0e0000', 'nwl', true],
      ['/pcie@1f2b0000', 'xgene', false],
      ['/pcie@4010000000', 'cam', true],
    ]);
  });

  it.each([
    ['pcie@1000000', 0x8_40000000, 'the block called config, behind the second window of soc'],
    ['pcie@100000000', 0x1_02000000, 'through two buses of different cells'],
    ['pcie@fd0e0000', 0x80_00000000, 'the block called cfg'],
    ['pcie@1f2b0000', 0xe0_d0000000, 'the block called cfg'],
    ['pcie@4010000000', 0x40_10000000, 'block 0 when no name says otherwise'],
  ])('finds the configuration window of %s at %i: %s', (node, cfgBase) => {
    expect(bridge(node).cfgBase).toBe(cfgBase);
  });

  it('keeps every register block under its name', () => {
    expect(bridge('pcie@fd0e0000').registers.map((block) => [block.name, block.base])).toEqual([
      ['breg', 0xfd0e0000],
      ['pcireg', 0xfd480000],
      ['cfg', 0x80_00000000],
    ]);
  });

  it('caps the last bus 255 after the first, and cuts the domain to 16 bits', () => {
    expect(bridge('pcie@1000000')).toMatchObject({ busStart: 0x10, busEnd: 0x10f, pciDomain: 2 });
  });

  it('translates windows as far as the parents go', () => {
    expect(bridge('pcie@1000000').windows).toEqual([
      { space: 'io', prefetchable: false, pciAddress: 0, cpuAddress: 0x8_40010000, sizeBytes: 0x10000 },
      {
        space: 'mem64',
        prefetchable: true,
        pciAddress: 0x8_00000000,
        cpuAddress: null,
        sizeBytes: 0x10000000,
      },
    ]);
  });

  it('steps over the cells that follow a phandle in msi-parent', () => {
    expect(bridge('pcie@1000000').msiParents).toEqual([
      '/interrupt-controller@2f000000/msi-controller@80000',
      '/interrupt-controller@2f000000/v2m@10000',
    ]);
    expect(bridge('pcie@fd0e0000').msiParents).toEqual(['/pcie@fd0e0000']);
  });

  it('marks what Xen must leave alone', () => {
    expect(shapes.bridges.filter((found) => found.xenPassthrough).map((found) => found.node)).toEqual([
      '/pcie@4010000000',
    ]);
  });

  it('has the available SMMUs of each design', () => {
    expect(shapes.smmus.map((smmu) => [smmu.node, smmu.model, smmu.base, smmu.streamIdBits])).toEqual([
      ['/iommu@2b500000', 'smmuv2', 0x2b500000, 15],
      ['/iommu@2b600000', 'smmuv3', 0x2b600000, 32],
      ['/soc/iommu@5000000', 'smmuv2', 0x1_05000000, 15],
    ]);
  });

  it('has each MSI controller with its doorbell', () => {
    const found = shapes.msiControllers.map((msi) => [
      msi.model,
      msi.base,
      msi.doorbell,
      msi.spiBase,
      msi.spiCount,
    ]);
    expect(found).toEqual([
      ['gicv2m', 0x2f010000, 0x2f010040, 96, 32],
      ['gicv2m', 0x2f020000, 0x2f020040, 0, 0],
      ['its', 0x2f080000, 0x2f090040, 0, 0],
      ['xgene', 0x79000000, 0x79000000, 0, 0],
      ['nwl', 0xfd0e0000, 0xfd480000, 0, 0],
    ]);
    const frames = platformFromDtb(fixture('soc-shapes'), { v2mSpis: { base: 224, count: 32 } });
    expect(frames.msiControllers[1]).toMatchObject({ spiBase: 224, spiCount: 32 });
  });

  it('takes its name from the first text of model', () => {
    const tree = flatten(rootOf([], [['model', texts('a', 'b')]]));
    expect(platformFromDtb(tree).name).toBe('a');
  });

  it('is the same from version 16', () => {
    expect(platformFromDtb(fixture('soc-shapes-v16'))).toEqual(shapes);
  });

  it('finds a generic bridge that does not say it is pci', () => {
    const node = ecamBridge(0xa0000000);
    const silent = { ...node, properties: node.properties!.filter(([name]) => name !== 'device_type') };
    expect(platformFromDtb(flatten(rootOf([silent]))).bridges).toMatchObject([{ isPciNode: false }]);
  });

  it('takes 0 to 255 when bus-range is too short, and the first cell of an overlong domain', () => {
    const node = ecamBridge(0xa0000000);
    const properties = node.properties!.filter(([name]) => name !== 'bus-range');
    const odd: NodeSpec = {
      ...node,
      properties: [...properties, ['bus-range', cells(3)], ['linux,pci-domain', cells(9, 8)]],
    };
    expect(platformFromDtb(flatten(rootOf([odd]))).bridges).toMatchObject([
      { busStart: 0, busEnd: 255, pciDomain: 9 },
    ]);
  });
});

describe('hostile trees', () => {
  it('are read in full with 10,000 bridges', () => {
    const map = cells(0, 1, 0, 0x10000);
    const bridges = Array.from({ length: 10_000 }, (_, index) =>
      ecamBridge(0x10_00000000 + index * 0x100000, [
        ['ranges', cells(0x02000000, 0, 0x40000000, 0, 0x40000000, 0, 0x100000)],
        ['iommu-map', map],
      ]),
    );
    const smmu: NodeSpec = { name: 'iommu', properties: [['phandle', cells(1)]] };
    const platform = platformFromDtb(flatten(rootOf([smmu, ...bridges])));
    expect(platform.bridges).toHaveLength(10_000);
    expect(platform.bridges[9_999]).toMatchObject({ cfgBase: 0x10_00000000 + 9_999 * 0x100000 });
  });

  it('are answered when phandles lead in a circle', () => {
    const circle = (address: number, own: number, next: number): NodeSpec =>
      ecamBridge(address, [
        ['phandle', cells(own)],
        ['interrupt-parent', cells(next)],
        ['msi-parent', cells(next)],
        ['iommu-map', cells(0, next, 0, 1)],
      ]);
    const { bridges } = platformFromDtb(
      flatten(rootOf([circle(0xa0000000, 1, 2), circle(0xb0000000, 2, 1)])),
    );
    expect(bridges.map((found) => found.msiParents)).toEqual([['/pcie@b0000000'], ['/pcie@a0000000']]);
    expect(mapId(bridges[0]!.iommuMap, 0)).toEqual({ id: 0, target: '/pcie@b0000000' });
  });

  it('are given up when translating addresses would take too long', () => {
    const windows = Array.from({ length: 4_200 }, (_, index) => [0, index, 0, 0, 0, 1]).flat();
    const reg = Array.from({ length: 4_200 }, () => [0, 0xf0000000, 0, 1]).flat();
    const bus: NodeSpec = {
      ...rootOf([ecamBridge(0xa0000000)], [['ranges', cells(...windows)]]),
      name: 'soc',
    };
    const slow = { ...bus, children: [withProperty(ecamBridge(1), 'reg', cells(...reg))] };
    expect(codeOf(() => platformFromDtb(flatten(rootOf([slow]))))).toBe('FDT-026');
    expect(4_200 * 4_200).toBeGreaterThan(limits.fdtTranslationSteps);
  });

  it.each<[string, string, string, Uint8Array]>([
    ['reg of odd length', 'FDT-020', 'reg', cells(0, 0xa0000000, 0)],
    ['ranges of odd length', 'FDT-020', 'ranges', cells(0x02000000, 0, 0, 0)],
    ['ranges that is not even cells', 'FDT-020', 'ranges', new Uint8Array(7)],
    ['compatible without an end', 'FDT-021', 'compatible', new Uint8Array([0x61])],
    ['compatible beyond reason', 'FDT-027', 'compatible', new Uint8Array(20_000)],
    ['PCI windows without PCI cells', 'FDT-022', '#address-cells', cells(2)],
    ['cells beyond reason', 'FDT-022', '#size-cells', cells(0xffffffff)],
    ['a register size beyond 2^53', 'FDT-023', 'reg', cells(0, 0xa0000000, 0xffffffff, 0)],
    ['buses that end before they start', 'FDT-024', 'bus-range', cells(8, 7)],
    ['buses beyond 255', 'FDT-024', 'bus-range', cells(256, 511)],
    ['no register block', 'FDT-025', 'reg', new Uint8Array()],
  ])('%s: %s', (_name, code, property, value) => {
    const windows = cells(0x02000000, 0, 0x40000000, 0, 0x40000000, 0, 0x100000);
    const node = withProperty(ecamBridge(0xa0000000, [['ranges', windows]]), property, value);
    expect(codeOf(() => platformFromDtb(flatten(rootOf([node]))))).toBe(code);
  });

  it('names the bus that hides a bridge from the CPU', () => {
    const closed = { ...rootOf([ecamBridge(0xa0000000)]), name: 'closed' };
    expect(codeOf(() => platformFromDtb(flatten(rootOf([closed]))))).toBe('FDT-025');
  });

  it('keeps an id map of odd length, since only a look-up may fail', () => {
    const node = ecamBridge(0xa0000000, [['iommu-map', cells(0, 1, 0, 1, 0)]]);
    const { iommuMap } = platformFromDtb(flatten(rootOf([node]))).bridges[0]!;
    expect(mapId(iommuMap, 0)).toEqual({ errno: -22 });
  });
});

function withProperty(node: NodeSpec, name: string, value: Uint8Array): NodeSpec {
  const rest = node.properties!.filter(([existing]) => existing !== name);
  return { ...node, properties: [...rest, [name, value]] };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Trouble) {
      expect(error.position()).toMatch(/^0x/);
      return error.code;
    }
    throw error;
  }
  return 'no trouble';
}
