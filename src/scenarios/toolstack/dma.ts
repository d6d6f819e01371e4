import type { PhysicalAddress } from '../../base/brand.js';
import type { MachineView } from '../../machine/program.js';
import { giveByHand } from './by-hand.js';
import { e1000e, functionOf, packed, pciBridge, rtl8139, type Wired, wired } from './functions.js';
import { memories, memoryOf, pageTableOf, xensMemory } from './memories.js';
import {
  boot,
  connect,
  connectedGuest,
  finish,
  guest,
  type Part,
  request,
  run,
  setpci,
  settle,
  start,
} from './parts.js';
import { type Symptom, secondCard } from './symptom.js';

/** The device's driver has it send a request: a descriptor names the address. */
export function* dma(one: Wired, address: number, dir: 'read' | 'write' = 'write'): Part {
  yield {
    kind: 'dma.attempted',
    by: 'hw',
    data: { function: functionOf(one), address: address as PhysicalAddress, dir, data: null },
  };
}

/** Every kind of memory once: what is its own, then what is not. */
function* everywhere(one: Wired, domid: number, other: number): Part {
  yield* dma(one, memoryOf(domid) + 0x4000);
  yield* dma(one, memoryOf(other) + 0x8000, 'read');
  yield* dma(one, memoryOf(other) + 0x8000);
  yield* dma(one, memoryOf(0) + 0xc000);
  yield* dma(one, pageTableOf(domid));
  yield* dma(one, xensMemory + 0x1_0000);
}

const WRITE_CONFIG = 1;
/** The guest's driver switches bus mastering on through pciback. */
const masterOn = (machine: MachineView, domid: number): Part =>
  request(machine, domid, WRITE_CONFIG, { offset: 4, size: 2, value: 0x0007 });

/** Registers of the network card, in frames. */
const e1000eFrames = [
  [0xfd840, 32],
  [0xfd860, 32],
  [0xfd880, 4],
] as const;

/** A SATA controller known to send everything as function 1 of its slot, which is not there. */
const sata = wired(
  '0000:05:00.0',
  22,
  {
    0: '4b 1b 30 92 03 01 10 00 11 01 06 01 00 00 00 00',
    16: '00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
    32: '00 00 00 00 00 00 c0 fd 00 00 00 00 4b 1b 30 92',
    48: '00 00 00 00 70 00 00 00 00 00 00 00 0b 01 00 00',
    112: '10 00 12 00 00 80 00 10 00 00 00 00 11 04 00 00',
  },
  [[0x24, 0xffff_f800]],
  [],
  'ahci',
);

function* detach(machine: MachineView, domid: number, one: Wired): Part {
  yield* run(machine, 'detach', domid, one.name);
  yield* settle(machine);
}

