import { platformFromDtb } from '../../importers/dtb/dt-platform.js';
import type { Program, Programs } from '../../machine/program.js';
import { twoBridgesDtb } from '../../platform/built-in/two-bridges.js';
import { withTwoNics } from '../../platform/built-in/two-nics.js';
import type { HostBridge, Platform } from '../../platform/platform.js';
import type { Scenario } from '../scenario.js';
import {
  announce,
  assignToGuest,
  bindAndScan,
  bootXen,
  deviceAdd,
  deviceRemove,
  dom0NameOf,
  type Part,
  presentBehind,
  probe,
  untilDom0,
} from './boot.js';
import { divergence } from './divergence.js';

const thread2015 = 'xen-devel 2015, PCI passthrough on ARM, draft 3';

/** The tree at hand, or the built-in one, with a card behind each bridge. */
const twoNics = (given: Platform | null): Platform => withTwoNics(given ?? platformFromDtb(twoBridgesDtb()));

/** Changes the bridges of a platform. */
const withBridges = (
  platform: Platform,
  change: (bridge: HostBridge, index: number) => HostBridge,
): Platform => ({
  ...platform,
  bridges: platform.bridges.map(change),
});

const reversed = (bridges: readonly HostBridge[]): HostBridge[] => [...bridges].reverse();

/** Dom0 binds and scans every bridge in the order given. */
const dom0Binds = (order: (bridges: readonly HostBridge[]) => readonly HostBridge[]): Program =>
  function* (machine) {
    yield untilDom0;
    for (const bridge of order(machine.env.platform.bridges)) yield* bindAndScan(machine, bridge);
  };

const inOrder = (bridges: readonly HostBridge[]): readonly HostBridge[] => bridges;

const healthyBoot = (): Programs => ({ xen: bootXen, dom0: dom0Binds(inOrder) });

/** Dom0's drivers probe asynchronously: all numbers first, in `order`; then the scans end in tree order. */
function* bindThenScan(
  machine: Parameters<Program>[0],
  order: (bridges: readonly HostBridge[]) => readonly HostBridge[],
): Part {
  const { bridges } = machine.env.platform;
  for (const { cfgBase } of order(bridges)) yield* probe(cfgBase, 'bound');
  for (const bridge of bridges) for (const fn of presentBehind(machine, bridge)) yield* announce(machine, fn);
}

const asyncSwapped = (): Programs => ({
  xen: bootXen,
  *dom0(machine) {
    yield untilDom0;
    yield* bindThenScan(machine, reversed);
    yield* divergence(machine);
  },
});

