import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Trouble } from '../../src/base/errors.js';
import { limits } from '../../src/base/limits.js';
import { platformFromDtb } from '../../src/importers/dtb/dt-platform.js';
import { readDeviceTree } from '../../src/importers/dtb/fdt/read.js';
import { findProperty } from '../../src/importers/dtb/fdt/tree.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';
import { cells, concat, ecamBridge, flatten, type NodeSpec, padded, rootOf, texts } from './fdt-builder.js';

const simple = rootOf([ecamBridge(0xa0000000)], [['model', texts('sim')]]);

const patched = (offset: number, value: number, blob = twoBridgesDtb()): Uint8Array => {
  new DataView(blob.buffer).setUint32(offset, value);
  return blob;
};

const stringsFirst = (): Uint8Array => flatten(simple, { order: ['strings', 'reservations', 'structure'] });

const stream = (...parts: readonly Uint8Array[]): Uint8Array => flatten(simple, { tokens: concat(parts) });
const begin = (name: string): Uint8Array => concat([cells(1), padded(texts(name))]);
const END_NODE = cells(2);
const END = cells(9);

const deep = (levels: number): NodeSpec => {
  let node: NodeSpec = { name: 'leaf' };
  for (let i = 0; i < levels; i += 1) node = { name: 'n', children: [node] };
  return rootOf([node]);
};

