import type { DomainId } from '../../base/brand.js';
import type { DataOf, InputDraft } from '../../events/catalogue.js';
import type { MachineView } from '../../machine/program.js';
import { bdf, type GuestSbdf } from '../../pci/sbdf.js';
import { cf8, guest, type Part } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { bootFirmware, reach } from './firmware.js';
import { NIC_PORT, notes2018, overFullMachine, VGPU, VGPU_PORT } from './machine.js';
import { enablePortMsi } from './q35.js';

const NIC = bdf(2, 0, 0);
const DEVICE_CONTROL = 0x98;
const ROOT_CONTROL = 0xac;
const ROOT_STATUS = 0xb0;
const ERROR_COMMAND = 0x12c;
const ERROR_STATUS = 0x130;
const ERROR_SOURCE = 0x134;
const PME_ENABLE = 0x8;
const PME_STATUS = 0x1_0000;

const signalled = (sbdf: number, message: DataOf<'function.signalled'>['message']): InputDraft => ({
  kind: 'function.signalled',
  by: 'hw',
  data: { domid: guest as DomainId, sbdf: sbdf as GuestSbdf, message },
});

/** Longer than a device model needs to pass a message on. */
const SETTLED = { sleepNs: 1_000_000 } as const;

/** Every gate of a port open, every report on. @source facts/q35-qemu 2.9; facts/arm-msi-iommu 8.3, 8.4 */
function* openGates(machine: MachineView, port: number): Part {
  yield* enablePortMsi(machine, port);
  yield* cf8(machine, port, 0x04, 2, 0x0107);
  yield* cf8(machine, port, 0x3e, 2, 0x0002);
  yield* cf8(machine, port, DEVICE_CONTROL, 2, 0x0007);
  yield* reach(machine, port, ERROR_COMMAND, 4, 7);
  yield* cf8(machine, port, ROOT_CONTROL, 2, PME_ENABLE);
  yield* cf8(machine, port, ROOT_CONTROL, 2);
}

function* readErrors(machine: MachineView, port: number): Part {
  yield* reach(machine, port, ERROR_STATUS, 4);
  yield* reach(machine, port, ERROR_SOURCE, 4);
  yield* reach(machine, port, ERROR_STATUS, 4, 0x7f);
}

export const messagesForwarded: Scenario = overFullMachine(
  {
    name: 'pme-and-aer-forwarded-to-root-port',
    title:
      'Errors and power-management events of passed-through functions on their way to a virtual root port',
    source: `${notes2018}; facts/q35-qemu 2.7, 2.9; facts/arm-msi-iommu 8.3, 8.4`,
    shows:
      "A fatal and a correctable error and two PMEs of the vGPU, an error and a PME of QEMU's network card. Today the vGPU's end in its emulator, which has no port, and no PME arrives, because PME enable of QEMU's port cannot be set.",
    expects: ['BRG-010'],
  },
  function* (machine) {
    yield* bootFirmware(machine);
    yield* openGates(machine, VGPU_PORT);
    yield* openGates(machine, NIC_PORT);

    yield signalled(VGPU, 'ERR_FATAL');
    yield SETTLED;
    yield* readErrors(machine, VGPU_PORT);
    yield signalled(VGPU + 1, 'ERR_COR');
    yield SETTLED;
    yield* readErrors(machine, VGPU_PORT);

    // Two events: the second waits until the guest has acknowledged the first.
    yield signalled(VGPU, 'PM_PME');
    yield signalled(VGPU + 1, 'PM_PME');
    yield SETTLED;
    yield* cf8(machine, VGPU_PORT, ROOT_STATUS, 4);
    yield* cf8(machine, VGPU_PORT, ROOT_STATUS, 4, PME_STATUS);
    yield* cf8(machine, VGPU_PORT, ROOT_STATUS, 4);
    yield* cf8(machine, VGPU_PORT, ROOT_STATUS, 4, PME_STATUS);
    yield* cf8(machine, VGPU_PORT, ROOT_STATUS, 4);

    yield signalled(NIC, 'ERR_NONFATAL');
    yield SETTLED;
    yield* readErrors(machine, NIC_PORT);
    yield signalled(NIC, 'PM_PME');
    yield SETTLED;
    yield* cf8(machine, NIC_PORT, ROOT_STATUS, 4);
  },
);
