import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePciexbar } from '../../../src/models/qemu/chipset/mch.js';
import { readConfig, writeConfig } from '../../../src/models/qemu/function/config-space.js';
import { readMemory, writeMemory } from '../../../src/models/qemu/space/access.js';
import { Bench, machineOf, recorded } from './machine-bench.js';

const HOST = ['mch', null, 0] as const;
const MIB = 0x10_0000;

describe('a configuration write', () => {
  it('changes writable bits, clears write-1-to-clear bits and nothing else', () => {
    const access = fc.record({
      at: fc.nat(0xff),
      sizeBytes: fc.constantFrom(1, 2, 4),
      value: fc.nat(0xffff_ffff),
    });
    const image = recorded('ivshmem-plain');
    fc.assert(
      fc.property(fc.array(access, { maxLength: 30 }), (accesses) => {
        const machine = machineOf([HOST, ['ivshmem-plain', null, 0x20]]);
        const fn = machine.state.functions[1]!;
        // The plain rule, byte by byte over a copy of the power-on bytes.
        const bytes = Uint8Array.from(image.config);
        for (const { at, sizeBytes, value } of accesses) {
          writeConfig(machine, fn, at, sizeBytes, 256, value);
          for (let i = 0; i < sizeBytes && at + i < 256; i++) {
            const data = (value >>> (8 * i)) & 0xff;
            const mask = image.writeMask[at + i]!;
            bytes[at + i] = ((bytes[at + i]! & ~mask) | (data & mask)) & ~(data & image.clearMask[at + i]!);
          }
        }
        const read = Array.from({ length: 256 }, (_, at) => readConfig(machine, fn, at, 1, 256));
        expect(read).toEqual([...bytes]);
      }),
    );
  });

  it('reads the same through CF8 and ECAM', () => {
    const bench = new Bench([HOST, ['edu', null, 0x20]]);
    bench.write(0, 0x60, 4, 0xb000_0001);
    bench.write(0x20, 0x40, 4, 0x1234_5678);
    expect(bench.send('readl 0xb0020040')).toBe(bench.read(0x20, 0x40, 4));
    bench.send('writeb 0xb002003c 0x5a');
    expect(bench.read(0x20, 0x3c, 1)).toBe(0x5a);
  });

  it('ends at 256 bytes below a conventional bridge, also for a function with 4096', () => {
    const bench = new Bench([
      HOST,
      ['ioh3420', null, 0x30],
      ['pcie-pci-bridge', 1, 0],
      ['e1000e', 2, 0x08],
      ['e1000e', null, 0x38],
    ]);
    bench.write(0, 0x60, 4, 0xb000_0001);
    bench.write(0x30, 0x18, 4, 0x02_01_00);
    bench.write(0x100, 0x18, 4, 0x02_02_01);
    expect(bench.send('readl 0xb0038100')).toBe(0x1402_0001);
    expect(bench.send('readl 0xb0208000')).toBe(0x10d3_8086);
    expect(bench.send('readl 0xb0208100')).toBe(0xffff_ffff);
  });
});

describe('CF8 and CFC', () => {
  // Rows are facts/q35-qemu 1.5.
  it.each([
    [
      'a byte written to CF8 is dropped',
      ['outl 0xcf8 0x80000000', 'outb 0xcf8 0x12'],
      'inl 0xcf8',
      0x8000_0000,
    ],
    [
      'a dword written to CFA is cut: half dropped, half data',
      ['outl 0xcf8 0x80000050', 'outl 0xcfa 0x12345678'],
      'inw 0xcfc',
      0x1234,
    ],
    ['a byte read of CFB shows bits 7:0', ['outl 0xcf8 0x80000040'], 'inb 0xcfb', 0x40],
    ['odd CF8 bits are ORed into the offset', ['outl 0xcf8 0x80000001'], 'inw 0xcfc', 0xc080],
    ['also with an odd port', ['outl 0xcf8 0x80000001'], 'inb 0xcfd', 0x80],
    ['a dword at 0xff is cut at 256', ['outl 0xcf8 0x800000ff'], 'inl 0xcfc', 0],
    ['disabled reads all ones', ['outl 0xcf8 0x00000000'], 'inl 0xcfc', 0xffff_ffff],
    ['nobody reads all ones', ['outl 0xcf8 0x80001000'], 'inw 0xcfc', 0xffff],
    [
      'CFD as dword takes a byte, a word and a port nobody owns',
      ['outl 0xcf8 0x80000000'],
      'inl 0xcfd',
      0xff29_c080,
    ],
  ])('%s', (_name, before, read, expected) => {
    const bench = new Bench([HOST]);
    for (const line of before) bench.send(line);
    expect(bench.send(read)).toBe(expected);
  });
});

