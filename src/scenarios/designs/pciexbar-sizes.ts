import { bdf } from '../../pci/sbdf.js';
import { cf8 } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { reach } from './firmware.js';
import { HOST_BRIDGE, notes2018, overFullMachine, VGPU, VGPU_PORT } from './machine.js';

/** Values of PCIEXBAR, low half, in the order the guest writes them. @source facts/q35-qemu 1.3 */
const VALUES = [
  // 256, 128 and 64 MiB where firmware has the window.
  0xb000_0001, 0xb000_0003, 0xb000_0005,
  // Reserved size, then the same with the enable bit cleared: the old window stays.
  0xb000_0007, 0xb000_0006,
  // Moved. QEMU 7.2 ignores bit 27 of a 128 MiB base: the window lands at 0xc0000000.
  0xc000_0001, 0xc800_0003,
  // Off.
  0xc000_0000,
];
const PLACES = [0xb000_0000, 0xc000_0000, 0xc800_0000];
/** A bus that only a window of 128 MiB or more has. */
const HIGH_BUS = bdf(0x50, 0, 0);

export const pciexbarSizes: Scenario = overFullMachine(
  {
    name: 'pciexbar-sizes-and-moves',
    title: 'PCIEXBAR of every size, reserved, moved and off',
    source: `${notes2018}; facts/q35-qemu 1.3`,
    shows:
      'After each value the guest reads the vGPU at every place the window has been, and a bus beyond 64 MiB. QEMU, and Xen as the design has it, must agree on where the window is: reserved codes keep the old one, bit 27 counts for nothing.',
    expects: ['IOR-001', 'IOR-012'],
  },
  function* (machine) {
    yield* cf8(machine, HOST_BRIDGE, 0x00, 4);
    yield* cf8(machine, VGPU_PORT, 0x18, 4, 0x0001_0100);
    yield* cf8(machine, VGPU, 0x00, 4);
    for (const value of VALUES) {
      yield* cf8(machine, HOST_BRIDGE, 0x60, 4, value);
      yield* cf8(machine, HOST_BRIDGE, 0x60, 4);
      for (const base of PLACES) yield* reach(machine, VGPU, 0x00, 4, undefined, base);
      yield* reach(machine, HIGH_BUS, 0x00, 4, undefined, PLACES[0]);
    }
  },
);