describe('reading a flattened device tree', () => {
  it('keeps nodes in flattened order with their paths', () => {
    const tree = readDeviceTree(twoBridgesDtb());
    expect(tree.nodes.map((node) => node.path)).toEqual([
      '/',
      '/chosen',
      '/aliases',
      '/psci',
      '/cpus',
      '/cpus/cpu@0',
      '/cpus/cpu@1',
      '/timer',
      '/memory@40000000',
      '/interrupt-controller@2f000000',
      '/interrupt-controller@2f000000/msi-controller@2f020000',
      '/iommu@2b400000',
      '/pcie@a0000000',
      '/pcie@b0000000',
    ]);
  });

  it.each([
    ['version 16, which has no size of the structure block', { version: 16 }],
    ['strings before structure', { order: ['strings', 'reservations', 'structure'] }],
    ['reservations last', { order: ['structure', 'strings', 'reservations'] }],
    ['a megabyte of padding inside totalsize', { paddingBytes: 1 << 20 }],
  ] as const)('reads the same tree from %s', (_name, shape) => {
    expect(platformFromDtb(flatten(simple, shape))).toEqual(platformFromDtb(flatten(simple)));
  });

  it('ignores what follows totalsize and what follows END', () => {
    const blob = flatten(simple);
    expect(platformFromDtb(concat([blob, cells(1, 2, 3)]))).toEqual(platformFromDtb(blob));
    const tail = stream(begin(''), END_NODE, END, cells(0xdead));
    expect(readDeviceTree(tail).nodes).toHaveLength(1);
  });

  it('skips NOP wherever it stands', () => {
    const nop = cells(4);
    const tree = readDeviceTree(
      stream(nop, begin(''), nop, nop, begin('a'), nop, END_NODE, nop, END_NODE, nop, END),
    );
    expect(tree.nodes.map((node) => node.path)).toEqual(['/', '/a']);
  });

  it('takes the first of two nodes with one phandle, by either name of the property', () => {
    const node = (name: string, property: string): NodeSpec => ({ name, properties: [[property, cells(5)]] });
    const tree = readDeviceTree(flatten(rootOf([node('a', 'linux,phandle'), node('b', 'phandle')])));
    expect(tree.nodeOf(5)?.path).toBe('/a');
    expect(tree.nodeOf(6)).toBeNull();
  });

  it('reads a property of no bytes as present and empty', () => {
    const tree = readDeviceTree(flatten(rootOf([], [['flag', new Uint8Array()]])));
    expect(findProperty(tree.root, 'flag')?.value).toHaveLength(0);
  });

  // Offsets are those of the header fields or of the token that cannot be read.
  it.each<[string, string, () => Uint8Array, number]>([
    ['nothing at all', 'FDT-001', () => new Uint8Array(), 0],
    ['no magic', 'FDT-001', () => patched(0, 0xedfe0dd0), 0],
    ['half a header', 'FDT-002', () => twoBridgesDtb().subarray(0, 30), 4],
    ['the second half missing', 'FDT-002', () => twoBridgesDtb().subarray(0, 1300), 4],
    ['totalsize below the header', 'FDT-002', () => patched(4, 20), 4],
    ['version 3', 'FDT-003', () => patched(20, 3), 20],
    ['a later version that broke with 17', 'FDT-003', () => patched(24, 18, patched(20, 18)), 20],
    ['totalsize over the limit', 'FDT-004', () => patched(4, limits.fdtBytes + 1), 4],
    ['structure block outside', 'FDT-005', () => patched(8, 0x10000), 8],
    ['structure block unaligned', 'FDT-005', () => patched(8, 0x3a), 8],
    ['structure block inside the header', 'FDT-005', () => patched(8, 0x10), 8],
    ['structure block too long', 'FDT-005', () => patched(36, 0xfffffffc), 8],
    ['strings block outside', 'FDT-005', () => patched(12, 0xffffffff), 12],
    ['reservations unaligned', 'FDT-005', () => patched(16, 0x2c), 16],
    ['strings laid over what follows', 'FDT-006', () => patched(32, 100, stringsFirst()), 0x70],
    ['reservations without an end', 'FDT-007', () => patched(16, 0x960), 0x960],
    ['tokens that stop', 'FDT-010', () => stream(begin(''), END_NODE), 0x44],
    ['half a token', 'FDT-010', () => stream(begin(''), END_NODE, END.subarray(0, 2)), 0x44],
    ['an unknown token', 'FDT-011', () => stream(begin(''), cells(7)), 0x40],
    ['a property before any node', 'FDT-012', () => stream(cells(3, 0, 0)), 0x38],
    [
      'a property after a child',
      'FDT-012',
      () => stream(begin(''), begin('a'), END_NODE, cells(3, 0, 0)),
      0x4c,
    ],
    ['END inside a node', 'FDT-012', () => stream(begin(''), END), 0x40],
    ['END before any node', 'FDT-012', () => stream(END), 0x38],
    ['END_NODE too often', 'FDT-012', () => stream(begin(''), END_NODE, END_NODE), 0x44],
    ['two roots', 'FDT-012', () => stream(begin(''), END_NODE, begin('')), 0x44],
    ['a node without a name', 'FDT-013', () => stream(begin(''), begin('')), 0x44],
    ['a slash in a node name', 'FDT-013', () => stream(begin(''), begin('a/b')), 0x45],
    ['a node name without an end', 'FDT-013', () => stream(begin(''), cells(1, 0x61616161)), 0x44],
    ['a node name over the limit', 'FDT-013', () => stream(begin(''), begin('a'.repeat(300))), 0x44],
    ['a name offset out of the strings', 'FDT-014', () => stream(begin(''), cells(3, 0, 0xfffffff0)), 0x48],
    ['a name offset at an empty name', 'FDT-014', () => stream(begin(''), cells(3, 0, 14)), 0x48],
    ['a value that runs out', 'FDT-015', () => stream(begin(''), cells(3, 0xfffffff0, 0)), 0x4c],
    ['two nodes of one name', 'FDT-016', () => flatten(rootOf([{ name: 'a@1' }, { name: 'a@1' }])), 0x6c],
    ['two properties of one name', 'FDT-017', () => stream(begin(''), cells(3, 0, 0, 3, 0, 0)), 0x4c],
    ['nodes nested too deeply', 'FDT-018', () => flatten(deep(limits.fdtDepth)), 0x258],
  ])('%s: %s', (_name, code, blob, offsetBytes) => {
    const trouble = caught(() => readDeviceTree(blob()));
    expect(trouble.code).toBe(code);
    expect(trouble.detail.at).toEqual({ offsetBytes });
  });

  it('answers any damaged blob with a platform or a coded error with its offset', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 });
    fc.assert(
      fc.property(damage, fc.option(fc.nat(), { freq: 8 }), (edits, cut) => {
        const blob = twoBridgesDtb();
        for (const [at, byte] of edits) blob[at % blob.length] = byte;
        const trouble = attempt(() =>
          platformFromDtb(cut === null ? blob : blob.subarray(0, cut % blob.length)),
        );
        if (trouble === null) return;
        expect(trouble.code).toMatch(/^FDT-\d{3}$/);
        const at = trouble.detail.at;
        expect(at !== undefined && 'offsetBytes' in at && at.offsetBytes <= blob.length).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it('refuses every proper prefix of a blob', () => {
    const blob = twoBridgesDtb();
    for (let cut = 0; cut < blob.length; cut += 1) {
      expect(caught(() => readDeviceTree(blob.subarray(0, cut))).code).toBe(cut < 4 ? 'FDT-001' : 'FDT-002');
    }
  });
});

function attempt(run: () => unknown): Trouble | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof Trouble) return error;
    throw error;
  }
}

function caught(run: () => unknown): Trouble {
  const trouble = attempt(run);
  if (trouble === null) throw new Error('no trouble');
  return trouble;
}
