import { vgpuReg } from '../../emulators/vgpu.js';
import type { MachineView } from '../../machine/program.js';
import { access, cf8, type Part } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import {
  all,
  assign,
  bootFirmware,
  CLOSED_IO,
  CLOSED_MEMORY,
  enumerate,
  type Found,
  reach,
} from './firmware.js';
import { bootSystem, enableVgpuMsi, RAISE } from './full-machine-boot.js';
import { notes2018, overFullMachine, VGPU } from './machine.js';

/** Nothing decodes, no window is open, no bus behind a bridge has a number. Leaves first. */
function* discard(machine: MachineView, found: readonly Found[]): Part {
  for (const fn of all(found).reverse()) {
    yield* cf8(machine, fn.sbdf, 0x04, 2, 0);
    for (const { at } of fn.bars) yield* cf8(machine, fn.sbdf, at, 4, 0);
    if (!fn.isBridge) continue;
    yield* cf8(machine, fn.sbdf, 0x1c, 2, CLOSED_IO);
    yield* cf8(machine, fn.sbdf, 0x20, 4, CLOSED_MEMORY);
    yield* cf8(machine, fn.sbdf, 0x24, 4, CLOSED_MEMORY);
    yield* cf8(machine, fn.sbdf, 0x18, 4, 0);
  }
}

/** The vGPU's ids, through both mechanisms, wherever the guest found it. */
function* use(machine: MachineView, found: readonly Found[], vgpu: number): Part {
  yield* cf8(machine, vgpu, 0x00, 4);
  yield* reach(machine, vgpu, vgpuReg.vendorSpecific, 4);
  yield* enableVgpuMsi(machine, vgpu, 0x51);
  const registers = all(found).find(({ sbdf }) => sbdf === vgpu)?.bars[0]?.base ?? 0;
  if (registers !== 0) yield* access(machine, { space: 'mem', addr: registers + RAISE, size: 4, value: 1 });
}

/**
 * Function 5 of the host bridge's `_DSM` (E5C937D0-3553-4D7A-9117-EA4D19C3434D) answers 1: the system may ignore what
 * firmware set up. Linux keeps it only when the function is there and answers 0 (`preserve_config`); otherwise, on
 * architectures without boot firmware to honour, it assigns everything anew. The answer is read by ACPI, not by an access,
 * so the trace begins with what follows from it.
 * @source PCI Firmware Specification 3.3, 4.6.5; Linux drivers/pci/pci-acpi.c (pci_acpi_preserve_config)
 */
export const reinitialised: Scenario = overFullMachine(
  {
    name: 'dsm-full-reinitialisation',
    title: 'The system ignores the boot configuration and sets up every bus, window and BAR anew',
    source: `${notes2018}; PCI Firmware Specification 3.3, _DSM function 5; facts/q35-qemu 2.4, 2.5, 3.3`,
    shows:
      "With both servers live the guest closes every window, takes every bus number away and numbers the ports from the last to the first. QEMU registers its functions anew; the emulator's stay on bus 1, which is another port's now: without a Xen that follows the ports the vGPU turns up in the wrong slot.",
    expects: ['IOR-001', 'BRG-003', 'BRG-011', 'IOR-002', 'IOR-013'],
  },
  function* (machine) {
    const first = yield* bootFirmware(machine);
    yield* bootSystem(machine, first);
    yield* use(machine, first, VGPU);

    yield* discard(machine, first);
    const second = yield* enumerate(machine, 0, { bus: 1 }, 'down');
    yield* assign(machine, second, { memory: 0xd000_0000, io: 0x1000 });

    // Where the vGPU's port leads now, and where its name was.
    const port = second.find(({ sbdf }) => sbdf === 0xe0);
    const vgpu = (port?.secondary ?? 0) * 256;
    yield* use(machine, second, vgpu);
    yield* cf8(machine, VGPU, 0x00, 4);
    yield* cf8(machine, VGPU + 1, 0x00, 4);
    yield* reach(machine, VGPU, 0x100, 4);
  },
);