/** The 2015 thread: segment numbers of ARM host bridges. @source facts/xen 13.1, facts/arm-msi-iommu 6.7 */
export const segmentScenarios: readonly Scenario[] = [
  {
    name: 'two-bridges-swapped',
    title: 'Xen numbers the bridges 0 and 1, Dom0 1 and 0',
    source: `${thread2015}; facts/arm-msi-iommu 6.7`,
    shows:
      "Two asynchronously probed bridges get swapped numbers in Dom0. Every add names the wrong function to Xen; assigning NIC-A moves NIC-B's stream, and NIC-B's interrupts are lost.",
    expects: ['SEG-003', 'SEG-001', 'CFG-001', 'IOM-001', 'IOM-002', 'MSI-002', 'MSI-001'],
    takesPlatform: true,
    platform: twoNics,
    programs: asyncSwapped,
  },
  {
    name: 'two-bridges-one-device',
    title: 'Swapped numbers with a device behind one bridge only',
    source: 'facts/arm-msi-iommu 6.7, variant V1',
    shows:
      "Only NIC-A exists: Xen programs the stream of a device that is not there, and NIC-A's first DMA faults.",
    expects: ['SEG-003', 'SEG-001', 'CFG-001', 'IOM-001'],
    takesPlatform: true,
    platform: (given) => {
      const platform = twoNics(given);
      return { ...platform, functions: platform.functions.slice(0, 1) };
    },
    programs: asyncSwapped,
  },
  {
    name: 'two-bridges-smmuv2',
    title: 'Swapped numbers behind an SMMUv2',
    source: 'facts/arm-msi-iommu 6.7, variant V4; 6.5',
    shows:
      'StreamIDs are cut to 15 bits: both cards share one entry. The driver refuses to move a device that is attached, so both stay with Dom0.',
    expects: ['SEG-003', 'SEG-001', 'CFG-001', 'IOM-005', 'IOM-002', 'MSI-001'],
    before: {
      lacking: 'arm-as-it-runs',
      expects: ['SEG-003', 'SEG-001', 'CFG-001', 'IOM-005', 'IOM-002', 'MSI-002'],
    },
    takesPlatform: true,
    platform: (given) => {
      const platform = twoNics(given);
      return {
        ...platform,
        smmus: platform.smmus.map((smmu) => ({
          ...smmu,
          model: 'smmuv2',
          streamIdBits: 15,
          twoLevel: false,
        })),
      };
    },
    programs: asyncSwapped,
  },
  {
    name: 'two-bridges-42-43',
    title: 'Xen numbers the bridges 42 and 43',
    source: `${thread2015}; facts/arm-msi-iommu 6.7, variant V2`,
    shows: "Dom0's segments 0 and 1 are unknown to Xen: config reads give 0, every add ends with -ENODEV.",
    expects: ['SEG-003', 'SEG-002'],
    policies: { 'segments.xen': 'offset:42' },
    takesPlatform: true,
    platform: twoNics,
    programs: healthyBoot,
  },
  {
    name: 'two-bridges-agreed',
    title: 'Xen and Dom0 agree',
    source: 'facts/dom0 1.9, first row',
    shows: 'Both number in tree order: the healthy run to compare with.',
    expects: [],
    takesPlatform: true,
    platform: twoNics,
    programs: healthyBoot,
  },
  {
    name: 'host-bridge-add',
    title: 'Dom0 tells Xen its numbers (proposed hypercall)',
    source: 'xen-devel 2015, PHYSDEVOP_pci_host_bridge_add, never merged; facts/xen 13.1',
    shows:
      'The swapped order of two-bridges-swapped is harmless: Xen picks no number and takes those Dom0 states.',
    expects: [],
    policies: { 'segments.xen': 'told-by-dom0' },
    takesPlatform: true,
    platform: twoNics,
    programs: asyncSwapped,
  },
  {
    name: 'device-before-bridge',
    title: 'Devices are announced before their bridge is known',
    source: `${thread2015}: devices announced out of step; facts/xen 3.4`,
    shows:
      'Dom0 announces a device of a bridge Xen has not been told of: an ownerless device object stays. Announced again after the bridge it works.',
    expects: ['SEG-002'],
    policies: { 'segments.xen': 'told-by-dom0' },
    takesPlatform: true,
    platform: twoNics,
    programs: () => ({
      xen: bootXen,
      *dom0(machine) {
        yield untilDom0;
        const { bridges } = machine.env.platform;
        for (const [segment, bridge] of bridges.entries()) {
          for (const fn of presentBehind(machine, bridge)) yield deviceAdd(segment, fn);
        }
        for (const bridge of bridges) yield* bindAndScan(machine, bridge);
      },
    }),
  },
  {
    name: 'dt-mix-bug',
    title: 'linux,pci-domain on some nodes only: Xen does not boot',
    source: 'facts/arm-msi-iommu 1.3; facts/xen 3.4',
    shows: 'The first bridge has the property, the second has not: Xen stops while it probes.',
    expects: ['SEG-006'],
    takesPlatform: true,
    platform: (given) =>
      withBridges(twoNics(given), (bridge, i) => ({ ...bridge, pciDomain: i === 0 ? 0 : null })),
    programs: healthyBoot,
  },
  {
    name: 'iommu-on-passthrough-off',
    title: 'The configuration in which the bug is live today',
    source: 'facts/arm-msi-iommu 1.3; facts/dom0 1.8',
    shows:
      'IOMMU on, pci-passthrough off, no linux,pci-domain: Xen numbers but writes nothing into the tree of Dom0. `what-if --policy pci-passthrough=on` is the cure.',
    expects: ['SEG-003', 'SEG-001', 'CFG-001', 'IOM-001'],
    policies: { iommu: 'on', 'pci-passthrough': 'off' },
    takesPlatform: true,
    platform: twoNics,
    programs: () => ({ xen: bootXen, dom0: dom0Binds(reversed) }),
  },
  {
    name: 'deferred-probe',
    title: 'A deferred bridge registers last',
    source: 'facts/dom0 1.5, 1.9',
    shows:
      'The first bridge waits for a regulator: Dom0 gives it the last number while Xen counted in tree order.',
    expects: ['SEG-003', 'SEG-001', 'CFG-001', 'IOM-001'],
    takesPlatform: true,
    platform: twoNics,
    programs: () => ({
      xen: bootXen,
      *dom0(machine) {
        yield untilDom0;
        const [first, ...rest] = machine.env.platform.bridges;
        if (first === undefined) return;
        yield* probe(first.cfgBase, 'deferred');
        for (const bridge of rest) yield* bindAndScan(machine, bridge);
        yield* bindAndScan(machine, first);
      },
    }),
  },
  {
    name: 'stable-update-renumbers',
    title: '6.1.135 to 6.1.136 renumbers a running product',
    source: 'facts/dom0 1.4',
    shows:
      'A bridge is unbound and bound again. The counter rule of 6.1.135 burns its number, the IDA rule of 6.1.136 gives it back: compare with `what-if --policy segments.dom0=counter`.',
    expects: [],
    switches: { linux: '6.1.136' },
    takesPlatform: true,
    platform: twoNics,
    programs: () => ({
      xen: bootXen,
      *dom0(machine) {
        yield untilDom0;
        const { bridges } = machine.env.platform;
        for (const { cfgBase } of bridges) yield* probe(cfgBase, 'bound');
        const first = bridges.find(({ available }) => available);
        if (first === undefined) return;
        yield { kind: 'bridge.unbound', by: 'd0', data: { by: 'dom0', cfgBase: first.cfgBase } };
        yield* probe(first.cfgBase, 'bound');
        for (const bridge of bridges)
          for (const fn of presentBehind(machine, bridge)) yield* announce(machine, fn);
      },
    }),
  },
  {
    name: 'duplicate-domain',
    title: 'Two bridges with one linux,pci-domain',
    source: 'facts/dom0 1.9; facts/xen 3.4',
    shows:
      'Xen accepts both and always takes the first; Linux refuses the second since the IDA rule, so its devices are never announced.',
    expects: ['SEG-004'],
    takesPlatform: true,
    platform: (given) => withBridges(twoNics(given), (bridge) => ({ ...bridge, pciDomain: 0 })),
    programs: healthyBoot,
  },
  {
    name: 'removal-behind-smmuv3-stops-xen',
    title: 'Dom0 removes a device, and Xen is down',
    source:
      'Xen 4.21.2, 4.22.0 and master, as they ran; xen/drivers/passthrough/pci.c (iommu_remove_device), xen/drivers/passthrough/arm/smmu-v3.c (arm_smmu_iommu_ops)',
    shows:
      "`echo 1 > /sys/bus/pci/devices/0001:01:00.0/remove` in Dom0: Xen calls the SMMUv3 driver's remove_device, which is not there, and jumps to address 0. The hypercall never returns.",
    expects: ['IOM-010'],
    takesPlatform: true,
    platform: twoNics,
    programs: () => ({
      xen: bootXen,
      *dom0(machine) {
        yield* dom0Binds(inOrder)(machine);
        const last = machine.env.platform.functions.at(-1);
        const name = last === undefined ? null : dom0NameOf(machine, last.function);
        if (name !== null) yield deviceRemove(name);
      },
    }),
  },
  {
    name: 'xen-without-pci',
    title: 'An ARM Xen before 4.21 knows no PCI',
    source: 'xen/arch/arm/Kconfig (PCI_PASSTHROUGH), xen/arch/arm/physdev.c @RELEASE-4.20.0',
    shows:
      'No bridge is probed, every report of Dom0 is -ENOSYS, and nothing can be assigned: -ENODEV. The same machine under 4.21 takes its devices: `what-if --switch xen=4.21`.',
    expects: ['SEG-007'],
    switches: { xen: '4.20.4' },
    takesPlatform: true,
    platform: twoNics,
    programs: () => ({
      xen: bootXen,
      *dom0(machine) {
        yield* dom0Binds(inOrder)(machine);
        const first = machine.env.platform.functions[0];
        if (first !== undefined) yield* assignToGuest(machine, first.function);
      },
    }),
  },
  {
    name: 'vmd-truncated-domain',
    title: 'A VMD domain 0x10000 becomes segment 0',
    source: 'facts/dom0 1.6, 2.2',
    shows:
      'Linux before 6.12.31 cuts the domain to 16 bits: a device behind the VMD is announced as the device of segment 0 with its BDF.',
    expects: ['SEG-005'],
    switches: { linux: '6.12.30' },
    takesPlatform: false,
    platform: () => vmdPlatform(),
    programs: healthyBoot,
  },
];

/** An x86 machine: the firmware's segment 0 and a VMD controller with a domain of its own. */
function vmdPlatform(): Platform {
  const platform = withTwoNics(platformFromDtb(twoBridgesDtb()));
  return {
    ...platform,
    name: 'x86 with VMD',
    arch: 'x86_64',
    smmus: [],
    msiControllers: [],
    bridges: platform.bridges.map((bridge, i) => ({
      ...bridge,
      node: i === 0 ? 'PCI0' : 'VMD0',
      compatible: i === 0 ? ['acpi,PNP0A08'] : ['vmd'],
      access: 'mmcfg',
      pciDomain: i === 0 ? 0 : null,
      iommuMap: null,
      msiMap: null,
      msiParents: [],
    })),
  };
}
