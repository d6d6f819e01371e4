import { vgpuReg } from '../../emulators/vgpu.js';
import type { MachineView } from '../../machine/program.js';
import { bdf } from '../../pci/sbdf.js';
import { access, cf8, type Part } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { all, bootFirmware, CLOSED_MEMORY, type Found, memoryWindow, reach } from './firmware.js';
import { NIC_PORT, notes2018, overFullMachine, VGPU, VGPU_PORT } from './machine.js';

const MIB = 0x10_0000;
const MOVED = bdf(9, 0, 0);
const FAR = 0xf000_0000;

/** A port's memory windows closed, decoding below it off. @source facts/q35-qemu 7 (window re-assignment of Linux) */
export function* closePort(machine: MachineView, port: Found): Part {
  for (const fn of port.children) yield* cf8(machine, fn.sbdf, 0x04, 2, 0);
  yield* cf8(machine, port.sbdf, 0x2c, 4, 0);
  yield* cf8(machine, port.sbdf, 0x24, 4, CLOSED_MEMORY);
  yield* cf8(machine, port.sbdf, 0x28, 4, 0);
  yield* cf8(machine, port.sbdf, 0x20, 4, CLOSED_MEMORY);
}

export const rebalance: Scenario = overFullMachine(
  {
    name: 'bus-and-windows-rebalanced-behind-port',
    title:
      'The guest gives a port another bus and other windows while a second server has the functions behind it',
    source: `${notes2018}; facts/q35-qemu 3.3, 7`,
    shows:
      "The vGPU's bus becomes 9, its old number 1 goes to QEMU's network card. QEMU registers its card anew, the emulator is not told: compare who answers for 01:00.0, 01:00.1 and 09:00.0 under the four designs.",
    expects: ['BRG-003', 'IOR-003', 'BRG-011', 'IOR-013'],
  },
  function* (machine) {
    const found = yield* bootFirmware(machine);
    const port = found.find(({ sbdf }) => sbdf === VGPU_PORT);
    const nic = found.find(({ sbdf }) => sbdf === NIC_PORT);
    if (port === undefined || nic === undefined) return;
    yield* cf8(machine, VGPU, 0x00, 4);
    yield* closePort(machine, port);
    yield* closePort(machine, nic);

    // Bus numbers: the vGPU's port out of the way, the network card's onto the number that is free now.
    yield* cf8(machine, VGPU_PORT, 0x18, 4, 0x0009_0900);
    yield* cf8(machine, NIC_PORT, 0x18, 4, 0x0001_0100);
    yield* cf8(machine, VGPU, 0x00, 4);
    yield* cf8(machine, VGPU + 1, 0x00, 4);
    yield* cf8(machine, MOVED, 0x00, 4);
    yield* reach(machine, MOVED, vgpuReg.vendorSpecific, 4);
    yield* reach(machine, VGPU, 0x100, 4);

    // Windows: the vGPU's aperture moves up.
    const bars = all(found).find(({ sbdf }) => sbdf === VGPU)?.bars ?? [];
    const aperture = bars.find(({ isPrefetchable }) => isPrefetchable);
    if (aperture === undefined) return;
    yield* cf8(machine, MOVED, aperture.at, 4, FAR);
    yield* cf8(machine, MOVED, aperture.at + 4, 4, 0);
    yield* cf8(machine, VGPU_PORT, 0x24, 4, memoryWindow(FAR, FAR + 32 * MIB));
    yield* cf8(machine, VGPU_PORT, 0x04, 2, 0x0107);
    yield* cf8(machine, MOVED, 0x04, 2, 0x0006);
    yield* access(machine, { space: 'mem', addr: FAR + MIB, size: 4, value: 0x1234_5678 });
    yield* access(machine, { space: 'mem', addr: FAR + MIB, size: 4 });
  },
);
