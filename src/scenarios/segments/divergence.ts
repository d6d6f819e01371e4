import type { PhysicalAddress } from '../../base/brand.js';
import type { InputDraft } from '../../events/catalogue.js';
import type { MachineView } from '../../machine/program.js';
import { hardwareIds } from '../../models/hardware/smmu/hardware-ids.js';
import type { FunctionId } from '../../pci/function-id.js';
import { encodeItsCommand, type ItsCommand } from '../../pci/its-command.js';
import type { MsiController } from '../../platform/platform.js';
import { assignToGuest, dma, dom0, domU, memory, msi, type Part } from './boot.js';

/** Guest memory: what the guest sees at `guestAt` stands at `machineAt`. Dom0 has memory at `guestAt` too, 1:1. */
const guestMemory = { guestAt: 0x4000_0000, machineAt: 0x6000_0000, sizeBytes: 0x1000_0000 };
/** A buffer of NIC-A's driver in the guest; Dom0 owns the same address in the machine. */
const GUEST_BUFFER = 0x4100_0000;
/** An address that neither domain has. */
const NOWHERE = 0x9_0000_0000;
/** A buffer of NIC-B's driver in Dom0, above what the guest has. */
const DOM0_BUFFER = 0x5800_0000;
/** EventID both drivers use. */
const EVENT = 3;
const FIRST_LPI = 8192;

/**
 * What follows from the wrong number once a device changes hands: rows 3 to 8 of facts/arm-msi-iommu 6.7. Drivers of
 * both cards in Dom0 have their interrupts mapped first.
 */
export function* divergence(machine: MachineView): Part {
  const { functions } = machine.env.platform;
  const [nicA, nicB] = functions;
  if (nicA === undefined) return;
  yield* driversBind(
    machine,
    functions.map((fn) => fn.function),
  );
  yield* assignToGuest(machine, nicA.function);
  yield memory(domU, guestMemory.guestAt, guestMemory.machineAt, guestMemory.sizeBytes);
  yield dma(nicA.function, GUEST_BUFFER, 'write');
  yield dma(nicA.function, NOWHERE, 'read');
  if (nicB !== undefined) {
    yield dma(nicB.function, DOM0_BUFFER, 'write');
    yield dma(nicB.function, GUEST_BUFFER, 'write');
    const its = itsOf(machine, nicB.function);
    if (its !== null) yield msi(nicB.function, its.doorbell, EVENT);
  }
  const its = itsOf(machine, nicA.function);
  if (its === null) return;
  yield msi(nicA.function, its.doorbell, EVENT);
  yield msi(nicA.function, its.doorbell, EVENT + 1);
}

/** The ITS a function's bridge sends messages to; null where the bridge takes them itself or has another controller. */
function itsOf({ env }: MachineView, fn: FunctionId): MsiController | null {
  const { msi: controller } = hardwareIds(env.platform, fn);
  return controller?.model === 'its' ? controller : null;
}

/**
 * Dom0's drivers enable their interrupts. The DeviceID comes from Dom0's own tree, per bridge node: no segment is
 * involved, so it is right whatever the bridges are called. @source facts/arm-msi-iommu 3.4, correction 2
 */
function* driversBind(machine: MachineView, functions: readonly FunctionId[]): Part {
  const started = new Set<MsiController>();
  for (const [i, fn] of functions.entries()) {
    const its = itsOf(machine, fn);
    if (its === null) continue;
    if (!started.has(its)) yield command(its, { name: 'MAPC', icid: 0, rdBase: 0, valid: true });
    started.add(its);
    const { deviceId } = hardwareIds(machine.env.platform, fn);
    yield command(its, {
      name: 'MAPD',
      deviceId,
      eventIdBits: 5,
      ittAddress: 0x7f00_0000 + i * 0x1000,
      valid: true,
    });
    yield command(its, { name: 'MAPTI', deviceId, eventId: EVENT, lpi: FIRST_LPI + i, icid: 0 });
  }
}

function command(its: MsiController, encoded: ItsCommand): InputDraft {
  const [d0, d1, d2, d3] = encodeItsCommand(encoded);
  const base = its.base as PhysicalAddress;
  return {
    kind: 'its.commanded',
    by: 'd0',
    data: { domid: dom0, its: base, d0, d1, d2, d3, property: null },
  };
}
