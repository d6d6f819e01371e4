import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cells, ecamBridge, flatten, type NodeSpec, rootOf, texts } from '../platform/fdt-builder.js';
import { scratch, xpr } from './xpr.js';

const at = scratch();

const circle = (address: number, own: number, next: number): NodeSpec =>
  ecamBridge(address, [
    ['phandle', cells(own)],
    ['interrupt-parent', cells(next)],
    ['msi-parent', cells(next)],
    ['iommu-map', cells(0, next, 0, 0x10000)],
  ]);
const windows = (bytes: Uint8Array): NodeSpec => ecamBridge(0xa0000000, [['ranges', bytes]]);
const many = Array.from({ length: 10_000 }, (_, i) => ecamBridge(0x10_00000000 + i * 0x10000000));
const whole = flatten(rootOf([ecamBridge(0xa0000000)]));
const tokens = cells(1, 0, 3, 4);

/** Whether sources of trees can be compiled here. */
const hasDtc = spawnSync('dtc', ['--version']).status === 0;

/** Trees nobody means well with, and what the command line makes of them: a code, or an answer. */
const trees: readonly (readonly [string, Uint8Array, string | null])[] = [
  ['phandles in a circle', flatten(rootOf([circle(0xa0000000, 1, 2), circle(0xb0000000, 2, 1)])), null],
  ['a phandle of its own', flatten(rootOf([circle(0xa0000000, 1, 1)])), null],
  ['a token stream that ends early', flatten(rootOf([]), { tokens }), 'FDT-010'],
  ['a token stream of nothing', flatten(rootOf([]), { tokens: new Uint8Array() }), 'FDT-010'],
  ['ranges of odd length', flatten(rootOf([windows(cells(0x02000000, 0, 0, 0))])), 'FDT-020'],
  ['ranges that is no row of cells', flatten(rootOf([windows(new Uint8Array(7))])), 'FDT-020'],
  ['two nodes of one name', flatten(rootOf([ecamBridge(0xa0000000), ecamBridge(0xa0000000)])), 'FDT-016'],
  ['10,000 bridges', flatten(rootOf(many)), null],
  ['half a tree', whole.subarray(0, whole.length / 2), 'FDT-002'],
  ['a tree of nothing', new Uint8Array(), 'IMP-001'],
  ['a text for a tree', texts('/dts-v1/;'), hasDtc ? 'IMP-003' : 'IMP-007'],
];

describe('a hostile tree', { timeout: 300_000 }, () => {
  it.each(trees)('%s: is imported or refused with a code and a place', async (name, blob, code) => {
    const file = at(`${name.replaceAll(' ', '-')}.dtb`);
    writeFileSync(file, blob);
    const ran = await xpr(['import', file, '-o', at('imported.xpr'), '--json']);
    expect(ran.err).not.toMatch(/BUG|\n {4}at /);
    const document = JSON.parse(ran.out);
    if (code === null) {
      expect([ran.code, document.schema]).toEqual([0, 'import/1']);
      const info = await xpr(['info', at('imported.xpr'), '--json']);
      expect(JSON.parse(info.out).platform.bridges.length).toBeGreaterThan(0);
      return;
    }
    expect([ran.code, document.error.code]).toEqual([2, code]);
    expect(document.error.file).toBe(file);
    if (code.startsWith('FDT')) expect(document.error.at).toMatch(/^0x[0-9a-f]+$/);
  });

  it.each(trees)('%s: a scenario runs on it or says why not', async (name, blob) => {
    const file = at(`${name.replaceAll(' ', '-')}.dtb`);
    writeFileSync(file, blob);
    const ran = await xpr(['record', 'two-bridges-swapped', '--dtb', file, '-o', at('ran.xpr')]);
    expect(ran.code).toBeLessThanOrEqual(2);
    expect(ran.err).not.toMatch(/BUG|\n {4}at /);
    if (ran.code !== 2) expect((await xpr(['replay', at('ran.xpr')])).code).toBe(0);
    else expect(ran.err).toMatch(/^xpr: [A-Z]+-\d{3}: /);
  });
});
