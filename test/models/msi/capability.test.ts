import { describe, expect, it } from 'vitest';
import type { CallerSbdf } from '../../../src/pci/sbdf.js';
import { Bench, DOM0, nicA, TRANSLATER, twoBridges } from '../arm/bench.js';

const CAP = 0x50;

/** NIC-A with an MSI capability: 64-bit, eight vectors, mask bits. */
function machine(chain = 0) {
  const config = new Uint8Array(4096);
  const writeMask = new Uint8Array(4096);
  config[0x06] = 0x10;
  config[0x34] = CAP;
  config.set([0x05, chain, 0x86, 0x01], CAP);
  writeMask.fill(0xff, 0x04, 0x06);
  writeMask.fill(0xff, CAP + 4, CAP + 0x14);
  writeMask[CAP + 2] = 0x71;
  const platform = twoBridges();
  const card = { ...platform.functions[0]!, config, writeMask };
  return { ...platform, functions: [card, platform.functions[1]!] };
}

/** Dom0 writes configuration registers of NIC-A in its own way, without Xen. */
function poke(bench: Bench, reg: number, size: number, value: number): string[] {
  const sbdf = 0x100 as CallerSbdf;
  return bench.take({
    kind: 'config.requested',
    by: 'd0',
    data: { domid: DOM0, via: 'direct', dir: 'write', sbdf, reg, size, value },
  });
}

const raise = (bench: Bench, vector: number): string[] =>
  bench.take({ kind: 'msi.raised', by: 'hw', data: { function: nicA, vector } });

/** Bridges up, NIC-A Dom0's, its events on the ITS, its capability programmed: 2^log2 messages. */
function ready(log2 = 0, master = true): Bench {
  const bench = new Bench(machine());
  bench.xenProbes(0xa000_0000, 0xb000_0000);
  bench.dom0Probes(0xa000_0000, 0xb000_0000);
  bench.add(0);
  bench.mapDevice(0x100, 16);
  if (master) poke(bench, 0x04, 2, 0x0004);
  poke(bench, CAP + 4, 4, TRANSLATER);
  poke(bench, CAP + 8, 4, 0);
  poke(bench, CAP + 0xc, 2, 8);
  poke(bench, CAP + 2, 2, 0x0001 | (log2 << 4));
  return bench;
}

describe('a message out of the MSI capability (facts/arm-msi-iommu 7.1)', () => {
  it('is what software wrote there, in as many accesses as it took', () => {
    const bench = ready();
    expect(raise(bench, 0).at(-1)).toBe('delivered 8200 to d0, driver d0');
    poke(bench, CAP + 0xc, 1, 3);
    expect(raise(bench, 0).at(-1)).toBe('delivered 8195 to d0, driver d0');
  });

  it('several messages: the vector replaces the low bits of the data', () => {
    expect(raise(ready(3), 5).at(-1)).toBe('delivered 8205 to d0, driver d0');
  });

  it('vectors beyond the enabled ones, and functions with MSI off, send nothing', () => {
    expect(raise(ready(1), 2)).toEqual(['dropped: MSI is not enabled in the function']);
    expect(raise(new Bench(machine()), 0)).toEqual(['dropped: MSI is not enabled in the function']);
  });

  it('bus mastering gates messages too', () => {
    expect(raise(ready(0, false), 0)).toEqual(['dropped: bus mastering is off: the function cannot send']);
  });

  it('a masked vector sets its pending bit; clearing the mask sends the message and clears the bit', () => {
    const bench = ready(1);
    poke(bench, CAP + 0x10, 4, 0b10);
    expect(raise(bench, 1)).toEqual(['config.changed', 'msi.pended']);
    expect(bench.engine.state.hw.config[nicA]![CAP + 0x14]).toBe(0b10);
    expect(poke(bench, CAP + 0x10, 4, 0).at(-1)).toBe('delivered 8201 to d0, driver d0');
    expect(bench.engine.state.hw.config[nicA]![CAP + 0x14]).toBe(0);
  });

  it('a capability list that runs in a circle ends', () => {
    const looping = machine(CAP);
    const functions = looping.functions.map((fn, i) => {
      const config = new Uint8Array(fn.config);
      if (i === 0) config[CAP] = 0x09;
      return { ...fn, config };
    });
    expect(raise(new Bench({ ...looping, functions }), 0)).toEqual([
      'dropped: MSI is not enabled in the function',
    ]);
  });
});
