import type { MachineView } from '../../machine/program.js';
import { hardwareIds } from '../../models/hardware/smmu/hardware-ids.js';
import type { Part } from '../segments/boot.js';
import { nwlBlock, twoCards, v2mFrame, withController, zynqMp } from './machines.js';
import {
  bootAgreed,
  dmaWrite,
  ended,
  faultsRead,
  GUEST_DOORBELL,
  giveTo,
  guest1,
  guest2,
  mapOnIts,
  raised,
  serviced,
  setUp,
  write,
  written,
} from './parts.js';
import { scenario } from './story.js';

const thread2017 = 'xen-devel 2017, ARM PCI passthrough with MSI on ZynqMP';
const FORCED = { msi: 'gicv2m', 'guest-msi': 'trap', doorbell: 'mapped' } as const;

const cards = ({ env }: MachineView) => {
  const [nicA, nicB] = env.platform.functions;
  return { nicA: nicA!.function, nicB: nicB!.function };
};

/** Each of two guests gets a card and sets up a vector: event 224 is NIC-A's, 225 NIC-B's where Xen forces messages. */
function* twoGuests(machine: MachineView): Part {
  const { nicA, nicB } = cards(machine);
  yield* bootAgreed(machine);
  yield* giveTo(machine, guest1, nicA);
  yield* giveTo(machine, guest2, nicB);
  yield* setUp(guest1, nicA, GUEST_DOORBELL, 7);
  yield* setUp(guest2, nicB, GUEST_DOORBELL, 3);
}

/** What the 2017 thread feared. */
export const attackScenarios = [
  scenario({
    name: 'msi-forged-event',
    title: "One guest's card raises the other guest's interrupt",
    source: `${thread2017}; facts/arm-msi-iommu 5.3 (M1, M2, M3), 9`,
    shows:
      "Xen traps what the guests write and forces messages of its own, with the doorbell mapped: a plain DMA write of NIC-A is an interrupt of NIC-B's guest. With guest-msi=fault and no mapping the attack fails, and a guest whose two vectors share an address loses its interrupts instead.",
    expects: ['MSI-004', 'MSI-001', 'MSI-003'],
    policies: FORCED,
    platform: () => withController(v2mFrame),
    *story(machine) {
      const { nicA, nicB } = cards(machine);
      yield* twoGuests(machine);
      yield* setUp(guest2, nicB, GUEST_DOORBELL, 4, 1);
      yield dmaWrite(nicA, v2mFrame.doorbell, 225);
      yield* faultsRead(machine);
      yield ended(guest2, nicB);
      yield raised(nicB, 1);
      yield* faultsRead(machine);
    },
  }),
  scenario({
    name: 'msix-table-untrapped',
    title: "A guest writes another guest's event into its own MSI-X table",
    source: `${thread2017}; facts/arm-msi-iommu 5.3 (traps to model)`,
    shows:
      'Xen traps configuration space but not the page of the MSI-X table. The guest puts the real doorbell and an event of its neighbour there, and its card does the rest, without a single stray DMA.',
    expects: ['MSI-004', 'MSI-001', 'MSI-003'],
    policies: { ...FORCED, 'msix-table': 'untrapped' },
    platform: () => withController(v2mFrame),
    *story(machine) {
      const { nicA, nicB } = cards(machine);
      yield* bootAgreed(machine);
      yield* giveTo(machine, guest1, nicA);
      yield* giveTo(machine, guest2, nicB);
      // NIC-B uses plain MSI, whose capability is trapped.
      yield write(guest2, nicB, 'messages', 0);
      yield write(guest2, nicB, 'address', GUEST_DOORBELL);
      yield write(guest2, nicB, 'data', 3);
      yield write(guest2, nicB, 'enable', 1);
      yield* setUp(guest1, nicA, v2mFrame.doorbell, v2mFrame.spiBase);
      yield raised(nicA);
    },
  }),
  scenario({
    name: 'msi-doorbell-flood',
    title: 'A card floods the doorbell',
    source: `${thread2017}; facts/arm-msi-iommu 5.3 (M2)`,
    shows: 'Every write is an interrupt Xen has to take, whether any vector has the event or none.',
    expects: ['MSI-004', 'MSI-001', 'MSI-003', 'MSI-007'],
    policies: FORCED,
    platform: () => withController(v2mFrame),
    *story(machine) {
      const { nicA } = cards(machine);
      yield* twoGuests(machine);
      for (let i = 0; i < 32; i++) yield dmaWrite(nicA, v2mFrame.doorbell, 225 + (i % 4));
      yield* faultsRead(machine);
    },
  }),
  scenario({
    name: 'msi-event-reused',
    title: 'A late message finds its event with another guest',
    source: `${thread2017}; facts/arm-msi-iommu 5.3 (stale events)`,
    shows:
      "NIC-A is reset and its event freed; NIC-B's guest gets that event; a message of NIC-A that was still under way is an interrupt of NIC-B.",
    expects: ['MSI-004', 'MSI-001', 'MSI-003'],
    policies: FORCED,
    platform: () => withController(v2mFrame),
    *story(machine) {
      const { nicA, nicB } = cards(machine);
      yield* bootAgreed(machine);
      yield* giveTo(machine, guest1, nicA);
      yield* setUp(guest1, nicA, GUEST_DOORBELL, 7);
      yield raised(nicA);
      yield ended(guest1, nicA);
      yield { kind: 'device.reset', by: 'd0', data: { function: nicA, method: 'flr' } };
      yield* giveTo(machine, guest2, nicB);
      yield* setUp(guest2, nicB, GUEST_DOORBELL, 3);
      yield written(nicA, v2mFrame.doorbell, 224);
    },
  }),
  scenario({
    name: 'msi-shared-device-ids',
    title: 'Two bridges with one range of DeviceIDs on one ITS',
    source: 'facts/arm-msi-iommu 9',
    shows:
      "Both msi-maps start at 0: NIC-A and NIC-B have one DeviceID. The ITS cannot tell them apart, and a message of the guest's NIC-A is an interrupt of Dom0's NIC-B.",
    expects: ['MSI-010', 'MSI-001'],
    policies: { doorbell: 'mapped' },
    platform: () => {
      const platform = twoCards(null);
      const { msiMap } = platform.bridges[0]!;
      return { ...platform, bridges: platform.bridges.map((bridge) => ({ ...bridge, msiMap })) };
    },
    *story(machine) {
      const { nicA, nicB } = cards(machine);
      const its = machine.env.platform.msiControllers[0]!;
      yield* bootAgreed(machine);
      yield* mapOnIts(its, hardwareIds(machine.env.platform, nicB).deviceId, 4, 8192);
      yield* giveTo(machine, guest1, nicA);
      yield dmaWrite(nicA, its.doorbell, 3);
    },
  }),
  scenario({
    name: 'nwl-shared-doorbell',
    title: 'Two guests below one ZynqMP bridge',
    source: `${thread2017}; facts/arm-msi-iommu 5.1, 9`,
    shows:
      'The doorbell stands inside the bridge: no SMMU mapping keeps a card from raising any of the 64 events, whichever guest they belong to.',
    expects: ['MSI-004', 'MSI-001', 'MSI-003'],
    policies: { msi: 'nwl-trap', 'guest-msi': 'trap' },
    platform: zynqMp,
    *story(machine) {
      const { nicA } = cards(machine);
      yield* twoGuests(machine);
      yield dmaWrite(nicA, nwlBlock.doorbell, 1);
      yield serviced(nwlBlock);
    },
  }),
];
