import type { DomainId } from '../../base/brand.js';
import { platformFromDtb } from '../../importers/dtb/dt-platform.js';
import type { MachineView, Program, Programs } from '../../machine/program.js';
import { functionId } from '../../pci/function-id.js';
import { bdf } from '../../pci/sbdf.js';
import { pvhPc } from '../../platform/built-in/pvh-pc.js';
import { twoBridgesDtb } from '../../platform/built-in/two-bridges.js';
import { withTwoNics } from '../../platform/built-in/two-nics.js';
import { ConfigImage } from '../../platform/config-image.js';
import type { Scenario } from '../scenario.js';
import { assignToGuest, bindAndScan, bootXen, untilDom0 } from '../segments/boot.js';
import { bootPvh, enumerate, namesOf, type Part, read, store, untilBooted, write } from './parts.js';

/** The network card and the display adapter of the built-in PC. */
const NIC = bdf(0, 2, 0);
const GPU = bdf(0, 4, 0);
const MSIX_TABLE = 0xfe18_0000;
const guest = 1 as DomainId;

/** Xen and a PVH Dom0 that enumerates every function, then does what the case is about. */
const pvhDom0 = (then: (machine: MachineView) => Part): Programs => ({
  xen: bootPvh,
  linux: function* (machine): ReturnType<Program> {
    yield untilBooted;
    for (const name of namesOf(machine)) yield* enumerate(name);
    yield* then(machine);
  },
});

/** Drivers turn their messages on: one block of MSI, two entries of MSI-X. */
function* driversBind(): Part {
  yield* write(GPU, 0x54, 4, 0xfee0_1000);
  yield* write(GPU, 0x58, 4, 0);
  yield* write(GPU, 0x5c, 2, 0x40);
  yield* write(GPU, 0x52, 2, 0x01a7);
  yield* write(GPU, 0x04, 2, 0x0407);
  yield* write(NIC, 0xa2, 2, 0xc000);
  for (const entry of [0, 1]) {
    yield* store(MSIX_TABLE + entry * 16, 0xfee0_2000);
    yield* store(MSIX_TABLE + entry * 16 + 4, 0);
    yield* store(MSIX_TABLE + entry * 16 + 8, 0x50 + entry);
    yield* store(MSIX_TABLE + entry * 16 + 12, 0);
  }
  yield* write(NIC, 0xa2, 2, 0x8000);
  yield* write(NIC, 0x04, 2, 0x0507);
}

/** The driver of the display adapter wants a bigger BAR somewhere else and forgets to turn decoding off. */
function* moveWhileMapped(): Part {
  yield* write(GPU, 0x10, 4, 0);
  yield* write(GPU, 0x14, 4, 0x10);
  yield* read(GPU, 0x10, 4);
  yield* write(GPU, 0x04, 2, 1);
  yield* write(GPU, 0x108, 4, 0x0920);
  yield* write(GPU, 0x10, 4, 0);
  yield* write(GPU, 0x14, 4, 0x10);
  yield* write(GPU, 0x04, 2, 3);
}

/** A function whose MSI-X table register points behind the end of its BAR. */
const brokenCard = new ConfigImage(256)
  .identity(0x1234, 0x0001, 0x020000, 2)
  .bar(0, 0xfd00_0000, 0x1000, 'mem')
  .capabilities([0x40, 0x05], [0x60, 0x11])
  .word(0x42, 0x0080, 0x0071)
  .word(0x62, 0x07ff, 0xc000)
  .dword(0x68, 0x0800)
  .build(functionId(0, bdf(0, 6, 0)), 'broken');

/** The driver leaves the address of its last boot, when messages went to a doorbell in memory. */
function* undeliverable(): Part {
  yield* write(GPU, 0x54, 4, 0x7fe0_0000);
  yield* write(GPU, 0x5c, 2, 0x40);
  yield* write(GPU, 0x52, 2, 0x0001);
}

