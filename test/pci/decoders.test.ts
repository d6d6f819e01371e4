import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capabilities, extendedCapabilities, findCapability } from '../../src/pci/capabilities.js';
import { decodeCf8, encodeCf8 } from '../../src/pci/cf8.js';
import { decodeEcam, ecamAddress } from '../../src/pci/ecam.js';
import { swizzlePin } from '../../src/pci/header.js';
import { ioWindow, memoryWindow, prefetchableWindow, windowsOverlap } from '../../src/pci/windows.js';

function space(size: number, bytes: Readonly<Record<number, readonly number[]>>): Uint8Array {
  const space = new Uint8Array(size);
  for (const [at, values] of Object.entries(bytes)) space.set(values, Number(at));
  return space;
}

const LISTED = { 6: [0x10] };

describe('capability lists', () => {
  it('are walked in list order', () => {
    const bytes = space(256, { ...LISTED, 52: [0x54], 84: [0x10, 0x48], 72: [0x11, 0x40], 64: [0x0d, 0] });
    const list = capabilities(bytes);
    expect(list).toEqual({
      entries: [
        { id: 0x10, offsetBytes: 0x54, version: 0 },
        { id: 0x11, offsetBytes: 0x48, version: 0 },
        { id: 0x0d, offsetBytes: 0x40, version: 0 },
      ],
      fault: null,
    });
    expect(findCapability(list, 0x11)).toBe(0x48);
    expect(findCapability(list, 0x05)).toBeNull();
  });

  it.each([
    ['points at itself', { ...LISTED, 52: [0x40], 64: [0x05, 0x40] }, 'loop', 0x40, 1],
    ['comes back later', { ...LISTED, 52: [0x40], 64: [5, 0x50], 80: [1, 0x40] }, 'loop', 0x40, 2],
    ['points into the header', { ...LISTED, 52: [0x40], 64: [5, 0x3c] }, 'pointer-outside', 0x3c, 1],
    ['reads as all ones', { ...LISTED, 52: [0x40], 64: [0xff, 0xff] }, 'all-ones', 0x40, 0],
  ])('that %s end there and are named', (_name, bytes, kind, offsetBytes, entries) => {
    const list = capabilities(space(256, bytes));
    expect(list.fault).toEqual({ kind, offsetBytes });
    expect(list.entries).toHaveLength(entries);
  });

  it('count only when STATUS says there is one', () => {
    expect(capabilities(space(256, { 52: [0x40], 64: [5, 0] })).entries).toEqual([]);
  });

  it.each([
    ['end with next 0', { 256: [1, 0, 2, 0x14], 320: [0x0d, 0, 1, 0] }, null, 2],
    ['may begin with a null capability', { 256: [0, 0, 0, 0x14], 320: [0x0d, 0, 1, 0] }, null, 1],
    ['may point at themselves', { 256: [1, 0, 2, 0x10] }, 'loop', 1],
    ['may point below 0x100', { 256: [1, 0, 2, 0x04] }, 'pointer-outside', 1],
  ])('in extended space %s', (_name, bytes, fault, entries) => {
    const list = extendedCapabilities(space(4096, bytes));
    expect(list.fault?.kind ?? null).toBe(fault);
    expect(list.entries).toHaveLength(entries);
  });

  it('end for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4096, maxLength: 4096 }), (bytes) => {
        expect(capabilities(bytes).entries.length).toBeLessThanOrEqual(48);
        expect(extendedCapabilities(bytes).entries.length).toBeLessThanOrEqual(960);
      }),
    );
  });
});

