import type { MachineView } from '../../machine/program.js';
import { hardwareIds } from '../../models/hardware/smmu/hardware-ids.js';
import { xgeneMessage } from '../../pci/xgene-msi.js';
import { bindAndScan, bootXen, type Part } from '../segments/boot.js';
import { nwlBlock, twoCards, v2mFrame, withController, x86, xgeneBlock, zynqMp } from './machines.js';
import {
  bootAgreed,
  ended,
  GUEST_DOORBELL,
  giveTo,
  guest1,
  hardware,
  mapOnIts,
  raised,
  serviced,
  setUp,
  written,
} from './parts.js';
import { scenario } from './story.js';

const nics = ({ env }: MachineView) => {
  const [nicA, nicB] = env.platform.functions;
  return { nicA: nicA!.function, nicB: nicB!.function };
};

const itsOf = ({ env }: MachineView) => env.platform.msiControllers.find(({ model }) => model === 'its')!;

/** One interrupt on its whole way, on each controller. */
export const deliveredScenarios = [
  scenario({
    name: 'msi-delivered-its',
    title: 'An MSI of a card of Dom0 through the ITS',
    source: 'facts/arm-msi-iommu 3.1, 3.4 to 3.6',
    shows: 'DeviceID from the wiring, EventID from the data, host LPI, virtual LPI of Dom0.',
    expects: [],
    platform: twoCards,
    *story(machine) {
      const { nicB } = nics(machine);
      const its = itsOf(machine);
      yield* bootAgreed(machine);
      yield* mapOnIts(its, hardwareIds(machine.env.platform, nicB).deviceId, 4, 8192);
      yield* setUp(hardware, nicB, its.doorbell, 3);
      yield raised(nicB);
    },
  }),
  scenario({
    name: 'msi-delivered-gicv2m',
    title: 'An MSI of a guest through a GICv2m frame, forced by Xen',
    source: 'facts/arm-msi-iommu 4, 5.3 (M1)',
    shows:
      'The guest asks for one message, the card holds another; the SPI comes back as what the guest asked for.',
    expects: ['MSI-004'],
    policies: { msi: 'gicv2m', 'guest-msi': 'trap', doorbell: 'mapped' },
    platform: () => withController(v2mFrame),
    story: forced,
  }),
  scenario({
    name: 'msi-delivered-nwl',
    title: 'An MSI of a guest through the bridge of a ZynqMP, forced by Xen',
    source: 'xen-devel 2017, ARM PCI passthrough with MSI on ZynqMP; facts/arm-msi-iommu 5.1, 5.3 (M1)',
    shows:
      'One of 64 events of the bridge; the doorbell stands inside the bridge, so the SMMU never sees the message.',
    expects: ['MSI-004'],
    policies: { msi: 'nwl-trap', 'guest-msi': 'trap' },
    platform: zynqMp,
    *story(machine) {
      yield* forced(machine, false);
      yield serviced(nwlBlock);
      yield ended(guest1, nics(machine).nicA);
    },
  }),
  scenario({
    name: 'msi-delivered-xgene',
    title: 'MSIs of a card of Dom0 into X-Gene termination frames',
    source: 'facts/arm-msi-iommu 5.2',
    shows:
      'Two writes of one vector before the handler reads are one interrupt; another vector has its own frame.',
    expects: [],
    policies: { msi: 'xgene' },
    platform: () => withController(xgeneBlock),
    *story(machine) {
      const { nicA } = nics(machine);
      yield* bootAgreed(machine);
      for (const vector of [291, 291, 16]) {
        const message = xgeneMessage(xgeneBlock.base, vector)!;
        yield written(nicA, message.addressLow, message.data);
      }
      yield serviced(xgeneBlock);
    },
  }),
  scenario({
    name: 'msi-delivered-x86',
    title: 'An MSI of an HVM guest on x86, remapped',
    source: 'facts/arm-msi-iommu 7.3, facts/xen 6.3',
    shows: 'The card holds the index of a remapping entry; the guest gets the vector it asked for.',
    expects: [],
    platform: x86,
    *story(machine) {
      const { nicA } = nics(machine);
      yield* setUp(guest1, nicA, 0xfee0_0000, 0x4041);
      yield raised(nicA);
      yield ended(guest1, nicA);
    },
  }),
  scenario({
    name: 'msi-device-id-stays-right',
    title: 'Swapped segment numbers: wrong StreamIDs, right DeviceIDs',
    source: 'facts/arm-msi-iommu, correction 2; 6.7',
    shows:
      "Dom0 computes DeviceIDs from its own tree, bridge by bridge: while both cards are Dom0's, every MSI arrives although each stream was programmed for the other card.",
    expects: ['SEG-003', 'SEG-001', 'CFG-001', 'IOM-001'],
    platform: twoCards,
    *story(machine) {
      const its = itsOf(machine);
      yield* bootXen(machine);
      for (const bridge of [...machine.env.platform.bridges].reverse()) yield* bindAndScan(machine, bridge);
      for (const [i, { function: fn }] of machine.env.platform.functions.entries()) {
        yield* mapOnIts(its, hardwareIds(machine.env.platform, fn).deviceId, 4, 8192 + 32 * i);
        yield written(fn, its.doorbell, 3);
      }
    },
  }),
];

/** NIC-A goes to a guest, whose driver sets up one vector and gets its interrupt. */
function* forced(machine: MachineView, ends = true): Part {
  const { nicA } = nics(machine);
  yield* bootAgreed(machine);
  yield* giveTo(machine, guest1, nicA);
  yield* setUp(guest1, nicA, GUEST_DOORBELL, 7);
  yield raised(nicA);
  if (ends) yield ended(guest1, nicA);
}
