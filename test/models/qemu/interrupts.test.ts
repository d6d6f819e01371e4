import { describe, expect, it } from 'vitest';
import { requesterId } from '../../../src/models/qemu/function/dma.js';
import { pirqOf } from '../../../src/models/qemu/function/intx.js';
import { Bench, type Placing, q35 } from './machine-bench.js';

const HOST: Placing = ['mch', null, 0];
const LPC: Placing = ['ICH9-LPC', null, 0xf8];

/** An edu with its registers at 0xe0000000, memory and bus mastering on, message address in RAM. */
function eduBench(): Bench {
  const bench = new Bench([HOST, LPC, ['edu', null, 0x10]]);
  bench.write(0x10, 0x10, 4, 0xe000_0000);
  bench.write(0x10, 4, 2, 6);
  bench.write(0x10, 0x44, 4, 0x20_0000);
  bench.write(0x10, 0x4c, 2, 0x4041);
  return bench;
}

describe('MSI', () => {
  it('stores its data at its address', () => {
    const bench = eduBench();
    bench.write(0x10, 0x42, 2, 1);
    bench.send('writel 0xe0000060 0x1');
    expect(bench.send('readl 0x200000')).toBe(0x4041);
    expect(bench.machine.effects).toEqual([]);
  });

  it('is lost unless the function itself may master the bus', () => {
    const bench = eduBench();
    bench.write(0x10, 0x42, 2, 1);
    bench.write(0x10, 4, 2, 2);
    bench.send('writel 0xe0000060 0x1');
    expect(bench.send('readl 0x200000')).toBe(0);
    bench.write(0x10, 4, 2, 6);
    expect(bench.send('readl 0x200000')).toBe(0);
  });

  it('cuts a vector count beyond the capable one only while enabled', () => {
    const bench = eduBench();
    bench.write(0x10, 0x42, 2, 0x50);
    expect(bench.read(0x10, 0x42, 2) & 0x70).toBe(0x50);
    bench.write(0x10, 0x42, 2, 0x51);
    expect(bench.read(0x10, 0x42, 2) & 0x70).toBe(0);
  });

  it('lets the pin go when it is enabled', () => {
    const bench = eduBench();
    bench.send('writel 0xe0000060 0x1');
    expect(bench.read(0x10, 6, 2) & 8).toBe(8);
    bench.write(0x10, 0x42, 2, 1);
    expect(bench.read(0x10, 6, 2) & 8).toBe(0);
  });
});

describe('MSI-X', () => {
  /** A root port signals a completed slot command through its one vector. */
  function portBench(): Bench {
    const bench = new Bench([HOST, LPC, ['pcie-root-port', null, 0x10], ['edu', 2, 0]]);
    bench.write(0x10, 0x10, 4, 0xe000_0000);
    bench.write(0x10, 4, 2, 6);
    bench.send('writel 0xe0000000 0x200000');
    bench.send('writel 0xe0000008 0x1234');
    return bench;
  }
  const command = (bench: Bench): void => {
    bench.write(0x10, 0x6c, 2, 0x1c0 | 0x30);
  };

  it('remembers a masked vector and sends it when unmasked', () => {
    const bench = portBench();
    bench.write(0x10, 0x4a, 2, 0x8000);
    command(bench);
    expect(bench.send('readl 0xe0000800')).toBe(1);
    expect(bench.send('readl 0x200000')).toBe(0);
    bench.send('writel 0xe000000c 0');
    expect(bench.send('readl 0x200000')).toBe(0x1234);
    expect(bench.send('readl 0xe0000800')).toBe(0);
  });

  it('remembers under the function mask too', () => {
    const bench = portBench();
    bench.send('writel 0xe000000c 0');
    bench.write(0x10, 0x4a, 2, 0xc000);
    command(bench);
    expect(bench.send('readl 0x200000')).toBe(0);
    bench.write(0x10, 0x4a, 2, 0x8000);
    expect(bench.send('readl 0x200000')).toBe(0x1234);
  });

  it('has a table of dwords: narrower stores are dropped, loads read 0', () => {
    const bench = portBench();
    expect(bench.send('readw 0xe0000008')).toBe(0);
    bench.send('writeb 0xe0000008 0xff');
    expect(bench.send('readl 0xe0000008')).toBe(0x1234);
    bench.send('writeq 0xe0000000 0x1122334455667788');
    expect(bench.send('readl 0xe0000004')).toBe(0x1122_3344);
  });
});

describe('INTx', () => {
  it.each([
    ['q35 slot 2 INTA', [HOST, LPC, ['edu', null, 0x10]], 2, 6],
    ['q35 slot 26 by its route register', [HOST, LPC, ['edu', null, 0xd0]], 2, 0],
    ['q35 slot 30', [HOST, LPC, ['edu', null, 0xf0]], 2, 4],
    ['behind a port at 3: slot 3 decides', [HOST, LPC, ['ioh3420', null, 0x18], ['edu', 2, 0]], 3, 7],
    [
      'behind two bridges: swizzled at each',
      [HOST, LPC, ['ioh3420', null, 0x18], ['pcie-pci-bridge', 2, 0], ['edu', 3, 0x10]],
      4,
      5,
    ],
  ] as const)('of %s', (_name, placings, fn, pirq) => {
    const { machine } = new Bench(placings);
    expect(pirqOf(machine, machine.state.functions[fn]!)).toBe(pirq);
  });

  it('on i440FX counts from slot 1', () => {
    const { machine } = new Bench(
      [
        ['i440FX', null, 0],
        ['PIIX3', null, 8],
        ['edu', null, 0x28],
      ],
      {
        ...q35,
        kind: 'pc',
      },
    );
    expect(pirqOf(machine, machine.state.functions[2]!)).toBe(0);
  });

  it('drives the IOAPIC pin, and the routed ISA pin while its route is on', () => {
    const bench = eduBench();
    bench.send('irq_intercept_in ioapic');
    bench.write(0xf8, 0x6a, 1, 0x0b);
    expect(bench.qtest.answer('writel 0xe0000060 0x1').async).toEqual(['IRQ raise 22', 'IRQ raise 11']);
    bench.send('outl 0xcf8 0x80001004');
    expect(bench.qtest.answer('outw 0xcfc 0x406').async).toEqual(['IRQ lower 22', 'IRQ lower 11']);
    expect(bench.read(0x10, 6, 2) & 8).toBe(8);
    bench.send('outl 0xcf8 0x80001004');
    expect(bench.qtest.answer('outw 0xcfc 0x6').async).toEqual(['IRQ raise 22', 'IRQ raise 11']);
  });
});

describe('requester ids', () => {
  it.each([
    ['a function itself on PCIe', [HOST, ['ioh3420', null, 0x18], ['edu', 1, 0]], 2, 0x0500],
    [
      'the secondary bus of a PCIe-to-PCI bridge',
      [HOST, ['ioh3420', null, 0x18], ['pcie-pci-bridge', 1, 0], ['edu', 2, 0x10]],
      3,
      0x0600,
    ],
    [
      'the bridge nearest the root on conventional PCI',
      [HOST, ['i82801b11-bridge', null, 0xf0], ['edu', 1, 8]],
      2,
      0xf0,
    ],
  ] as const)('name %s', (_name, placings, fn, id) => {
    const bench = new Bench(placings);
    const { functions } = bench.machine.state;
    functions[1]!.config[0x18] = 0x07_05_00;
    if (functions[2]!.secondary !== null) functions[2]!.config[0x18] = 0x07_06_05;
    expect(requesterId(bench.machine, functions[fn]!)).toBe(id);
  });
});
