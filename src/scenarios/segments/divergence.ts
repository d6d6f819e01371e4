import type { MachineView } from '../../machine/program.js';
import { assignToGuest, dma, msi, type Part } from './boot.js';

/** Guest physical address NIC-A's driver uses; Dom0 has memory there too. */
const GUEST_BUFFER = 0x4100_0000;
/** Address NIC-B's driver in Dom0 uses. */
const DOM0_BUFFER = 0x5000_0000;

/**
 * What follows from the wrong number once a device changes hands: rows 3 to 8 of facts/arm-msi-iommu 6.7.
 */
export function* divergence(machine: MachineView): Part {
  const [nicA, nicB] = machine.env.platform.functions;
  if (nicA === undefined) return;
  const doorbell = machine.env.platform.msiControllers[0]?.doorbell;
  yield* assignToGuest(machine, nicA.function);
  yield dma(nicA.function, GUEST_BUFFER, 'write');
  if (nicB !== undefined) {
    yield dma(nicB.function, DOM0_BUFFER, 'write');
    if (doorbell !== undefined) yield msi(nicB.function, doorbell, 0);
  }
  if (doorbell !== undefined) yield msi(nicA.function, doorbell, 0);
}