/** Whose memory a device reaches. @source thread of 2008; facts/xen 7.2, 10.4 */
export const dmaCases: readonly Symptom[] = [
  {
    name: 'dma-without-an-iommu',
    title: 'PCI passthrough without an IOMMU: the guest owns the machine',
    source: 'thread of 2008: DMA without an IOMMU; facts/xen 7.2 step 1',
    shows:
      'A script gives a network card to a PV guest on a machine without an IOMMU. Registers are guarded by grants, memory by nobody: the card reads and writes the memory of another guest, of Dom0, of Xen, and the page tables of its own guest.',
    expects: ['IOM-007'],
    devices: [e1000e],
    policies: { iommu: 'off' },
    *story(machine) {
      yield* boot([e1000e], { hide: `(${e1000e.name.slice(5)})` });
      for (const domid of [1, 2]) yield* guest(domid, 'pv', `guest${domid}`);
      yield* memories(1, 2);
      yield* giveByHand(e1000e, 1, e1000eFrames);
      yield* settle(machine);
      yield* connect(machine, 1);
      yield* masterOn(machine, 1);
      yield* everywhere(e1000e, 1, 2);
    },
  },
  {
    name: 'pte-write-access-is-not-set',
    title: '[VT-D]DMAR:[DMA Write] Request device fault addr; reason 05 - PTE Write access is not set',
    source: 'facts/xen 10.4; xen/drivers/passthrough/pci.c (pci_check_disable_device)',
    shows:
      "The same card behind an IOMMU, given by xl: it reaches its guest's memory and nothing else. At the tenth fault in a row Xen takes bus mastering from it, and the guest's network is dead.",
    devices: [e1000e],
    *story(machine) {
      yield* boot([e1000e]);
      yield* run(machine, 'assignable-add', null, e1000e.name);
      yield* guest(2, 'pv', 'guest2');
      yield* connectedGuest(machine, 1, [e1000e]);
      yield* memories(1, 2);
      yield* masterOn(machine, 1);
      yield* everywhere(e1000e, 1, 2);
      for (let page = 0; page < 6; page++) yield* dma(e1000e, xensMemory + page * 4096);
      yield* dma(e1000e, memoryOf(1));
    },
  },
  {
    name: 'dma-goes-on-after-detach',
    title: 'Present bit in context entry is clear',
    source: 'facts/xen 7.2 (quarantine); vtd/iommu.c (intel_iommu_quarantine_init)',
    shows:
      "A card that nothing resets goes on sending after Xen took it from its guest, until pciback takes bus mastering from it. Quarantine decides where that goes: basic faults, a scratch page swallows it, without quarantine the card is Dom0's and its requests reach all memory but Xen's.",
    devices: [secondCard],
    *story(machine) {
      yield* boot([secondCard], { hide: `(${secondCard.name.slice(5)})` });
      yield* connectedGuest(machine, 1, [secondCard]);
      yield* memories(1);
      yield* masterOn(machine, 1);
      yield* dma(secondCard, memoryOf(1));
      const job = yield* start(machine, 'detach', 1, secondCard.name);
      while (
        machine.state.xen.devices[packed(secondCard)]?.owner === 1 &&
        (machine.state.toolstack.jobs[job]?.next ?? null) !== null
      )
        yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
      yield* dma(secondCard, memoryOf(1), 'read');
      yield* dma(secondCard, memoryOf(1));
      yield* dma(secondCard, xensMemory);
      yield* finish(machine, job);
      yield* settle(machine);
      yield* dma(secondCard, memoryOf(1));
    },
  },
  {
    name: 'two-guests-behind-one-pci-bridge',
    title: 'Two conventional cards behind one bridge, two guests',
    source: 'facts/dom0 10.3; vtd/iommu.c (domain_context_mapping, domain_context_unmap)',
    shows:
      "Requests of both cards come as device 0 behind the bridge. The second guest's entry replaces the first one's: the first card writes to the second guest's memory. Taking the second card away leaves the first one without an entry.",
    expects: ['ASG-005', 'IOM-008', 'ASG-011', 'ASG-013', 'IOM-007', 'IOM-009'],
    devices: [pciBridge, rtl8139, secondCard],
    *story(machine) {
      yield* boot([pciBridge, rtl8139, secondCard]);
      yield* setpci(pciBridge, 4, 2, 0x0007);
      for (const one of [rtl8139, secondCard]) yield* run(machine, 'assignable-add', null, one.name);
      yield* memories(1, 2);
      yield* connectedGuest(machine, 1, [rtl8139]);
      yield* masterOn(machine, 1);
      yield* dma(rtl8139, memoryOf(1));
      yield* connectedGuest(machine, 2, [secondCard]);
      yield* masterOn(machine, 2);
      yield* dma(rtl8139, memoryOf(1));
      yield* dma(rtl8139, memoryOf(2));
      yield* detach(machine, 2, secondCard);
      yield* dma(rtl8139, memoryOf(1));
    },
  },
  {
    name: 'sata-controller-sends-as-function-1',
    title: 'DMAR faults of a function that does not exist',
    source: 'facts/dom0 10.3 (aliases), 10.5 (pci-phantom)',
    shows:
      'A Marvell SATA controller sends as function 1 of its slot. Xen has an entry for function 0 only: every request faults, for Dom0 as for a guest.',
    expects: ['IOM-009'],
    devices: [sata],
    *story() {
      yield* boot([sata]);
      yield* setpci(sata, 4, 2, 0x0007);
      yield* memories();
      yield* dma(sata, memoryOf(0), 'read');
      yield* dma(sata, memoryOf(0));
    },
  },
];
