import { describe, expect, it } from 'vitest';
import { functionId } from '../../../../src/pci/function-id.js';
import { bdf } from '../../../../src/pci/sbdf.js';
import { pvhPc } from '../../../../src/platform/built-in/pvh-pc.js';
import { ConfigImage } from '../../../../src/platform/config-image.js';
import { currentBehaviour } from '../../../../src/policy/behaviours.js';
import { all, BenchPvh, GPU, hardwareWrites, NIC, warnings } from './bench-pvh.js';

const ODD = 0x30;

/** A function at slot 6 beside the usual ones. */
const withOdd = (image: ConfigImage) => pvhPc([image.build(functionId(0, bdf(0, 6, 0)), 'odd')]);

/** Positions of the capabilities the domain sees. */
function listed(bench: BenchPvh, devfn: number): number[] {
  const found: number[] = [];
  for (
    let at = bench.read(devfn, 0x34, 1)!;
    at >= 0x40 && found.length < 48;
    at = bench.read(devfn, at + 1, 1)!
  )
    found.push(at);
  return found;
}

describe('lists of the hardware domain', () => {
  it('are answered from what was found at set-up; writes to them reach hardware', () => {
    const bench = new BenchPvh();
    expect(listed(bench, NIC)).toEqual([0xc8, 0xd0, 0xe0, 0xa0]);
    expect(hardwareWrites(bench.write(NIC, 0x34, 1, 0x40))).toEqual(['34/1=40']);
    expect(bench.read(NIC, 0x34, 1)).toBe(0xc8);
    expect(hardwareWrites(bench.write(NIC, 0x100, 4, 0))).toEqual([]);
    expect(bench.read(NIC, 0x100, 4)).toBe(0x1401_0001);
  });

  it('were plain hardware before 4.21', () => {
    const { registers } = new BenchPvh({ xen: '4.20' }).device(NIC);
    expect(registers.filter(({ read }) => read === 'value')).toEqual([]);
    expect(registers.some(({ offset }) => offset === 6)).toBe(true);
    expect(new BenchPvh({ xen: '4.17' }).device(NIC).registers.some(({ offset }) => offset === 6)).toBe(
      false,
    );
  });

  it('lose MSI-X whose table lies outside its BAR; its control word is then read-only', () => {
    const image = new ConfigImage(256)
      .identity(0x1234, 0x0001, 0x020000, 2)
      .bar(0, 0xfd00_0000, 0x1000, 'mem')
      .capabilities([0x40, 0x05], [0x60, 0x11], [0x80, 0x01])
      .word(0x42, 0, 0x71)
      .word(0x62, 0x7ff, 0xc000)
      .dword(0x64, 0)
      .dword(0x68, 0x800);
    const bench = new BenchPvh({}, withOdd(image));
    expect(listed(bench, ODD)).toEqual([0x40, 0x80]);
    expect(bench.device(ODD).msix).toBeNull();
    expect(bench.read(ODD, 0x62, 2)).toBe(0x07ff);
    expect(hardwareWrites(bench.write(ODD, 0x62, 2, 0x8000))).toEqual([]);
    bench.physdev('pci_device_remove', { seg: 0, bus: 0, devfn: ODD });
    expect(warnings(bench.add(ODD))).toEqual([
      'DEVICE BUG: MSI-X vector table offset 0x0 size 0x8000 outside of BAR0 size 0x1000',
      'init legacy cap 17 fail rc=-19, mask it',
    ]);
    // 4.20 gave the whole device up for it; 4.18 did not look.
    expect(new BenchPvh({ xen: '4.20' }, withOdd(image)).device(ODD)).toBeUndefined();
    expect(new BenchPvh({ xen: '4.18' }, withOdd(image)).device(ODD).msix).not.toBeNull();
  });

  it.each([
    [3, 'MSI-X vector table at invalid BAR3 with type empty'],
    [7, 'MSI-X vector table with out of range BIR 7'],
  ])('lose MSI-X with a table in BAR %i', (bir, line) => {
    const image = new ConfigImage(256)
      .identity(0x1234, 0x0001, 0x020000, 2)
      .capabilities([0x60, 0x11])
      .dword(0x64, bir);
    const bench = new BenchPvh({}, withOdd(image));
    expect(listed(bench, ODD)).toEqual([]);
    bench.physdev('pci_device_remove', { seg: 0, bus: 0, devfn: ODD });
    expect(warnings(bench.add(ODD))[0]).toBe(`DEVICE BUG: ${line}`);
  });

  it('end quietly where the extended list breaks or loops', () => {
    const broken = new ConfigImage(4096).identity(0x1234, 1, 0x020000).extended([0x100, 1], [0x200, 3]);
    broken.dword(0x200, 0xffff_ffff);
    const looping = new ConfigImage(4096).identity(0x1234, 1, 0x020000).extended([0x100, 1], [0x140, 3]);
    looping.dword(0x140, 0x1001_0003);
    for (const [image, line] of [
      [broken, 'broken extended cap list, offset 0x200'],
      [looping, 'overlap in extended cap list, offset 0x100'],
    ] as const) {
      const bench = new BenchPvh({}, withOdd(image));
      bench.physdev('pci_device_remove', { seg: 0, bus: 0, devfn: ODD });
      expect(warnings(bench.add(ODD))).toEqual([line]);
      expect(bench.device(ODD)).toBeDefined();
    }
  });

  it('survive a legacy list that points at itself: the device is given up over the overlap', () => {
    const image = new ConfigImage(256).identity(0x1234, 1, 0x020000).capabilities([0x40, 0x01]);
    image.byte(0x41, 0x40);
    const bench = new BenchPvh({}, withOdd(image));
    expect(bench.device(ODD)).toBeUndefined();
  });
});

