import type { MachineView } from '../../machine/program.js';
import { hardwareIds } from '../../models/hardware/smmu/hardware-ids.js';
import { functionId } from '../../pci/function-id.js';
import { bdf } from '../../pci/sbdf.js';
import type { Platform } from '../../platform/platform.js';
import { bindAndScan, bootXen } from '../segments/boot.js';
import { nwlBlock, twoCards, zynqMp } from './machines.js';
import {
  bootAgreed,
  command,
  faultsRead,
  GUEST_DOORBELL,
  giveTo,
  guest1,
  mapOnIts,
  raised,
  serviced,
  setUp,
  written,
} from './parts.js';
import { scenario } from './story.js';

const itsOf = ({ env }: MachineView) => env.platform.msiControllers.find(({ model }) => model === 'its')!;
const cards = ({ env }: MachineView) => {
  const [nicA, nicB] = env.platform.functions;
  return { nicA: nicA!.function, nicB: nicB!.function };
};

/** NIC-A also at a function no entry of its map covers, as a boot loader's placeholder leaves it. */
function placeholderMap(): Platform {
  const platform = twoCards(null);
  const [first, ...rest] = platform.bridges;
  const msiMap = {
    ...first!.msiMap!,
    entries: first!.msiMap!.entries.map((entry) => ({ ...entry, length: 1 })),
  };
  return { ...platform, bridges: [{ ...first!, msiMap }, ...rest] };
}

/** Interrupts that reach nobody, or the wrong handler, without anybody meaning harm. */
export const lossScenarios = [
  scenario({
    name: 'msi-lost-after-assignment',
    title: 'A guest gets a card and never an interrupt',
    source: 'facts/arm-msi-iommu 6.6, facts/xen 6.4',
    shows:
      'As built, an ARM guest has no MSI path: the doorbell page is not in its stage 2, and the SMMU stops what the card sends.',
    expects: ['MSI-002'],
    platform: twoCards,
    *story(machine) {
      const { nicA } = cards(machine);
      yield* bootAgreed(machine);
      yield* giveTo(machine, guest1, nicA);
      yield* setUp(guest1, nicA, itsOf(machine).doorbell, 3);
      yield raised(nicA);
      yield* faultsRead(machine);
    },
  }),
  scenario({
    name: 'msi-device-id-by-segment',
    title: 'Xen maps the DeviceID of the bridge it takes a segment for',
    source: 'facts/arm-msi-iommu 6.7, variant V3',
    shows:
      "A design in which Xen forces messages and computes DeviceIDs itself: with swapped numbers it maps NIC-B's id for NIC-A, and what NIC-A sends is dropped at the ITS.",
    expects: ['SEG-003', 'SEG-001', 'CFG-001', 'IOM-001', 'MSI-002'],
    policies: { 'guest-msi': 'trap', doorbell: 'mapped' },
    platform: twoCards,
    *story(machine) {
      const { nicA } = cards(machine);
      yield* bootXen(machine);
      for (const bridge of [...machine.env.platform.bridges].reverse()) yield* bindAndScan(machine, bridge);
      yield* giveTo(machine, guest1, nicA);
      yield* setUp(guest1, nicA, GUEST_DOORBELL, 7);
      yield raised(nicA);
    },
  }),
  scenario({
    name: 'msi-map-placeholder',
    title: 'A map of one id: the card gets its requester id for a DeviceID',
    source: 'facts/arm-msi-iommu 1.4, step 6; 1.7 (LS1028A)',
    shows:
      'The entry covers 00:00.0 only. The card at 01:00.0 passes unchanged, silently; what it sends depends on who else has that id.',
    expects: ['MSI-005'],
    platform: placeholderMap,
    *story(machine) {
      const { nicA } = cards(machine);
      yield* bootAgreed(machine);
      yield written(nicA, itsOf(machine).doorbell, 0);
    },
  }),
  scenario({
    name: 'event-queue-overflow',
    title: 'Interrupts from fault records: the queue is full',
    source: 'xen-devel 2017, ARM PCI passthrough with MSI on ZynqMP; facts/arm-msi-iommu 5.3 (M3)',
    shows:
      'Xen makes interrupts of SMMU faults. Five come before it reads a queue of four: one is lost, and the guest never knows.',
    expects: ['IOM-004', 'MSI-002'],
    policies: { 'guest-msi': 'fault' },
    switches: { 'event-queue': '2' },
    platform: twoCards,
    *story(machine) {
      const { nicA } = cards(machine);
      yield* bootAgreed(machine);
      yield* giveTo(machine, guest1, nicA);
      yield* setUp(guest1, nicA, GUEST_DOORBELL, 7);
      for (let i = 0; i < 5; i++) yield raised(nicA);
      yield* faultsRead(machine);
    },
  }),
  scenario({
    name: 'lpi-blocks-exhausted',
    title: 'Xen runs out of host LPIs',
    source: 'facts/arm-msi-iommu 3.5',
    shows:
      'Each MAPD maps every event at once, in blocks of 32. With 8192 host LPIs the third device of 4096 events is refused; Dom0 never learns of it and its interrupts go nowhere.',
    expects: ['MSI-008'],
    switches: { 'max-lpi-bits': '14' },
    platform: twoCards,
    *story(machine) {
      const its = itsOf(machine);
      yield* bootAgreed(machine);
      yield command(its, { name: 'MAPC', icid: 0, rdBase: 0, valid: true });
      for (const deviceId of [
        0x200,
        0x300,
        hardwareIds(machine.env.platform, cards(machine).nicB).deviceId,
      ]) {
        yield command(its, { name: 'MAPD', deviceId, eventIdBits: 12, ittAddress: 0x7f00_0000, valid: true });
      }
      yield command(its, { name: 'MAPTI', deviceId: 0x10100, eventId: 0, lpi: 8192, icid: 0 });
      yield written(cards(machine).nicB, its.doorbell, 0);
    },
  }),
  scenario({
    name: 'its-second-mapd',
    title: 'A device is mapped twice',
    source: 'facts/arm-msi-iommu 3.3, 3.5',
    shows:
      'Hardware would drop the events and start anew; Xen answers -EBUSY in its log, and the old mapping stays.',
    expects: ['MSI-008'],
    platform: twoCards,
    *story(machine) {
      const its = itsOf(machine);
      const { nicB } = cards(machine);
      const { deviceId } = hardwareIds(machine.env.platform, nicB);
      yield* bootAgreed(machine);
      yield* mapOnIts(its, deviceId, 2, 8192);
      yield command(its, { name: 'MAPD', deviceId, eventIdBits: 3, ittAddress: 0x7f10_0000, valid: true });
      yield written(nicB, its.doorbell, 1);
    },
  }),
  scenario({
    name: 'nwl-upper-half',
    title: 'Event 40 of a ZynqMP bridge is handled as event 8',
    source: 'facts/arm-msi-iommu 5.1 (defect as read)',
    shows: "Linux' handler of events 32 to 63 passes on the bit without adding 32.",
    expects: ['MSI-006'],
    platform: zynqMp,
    *story(machine) {
      yield* bootAgreed(machine);
      yield written(functionId(0, bdf(1, 0, 0)), nwlBlock.doorbell, 40);
      yield serviced(nwlBlock);
    },
  }),
];