describe('PCIEXBAR', () => {
  // Rows are facts/q35-qemu 1.3: QEMU takes bits 26 and 25 for 128 MiB and 25 for 64 MiB.
  it.each([
    [0xb000_0001, 0, 'qemu', 0xb000_0000, 256],
    [0xc800_0003, 0, 'qemu', 0xc000_0000, 128],
    [0xc600_0003, 0, 'qemu', 0xc600_0000, 128],
    [0xc400_0005, 0, 'qemu', 0xc000_0000, 64],
    [0xc200_0005, 0, 'qemu', 0xc200_0000, 64],
    [0xc800_0003, 0, 'datasheet', 0xc800_0000, 128],
    [0xc400_0005, 0, 'datasheet', 0xc400_0000, 64],
    [0xd000_0001, 0x1f, 'qemu', 0xf_d000_0000, 256],
  ] as const)('%i:%i with %s masks is at %i, %i MiB', (low, high, masks, base, mib) => {
    expect(decodePciexbar(low, high, masks)).toEqual({
      kind: 'window',
      enabled: true,
      base,
      sizeBytes: mib * MIB,
    });
  });

  it('keeps the old window under a reserved size, even with enable cleared', () => {
    const bench = new Bench([HOST]);
    bench.write(0, 0x60, 4, 0xb000_0001);
    bench.write(0, 0x60, 4, 0xc000_0006);
    expect(bench.read(0, 0x60, 4)).toBe(0xc000_0006);
    expect(bench.send('readl 0xb0000000')).toBe(0x29c0_8086);
    bench.write(0, 0x60, 1, 0x00);
    expect(bench.send('readl 0xb0000000')).toBe(0);
  });

  it('moves through itself, wins over RAM and loses to RCBA', () => {
    const bench = new Bench([HOST, ['ICH9-LPC', null, 0xf8]]);
    bench.write(0, 0x60, 4, 0xb000_0001);
    bench.send('writel 0xb0000060 0x1');
    expect(bench.machine.state.ecam).toEqual({ base: 0, sizeBytes: 256 * MIB });
    expect(bench.send('readl 0x0')).toBe(0x29c0_8086);
    bench.write(0xf8, 0xf0, 4, 0x0000_0001);
    expect(bench.send('readl 0x3410')).toBe(0x20);
  });
});

describe('memory', () => {
  it('gives back what was stored, whatever the pieces', () => {
    const write = fc.record({ at: fc.nat(63), bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }) });
    fc.assert(
      fc.property(fc.array(write), (writes) => {
        const machine = machineOf([HOST]);
        const plain = new Uint8Array(80);
        for (const { at, bytes } of writes) {
          writeMemory(machine, 0x20_0000 + at, bytes);
          plain.set(bytes, at);
        }
        const out = new Uint8Array(80);
        expect(readMemory(machine, 0x20_0000, out)).toBeNull();
        expect(out).toEqual(plain);
      }),
    );
  });

  it('shows BARs at the top of 64 bits', () => {
    const bench = new Bench([HOST, ['ivshmem-plain', null, 0x20]]);
    bench.write(0x20, 0x18, 4, 0xfff0_0000);
    bench.write(0x20, 0x1c, 4, 0xffff_fffe);
    bench.write(0x20, 4, 2, 2);
    bench.send('writel 0xfffffffefff00014 0x11223344');
    expect(bench.send('readw 0xfffffffefff00016')).toBe(0x1122);
    expect(bench.send('readl 0xfffffffefff00010')).toBe(0);
  });
});