/** Dom0 of the two-bridges board gives NIC-A away; the guest finds it at 0000:00:00.0 and looks at it. */
const armGuest: Programs = {
  xen: bootXen,
  linux: function* (machine): ReturnType<Program> {
    yield untilDom0;
    for (const bridge of machine.env.platform.bridges) yield* bindAndScan(machine, bridge);
    const card = machine.env.platform.functions[0];
    if (card !== undefined) yield* assignToGuest(machine, card.function);
    yield* read(0, 0x00, 4, guest);
    yield* read(0, 0x04, 4, guest);
    yield* write(0, 0x10, 4, 0xffff_ffff, guest);
    yield* read(0, 0x10, 4, guest);
    yield* write(0, 0x10, 4, 0x2300_0000, guest);
    yield* write(0, 0x04, 2, 0xffff, guest);
    yield* read(0, 0x04, 2, guest);
    yield* read(0, 0x34, 1, guest);
    yield* read(0, 0x82, 2, guest);
  },
};

/** Configuration space emulated by Xen itself. @source facts/xen 5 */
export const vpciScenarios: readonly Scenario[] = [
  {
    name: 'pvh-dom0-vpci-boot',
    title: 'A PVH Dom0 enumerates and its drivers bind through vPCI',
    source: 'facts/xen 5.3 to 5.8',
    shows:
      'BARs leave and enter the memory map with the memory bit, MSI-X pages stay out of it, MSI and MSI-X are answered from Xen and turned into pirqs.',
    expects: [],
    takesPlatform: false,
    platform: () => pvhPc(),
    programs: () => pvhDom0(driversBind),
  },
  {
    name: 'pvh-bar-moved-while-mapped',
    title: 'A driver moves a BAR without turning memory decoding off',
    source: 'facts/xen 5.5 (bar_write), 5.7 (resizable BAR)',
    shows:
      'Hardware would move the BAR; vPCI drops both halves and says so. With decoding off, resizing and moving work and the new frames are mapped.',
    expects: ['CFG-003'],
    takesPlatform: false,
    platform: () => pvhPc(),
    programs: () => pvhDom0(moveWhileMapped),
  },
  {
    name: 'pvh-broken-msix-table',
    title: 'A device whose MSI-X table lies outside its BAR',
    source: 'facts/xen 5.4, 5.7',
    shows:
      'MSI-X disappears from the list and its control word is read-only; before 4.21 the device lost vPCI altogether, before 4.19 nobody looked (`--switch xen=…`).',
    expects: ['CFG-004'],
    takesPlatform: false,
    platform: () => pvhPc([brokenCard]),
    programs: () =>
      pvhDom0(function* () {
        yield* write(bdf(0, 6, 0), 0x62, 2, 0x8000);
        yield* read(bdf(0, 6, 0), 0x62, 2);
      }),
  },
  {
    name: 'pvh-broken-msix-table-4-20',
    title: 'The same device under Xen 4.20',
    source: 'docs/models/vpci.md, table of releases',
    shows:
      'The failed capability takes the whole function out of vPCI: Dom0 enables MSI-X on the bare device, and BARs are no longer mapped for it.',
    expects: ['CFG-007'],
    switches: { xen: '4.20' },
    takesPlatform: false,
    platform: () => pvhPc([brokenCard]),
    programs: () =>
      pvhDom0(function* () {
        yield* write(bdf(0, 6, 0), 0x62, 2, 0x8000);
        yield* read(bdf(0, 6, 0), 0x62, 2);
      }),
  },
  {
    name: 'pvh-msi-undeliverable',
    title: 'MSI is turned on with an address that is no interrupt',
    source: 'facts/xen 5.7 (vpci_msi_update)',
    shows: 'A pirq is mapped but not bound: the capability reads enabled and no interrupt can arrive.',
    expects: ['CFG-006'],
    takesPlatform: false,
    platform: () => pvhPc(),
    programs: () => pvhDom0(undeliverable),
  },
  {
    name: 'arm-vpci-switched-on',
    title: 'What an ARM guest would see if Xen used its vPCI',
    source: 'facts/xen 5.1, 5.5, 5.6, 5.10',
    shows:
      'The guest finds NIC-A at 0000:00:00.0: COMMAND, BARs and lists answer, but not even the vendor id does, and MSI has no registers. Upstream all of it is off.',
    expects: ['CFG-005'],
    policies: { 'pci-passthrough': 'on' },
    switches: { 'arm-vpci': 'on' },
    takesPlatform: true,
    platform: (given) => withTwoNics(given ?? platformFromDtb(twoBridgesDtb())),
    programs: () => armGuest,
  },
];
