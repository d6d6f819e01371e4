import { describe, expect, it } from 'vitest';
import { createMachine } from '../../../src/models/qemu/create.js';
import { pirqOf } from '../../../src/models/qemu/function/intx.js';
import { findFunction } from '../../../src/models/qemu/routing.js';
import { QtestMachine } from '../../conformance/qemu/qtest.js';
import { q35, recorded, recordedBy } from './machine-bench.js';

const PF = 0x10;
const ECAM = 0xb000_0000;

/** An NVMe controller with four virtual functions at most, behind the root port at 00:02.0. */
function bench() {
  const nvme = recordedBy(
    (device) => device.qemu_name === 'nvme' && device.config.length === 8192 && hasSriov(device.config),
  );
  const qtest = new QtestMachine(
    createMachine({
      board: q35,
      functions: [
        { ...recorded('mch'), id: '', parent: null, devfn: 0 },
        { ...recorded('pcie-root-port'), id: 'rp', parent: null, devfn: PF },
        { ...nvme, id: 'nv', parent: 1, devfn: 0 },
      ],
      pluggable: [],
    }),
  );
  const at = 0x120;
  const send = (line: string): number => Number(/0x[0-9a-f]+/.exec(qtest.answer(line).reply ?? '')?.[0] ?? 0);
  send('outl 0xcf8 0x80000060');
  send(`outl 0xcfc ${ECAM + 1}`);
  send(`writel ${ECAM + PF * 4096 + 0x18} 0x010100`);
  const own = ECAM + 0x10_0000;
  return {
    machine: qtest.machine,
    send,
    read: (fn: number, offset: number) => send(`readl ${own + fn * 4096 + offset}`),
    write: (fn: number, offset: number, value: number) => send(`writel ${own + fn * 4096 + offset} ${value}`),
    control: at + 8,
    numVfs: at + 0x10,
    bar: at + 0x24,
  };
}

const hasSriov = (config: string): boolean => config.slice(2 * 0x120, 2 * 0x120 + 4) === '1000';

describe('virtual functions', () => {
  it('appear when VF enable is set and leave when it is cleared', () => {
    const { read, write, control, numVfs } = bench();
    write(0, numVfs, 3);
    expect(read(1, 8)).toBe(0xffff_ffff);
    write(0, control, 1);
    expect([1, 2, 3, 4].map((fn) => read(fn, 8) !== 0xffff_ffff)).toEqual([true, true, true, false]);
    expect(read(1, 0)).toBe(0xffff_ffff);
    write(0, control, 0);
    expect(read(1, 8)).toBe(0xffff_ffff);
    expect(read(0, numVfs) & 0xffff).toBe(0);
  });

  it('do not appear when more are asked for than there are', () => {
    const { read, write, control, numVfs } = bench();
    write(0, numVfs, 5);
    write(0, control, 1);
    expect(read(1, 8)).toBe(0xffff_ffff);
  });

  it('decode their BARs from the physical function, one after another', () => {
    const { machine, write, control, numVfs, bar } = bench();
    write(0, bar, 0xfa00_0000);
    write(0, numVfs, 2);
    write(0, control, 1);
    write(2, 4, 2);
    const first = findFunction(machine, 1, 1)!;
    const second = findFunction(machine, 1, 2)!;
    const { sizeBytes } = machine.images[second.image]!.bars[0]!;
    expect(first.bars[0]).toBeUndefined();
    expect(second.bars[0]?.base).toBe(0xfa00_0000 + sizeBytes);
  });

  it('leave on a function level reset of the physical one', () => {
    const { read, write, control, numVfs } = bench();
    write(0, numVfs, 1);
    write(0, control, 1);
    write(0, 0x88, 0x8000);
    expect(read(1, 8)).toBe(0xffff_ffff);
  });
});

describe('an expander', () => {
  it('answers to its fixed bus number and to what its ports claim, and takes its device number off the pin', () => {
    const machine = createMachine({
      board: q35,
      functions: [
        { ...recorded('mch'), id: '', parent: null, devfn: 0 },
        { ...recorded('pxb-pcie'), id: 'x', parent: null, devfn: 0xc0, rootBus: 64 },
        { ...recorded('ioh3420'), id: 'p', parent: 1, devfn: 0x08 },
        { ...recorded('edu'), id: 'e', parent: 2, devfn: 0 },
      ],
      pluggable: [],
    });
    const [, , port, edu] = machine.state.functions;
    port!.config[0x18] = 0x42_41_40;
    expect(findFunction(machine, 64, 0x08)).toBe(port);
    expect(findFunction(machine, 0x41, 0)).toBe(edu);
    expect(findFunction(machine, 0x43, 0)).toBeNull();
    // INTA of device 0 becomes pin 1 at the port's device 1, then 1 - 24 from device 24 of the root bus.
    expect(pirqOf(machine, port!)).toBe(((18 + 1) & 3) + 4);
  });
});
