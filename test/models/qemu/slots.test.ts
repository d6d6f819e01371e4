import { describe, expect, it } from 'vitest';
import { plug, unplug } from '../../../src/models/qemu/plugging/hotplug.js';
import { Bench, type Placing } from './machine-bench.js';

const HOST: Placing = ['mch', null, 0];
/** Offsets of a pcie-root-port's slot control and status. */
const CONTROL = 0x6c;
const STATUS = 0x6e;

function slotBench(): Bench {
  const bench = new Bench([HOST, ['pcie-root-port', null, 0x10, 'rp1'], ['edu', 1, 0, 'edu0']]);
  bench.write(0x10, 0x18, 4, 0x01_01_00);
  // The recorded bytes may come from a port that ACPI runs: make the slot hot-plug capable and populated.
  const port = bench.machine.state.functions[1]!;
  port.config[0x68] = 0x000a_007b;
  port.config[CONTROL] = 0x0040_01c0;
  return bench;
}

// Cases are facts/q35-qemu 2.8.
describe('a hot-plug slot', () => {
  it('completes a command on every write of slot control', () => {
    const bench = slotBench();
    bench.write(0x10, CONTROL + 1, 1, 0x01);
    expect(bench.read(0x10, STATUS, 2) & 0x10).toBe(0x10);
    bench.write(0x10, STATUS, 2, 0x10);
    expect(bench.read(0x10, STATUS, 2) & 0x10).toBe(0);
  });

  it('takes back a clear that names an event which was not set', () => {
    const bench = slotBench();
    bench.write(0x10, CONTROL, 2, 0x1c0);
    bench.write(0x10, STATUS, 2, 0x1f);
    expect(bench.read(0x10, STATUS, 2) & 0x1f).toBe(0x10);
  });

  it('toggles its lock and refuses while locked', () => {
    const bench = slotBench();
    bench.write(0x10, CONTROL, 2, 0x9c0);
    expect(bench.read(0x10, CONTROL, 2)).toBe(0x1c0);
    expect(bench.read(0x10, STATUS, 2) & 0x80).toBe(0x80);
    expect(unplug(bench.machine, 'edu0')).toContain('electromechanically locked');
  });

  it('hides a function without power and gives it back reset', () => {
    const bench = slotBench();
    bench.write(0x100, 0x3c, 1, 0x0a);
    bench.write(0x10, CONTROL, 2, 0x5c0);
    expect(bench.read(0x100, 0, 4)).toBe(0xffff_ffff);
    bench.write(0x10, CONTROL, 2, 0x1c0);
    expect(bench.read(0x100, 0, 4)).toBe(0x11e8_1234);
    expect(bench.read(0x100, 0x3c, 1)).toBe(0);
  });

  it('asks the guest before it removes', () => {
    const bench = slotBench();
    expect(unplug(bench.machine, 'edu0')).toBeNull();
    expect(bench.read(0x10, STATUS, 2) & 0x49).toBe(0x41);
    expect(unplug(bench.machine, 'edu0')).toBe('Device edu0 is already in the process of unplug');
    bench.write(0x10, CONTROL, 2, 0x7c0);
    expect(bench.read(0x10, STATUS, 2) & 0x58).toBe(0x18);
    expect(bench.machine.effects).toEqual([]);
    expect(unplug(bench.machine, 'edu0')).toBe("Device 'edu0' not found");
  });

  it('refuses while the power indicator blinks, and removes at once when power is off', () => {
    const bench = slotBench();
    bench.write(0x10, CONTROL, 2, 0x2c0);
    expect(unplug(bench.machine, 'edu0')).toContain('guest is busy');
    bench.write(0x10, CONTROL, 2, 0x1c0);
    bench.write(0x10, CONTROL, 2, 0x5c0);
    bench.machine.state.functions[1]!.config[CONTROL] = 0x0040_07c0;
    expect(unplug(bench.machine, 'edu0')).toBeNull();
    expect(bench.whoAnswers(1, 0)).toBeNull();
  });

  it('announces an added function and shows it once power is on', () => {
    const bench = new Bench([HOST, ['pcie-root-port', null, 0x10, 'rp1']]);
    bench.write(0x10, 0x18, 4, 0x01_01_00);
    const port = bench.machine.state.functions[1]!;
    port.config[0x68] = 0x000a_007b;
    port.config[CONTROL] = 0x0000_07c0;
    const request = { driver: 'edu', id: 'e1', bus: 'rp1', devfn: 0 };
    expect(plug(bench.machine, request)).toBeNull();
    expect(plug(bench.machine, request)).toBe("Duplicate device ID 'e1'");
    expect(bench.read(0x10, STATUS, 2) & 0x49).toBe(0x49);
    expect(bench.read(0x10, 0x66, 2) & 0x2000).toBe(0x2000);
    expect(bench.read(0x100, 0, 4)).toBe(0xffff_ffff);
    bench.write(0x10, CONTROL, 2, 0x1c0);
    expect(bench.read(0x100, 0, 4)).toBe(0x11e8_1234);
  });
});

describe('the link status of a port', () => {
  it.each([
    ['nothing below: its own x32 and 16 GT/s', [], 0x0204],
    ['a conventional function below: the same', [['edu', 1, 0]], 0x0204],
    ['a PCIe function below: its x1 and 2.5 GT/s', [['e1000e', 1, 0]], 0x0011],
  ] as const)('with %s', (_name, below, link) => {
    const bench = new Bench([HOST, ['pcie-root-port', null, 0x10], ...below]);
    expect(bench.read(0x10, 0x66, 2) & 0x3ff).toBe(link & 0x3ff);
  });
});

describe('a secondary bus reset', () => {
  it('resets everything below on the rising edge and leaves vendor bytes', () => {
    const bench = slotBench();
    bench.write(0x100, 4, 2, 6);
    bench.write(0x100, 0x10, 4, 0xe000_0000);
    bench.write(0x100, 0x60, 4, 0x1234_5678);
    bench.write(0x10, 0x3e, 2, 0x40);
    expect([bench.read(0x100, 4, 2), bench.read(0x100, 0x10, 4), bench.read(0x100, 0x60, 4)]).toEqual([
      0, 0, 0x1234_5678,
    ]);
    bench.write(0x100, 4, 2, 6);
    bench.write(0x10, 0x3e, 2, 0x40);
    expect(bench.read(0x100, 4, 2)).toBe(6);
  });
});
