import { vgpuReg } from '../../emulators/vgpu.js';
import type { MachineView } from '../../machine/program.js';
import { access, cf8, type Part } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { all, bootFirmware, type Found, reach, walkExtended } from './firmware.js';
import { notes2018, overFullMachine, PORTS, VGPU } from './machine.js';
import { enablePortMsi } from './q35.js';

/** An operating system: capabilities above 0xff through the window, messages of the ports. @source facts/q35-qemu 7 */
export function* bootSystem(machine: MachineView, found: readonly Found[]): Part {
  for (const fn of all(found)) if (fn.isExpress) yield* walkExtended(machine, fn.sbdf);
  for (const port of PORTS) yield* enablePortMsi(machine, port);
}

/** Address, data and enable of the vGPU's message. */
export function* enableVgpuMsi(machine: MachineView, vgpu: number, vector: number): Part {
  yield* cf8(machine, vgpu, vgpuReg.msi + 4, 4, 0xfee0_0000);
  yield* cf8(machine, vgpu, vgpuReg.msi + 8, 4, 0);
  yield* cf8(machine, vgpu, vgpuReg.msi + 12, 2, vector);
  yield* cf8(machine, vgpu, vgpuReg.msi + 2, 2, 0x0001);
}

/** Register of the vGPU behind BAR 0 that raises its message. */
export const RAISE = 0x60;

export const fullMachineBoot: Scenario = overFullMachine(
  {
    name: 'q35-full-machine-boot',
    title: 'A guest boots a whole Q35 of QEMU with a vGPU of another device model behind a root port',
    source: `${notes2018}; facts/q35-qemu 1.3, 1.4, 7`,
    shows:
      'Firmware numbers the buses depth first, sizes and places every BAR and opens the windows through CF8/CFC; the system walks the extended capabilities through ECAM, takes a message of the vGPU and switches on its virtual functions.',
    expects: ['IOR-001'],
  },
  function* (machine) {
    const found = yield* bootFirmware(machine);
    yield* bootSystem(machine, found);
    yield* enableVgpuMsi(machine, VGPU, 0x51);
    const registers = all(found).find(({ sbdf }) => sbdf === VGPU)?.bars[0]?.base ?? 0;
    yield* access(machine, { space: 'mem', addr: registers + RAISE, size: 4, value: 1 });
    // Its virtual functions exist for whoever reaches registers above 0xff.
    yield* reach(machine, VGPU, vgpuReg.sriov + 0x10, 2, 2);
    yield* reach(machine, VGPU, vgpuReg.sriov + 0x08, 2, 0x0009);
    yield* cf8(machine, VGPU + 2, 0x0c, 4);
    yield* reach(machine, VGPU + 2, vgpuReg.aer, 4);
  },
);