describe('bridge windows', () => {
  const bridge = (bytes: Readonly<Record<number, readonly number[]>>) => {
    const config = space(256, bytes);
    return (at: number): number => config[at]!;
  };
  // Rows are facts/q35-qemu 2.5.
  it.each([
    ['0/0 is open at 0', {}, { base: 0, sizeBytes: 0x10_0000 }],
    ['base above limit is closed', { 32: [0xf0, 0xff, 0, 0] }, { base: 0xfff0_0000, sizeBytes: 0 }],
    ['one MiB', { 32: [0, 0xfe, 0, 0xfe] }, { base: 0xfe00_0000, sizeBytes: 0x10_0000 }],
    ['to the top of 32 bits', { 32: [0, 0xf0, 0xf0, 0xff] }, { base: 0xf000_0000, sizeBytes: 0x1000_0000 }],
  ])('of memory: %s', (_name, bytes, window) => {
    expect(memoryWindow(bridge(bytes))).toEqual(window);
  });

  it.each([
    [
      '64 bit when the type nibble says so',
      { 36: [0x01, 0, 0xf1, 0], 40: [1, 0, 0, 0, 1, 0, 0, 0] },
      2 ** 32,
      0x100_0000,
    ],
    [
      '32 bit otherwise, whatever the upper halves hold',
      { 36: [0x00, 0x10, 0x00, 0x10], 40: [1, 0, 0, 0, 9, 0, 0, 0] },
      0x1000_0000,
      0x10_0000,
    ],
    [
      'to the top of 64 bits',
      { 36: [0xf1, 0xff, 0xf1, 0xff], 40: new Array<number>(8).fill(0xff) },
      2 ** 64 - 2 ** 20,
      2 ** 20,
    ],
    [
      'nothing when it is the whole of 64 bits',
      { 36: [0x01, 0, 0xf1, 0xff], 44: [255, 255, 255, 255] },
      0,
      0,
    ],
  ])('of prefetchable memory: %s', (_name, bytes, base, sizeBytes) => {
    expect(prefetchableWindow(bridge(bytes))).toEqual({ base, sizeBytes });
  });

  it('of I/O: 4 KiB steps below 64 KiB', () => {
    expect(ioWindow(bridge({ 28: [0xc0, 0xd0] }))).toEqual({ base: 0xc000, sizeBytes: 0x2000 });
    expect(ioWindow(bridge({ 28: [0xf0, 0x00] })).sizeBytes).toBe(0);
    expect(ioWindow(bridge({ 28: [0xf1, 0xf1], 48: [1, 0, 1, 0] })).base).toBe(0x1_f000);
  });

  it('overlap exactly when an address lies in both', () => {
    const window = fc.record({ base: fc.nat(12), sizeBytes: fc.nat(6) });
    fc.assert(
      fc.property(window, window, (a, b) => {
        const both = Array.from({ length: 20 }, (_, at) => at).some(
          (at) => at >= a.base && at < a.base + a.sizeBytes && at >= b.base && at < b.base + b.sizeBytes,
        );
        expect(windowsOverlap(a, b)).toBe(both);
      }),
    );
  });
});

describe('addresses of registers', () => {
  it('CF8 keeps its odd low bits apart', () => {
    expect(decodeCf8(0x8001_0813)).toEqual({ enabled: true, bus: 1, devfn: 8, register: 0x10, lowBits: 3 });
    expect(decodeCf8(0x7f00_0000).enabled).toBe(false);
  });

  it('CF8 and ECAM name the same register and come back', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0xff), (bdf, at) => {
        const cf8 = decodeCf8(encodeCf8(bdf, at));
        const ecam = decodeEcam(ecamAddress(0xb000_0000, bdf, at) - 0xb000_0000);
        expect([ecam.bus, ecam.devfn, ecam.offsetBytes]).toEqual([bdf >>> 8, bdf & 0xff, at]);
        expect([cf8.enabled, cf8.bus, cf8.devfn, cf8.register]).toEqual([
          true,
          bdf >>> 8,
          bdf & 0xff,
          at & 0xfc,
        ]);
      }),
    );
  });

  it('pins rotate by the device number at each bridge', () => {
    expect([0, 1, 2, 3].map((device) => swizzlePin(device, 0))).toEqual([0, 1, 2, 3]);
    expect(swizzlePin(31, 3)).toBe(2);
  });
});