describe('resizable BARs', () => {
  it('are resized while unmapped, and the BAR is sized again', () => {
    const bench = new BenchPvh();
    expect(bench.device(GPU).bars[0]?.resizableSizes).toBe(0x700);
    expect(warnings(bench.write(GPU, 0x108, 4, 0x0920))).toEqual([
      'refuse to resize BAR#0 with memory decoding enabled',
    ]);
    bench.write(GPU, 4, 2, 1);
    const events = bench.write(GPU, 0x108, 4, 0x0920);
    expect(hardwareWrites(events)[0]).toBe('108/4=920');
    expect(hardwareWrites(events).slice(1)).toEqual(['10/4=ffffffff', '14/4=ffffffff', '14/4=8', '10/4=c']);
    expect(warnings(bench.write(GPU, 0x108, 4, 0x0b20))).toEqual([
      'new BAR#0 size 0x80000000 is not supported by hardware',
    ]);
  });

  it('are unknown before 4.21', () => {
    expect(new BenchPvh({ xen: '4.20' }).device(GPU).bars[0]?.resizableSizes).toBe(0);
  });
});

describe('a resizable BAR capability that cannot be set up', () => {
  // xen/drivers/vpci/rebar.c, cleanup_rebar: vpci_remove_registers(PCI_REBAR_CAP(0), PCI_REBAR_CTRL(n - 1)), whose third
  // argument is a size @RELEASE-4.22.0. Before behaviour 15 it counted from the capability and took what lay behind.
  it('takes its own registers away, and not those of later capabilities', () => {
    // The second capability stands on the second control word of the first.
    const image = new ConfigImage(4096)
      .identity(0x1002, 0x73bf, 0x030000, 0x0003)
      .bar(0, 0x9_0000_0000, 0x1000_0000, 'wide-prefetch')
      .extended([0x100, 0x15], [0x110, 0x18], [0x140, 0x03])
      .dword(0x104, 0x0000_7000)
      .dword(0x108, 0x0000_0860, 0x3f00)
      .dword(0x114, 0x0000_7000);
    const at = (behaviour?: readonly number[]): number[] =>
      new BenchPvh({ xen: '4.22.0' }, withOdd(image), behaviour)
        .device(ODD)
        .registers.map(({ offset }) => offset)
        .filter((offset) => offset > 0x118);
    expect(at()).toContain(0x140);
    expect(at(currentBehaviour.filter((number) => number !== 15))).not.toContain(0x140);
  });
});

describe('lists at a report of an MMCFG window', () => {
  // xen/arch/x86/physdev.c, PHYSDEVOP_pci_mmcfg_reserved: vpci_reinit_ext_capabilities @RELEASE-4.22.0 (d734babf8b).
  it.each([
    ['4.21.0', false],
    ['4.22.0', true],
  ] as const)('are built anew by 4.22, %s: %s', (xen, anew) => {
    const window = { address: 0xb000_0000, segment: 0, start_bus: 0, end_bus: 255, flags: 0 };
    const rebuilt = (bench: BenchPvh): boolean =>
      all(bench.physdev('pci_mmcfg_reserved', window), 'vpci.attached').length > 0;
    expect(rebuilt(new BenchPvh({ xen }))).toBe(anew);
    const older = currentBehaviour.filter((number) => number !== 15);
    expect(rebuilt(new BenchPvh({ xen }, pvhPc(), older))).toBe(true);
  });
});

describe('pci_device_reset', () => {
  it('builds the view anew and writes nothing but what sizing takes', () => {
    const bench = new BenchPvh();
    bench.write(GPU, 0x54, 4, 0xfee0_0000);
    const events = bench.physdev('pci_device_reset', { dev: { seg: 0, bus: 0, devfn: GPU }, flags: 3 });
    expect(all(events, 'vpci.detached')).toHaveLength(1);
    expect(all(events, 'vpci.attached')).toHaveLength(1);
    expect(bench.read(GPU, 0x54, 4)).toBe(0);
    expect(bench.read(GPU, 4, 2)).toBe(3);
  });
});
