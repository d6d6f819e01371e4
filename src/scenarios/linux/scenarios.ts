import type { DomainId } from '../../base/brand.js';
import { platformFromDtb } from '../../importers/dtb/dt-platform.js';
import type { Programs } from '../../machine/program.js';
import { type FunctionId, functionId } from '../../pci/function-id.js';
import { bdf, type Dom0Sbdf, parseSbdf } from '../../pci/sbdf.js';
import { twoBridgesDtb } from '../../platform/built-in/two-bridges.js';
import type { Platform } from '../../platform/platform.js';
import type { Scenario } from '../scenario.js';
import { bootXen, type Part, probe, untilDom0 } from '../segments/boot.js';
import { card, pc, port } from './machine.js';

const MIB = 0x10_0000;
const named = (text: string): Dom0Sbdf => parseSbdf<Dom0Sbdf>(text)!;
const release = { linux: '6.1.192' } as const;
const pciehp = (bus: number) => ({ segment: 0, bus, device: 0, method: 'pciehp' as const });

function* dom0Boots(): Part {
  yield {
    kind: 'domain.created',
    by: 'xen',
    data: {
      domid: 0 as DomainId,
      type: 'pv',
      privileged: true,
      hardware: true,
      target: null,
      name: 'Domain-0',
    },
  };
  yield { kind: 'linux.scanned', by: 'd0', data: { segment: 0, bus: 0 } };
  yield { kind: 'linux.surveyed', by: 'd0', data: {} };
}

const probed = (name: string, driver: string) =>
  ({ kind: 'linux.driver-probed', by: 'd0', data: { sbdf: named(name), driver } }) as const;

const firmwarePort = port({ host: 0, bus: 0, device: 2 }, 'port', {
  secondary: 1,
  memory: [0xfe40, 0xfe50],
  prefetch: [0xfea0, 0xfeb0],
});
const firmwarePortId = functionId(0, bdf(0, 2, 0));
/** Registers, ports and 64 MiB of prefetchable memory: more than the 2 MiB firmware left for it. */
const bigCard = (present: boolean) =>
  card(
    { host: 0, bus: 1, device: 0, behind: firmwarePortId },
    'big card',
    [
      { index: 0, sizeBytes: 0x1000, kind: 'mem' },
      { index: 1, sizeBytes: 0x100, kind: 'io' },
      { index: 2, sizeBytes: 64 * MIB, kind: 'pref64' },
    ],
    present,
  );

const noSpace: Scenario = {
  name: 'bar-failed-to-assign-no-space',
  title: "BAR 2 [mem size 0x04000000 64bit pref]: can't assign; no space",
  source: 'recording s1-q35-rebalance, docs/models/linux.md',
  shows:
    'Firmware left 2 MiB of prefetchable memory below a port; a BAR of 64 MiB finds no room and Linux hides it. With --policy pci-realloc=on the port gets a window above 4 GiB.',
  expects: [],
  switches: release,
  takesPlatform: false,
  platform: () => pc([firmwarePort, bigCard(true)]),
  programs: () => ({
    *linux() {
      yield* dom0Boots();
      yield probed('0000:00:02.0', 'pcieport');
      yield probed('0000:01:00.0', 'pci-stub');
    },
  }),
};

const rebalance: Scenario = {
  name: 'hotplug-window-too-small-reassigned',
  title: 'PCI: No. 2 try to assign unassigned res',
  source: 'recording s1-q35-rebalance, facts/q35-qemu 2.6',
  shows:
    "A card with a BAR of 64 MiB is plugged in below a port with 2 MiB to spare: Linux lets the port's window go and places it, and the card, above 4 GiB. Then the card is pulled again.",
  expects: [],
  switches: release,
  takesPlatform: false,
  platform: () => pc([firmwarePort, bigCard(false)]),
  programs: () => ({
    *linux() {
      yield* dom0Boots();
      yield probed('0000:00:02.0', 'pcieport');
      const plugged = bigCard(false).function;
      yield { kind: 'device.plugged', by: 'hw', data: { function: plugged } };
      yield { kind: 'linux.slot-enabled', by: 'd0', data: pciehp(1) };
      yield probed('0000:01:00.0', 'pci-stub');
      yield { kind: 'linux.slot-disabled', by: 'd0', data: pciehp(1) };
      yield { kind: 'device.unplugged', by: 'hw', data: { function: plugged } };
    },
  }),
};

const rescan: Scenario = {
  name: 'removed-device-back-after-rescan',
  title: 'echo 1 > remove, echo 1 > rescan',
  source: 'recording s1-q35-remove-rescan',
  shows:
    'A port and the card behind it are removed and found again by a rescan: the same bus, but windows are placed anew and BAR 0 is at another address than before; Xen hears of both.',
  expects: [],
  switches: release,
  takesPlatform: false,
  platform: () => pc([firmwarePort, bigCard(true)]),
  policies: { 'pci-realloc': 'on' },
  programs: () => ({
    *linux() {
      yield* dom0Boots();
      const write = (path: string) =>
        ({ kind: 'sysfs.requested', by: 'd0', data: { verb: 'write', path, value: '1' } }) as const;
      yield write('/sys/bus/pci/devices/0000:00:02.0/remove');
      yield write('/sys/bus/pci/rescan');
    },
  }),
};

/** Two ports, a bridge and two cards that no firmware has touched, behind the tree's first bridge. */
function onTree(given: Platform | null): Platform {
  const tree = given ?? platformFromDtb(twoBridgesDtb());
  const host = Math.max(
    tree.bridges.findIndex(({ available, windows }) => available && windows.length > 0),
    0,
  );
  const first = tree.bridges[host]?.busStart ?? 0;
  const id = (bus: number, device: number): FunctionId => functionId(host, bdf(bus, device, 0));
  return {
    ...tree,
    functions: [
      port({ host, bus: first, device: 1 }, 'port', null),
      port({ host, bus: first + 1, device: 0, behind: id(first, 1) }, 'bridge', null),
      card({ host, bus: first + 2, device: 0, behind: id(first + 1, 0) }, 'disk', [
        { index: 0, sizeBytes: 0x4000, kind: 'mem' },
      ]),
      port({ host, bus: first, device: 2 }, 'second port', null),
      card({ host, bus: first + 3, device: 0, behind: id(first, 2) }, 'network card', [
        { index: 0, sizeBytes: 0x2_0000, kind: 'mem' },
        { index: 2, sizeBytes: 0x20, kind: 'io' },
        { index: 4, sizeBytes: 16 * MIB, kind: 'pref64' },
      ]),
    ],
  };
}

const treeBoots = (): Programs => ({
  xen: bootXen,
  *dom0(machine) {
    yield untilDom0;
    for (const bridge of machine.env.platform.bridges) {
      if (!bridge.available) continue;
      yield* probe(bridge.cfgBase, 'bound');
      const held = machine.state.dom0.bridges.find(({ cfgBase }) => cfgBase === bridge.cfgBase);
      if (held === undefined) continue;
      yield { kind: 'linux.scanned', by: 'd0', data: { segment: held.segment, bus: bridge.busStart } };
    }
  },
});

const fromTree: Scenario = {
  name: 'windows-assigned-from-device-tree',
  title: 'pci 0000:00:01.0: bridge window [mem …]: assigned',
  source: 'recording s1-virt-aarch64, facts/arm-msi-iommu 1.2',
  shows:
    "No firmware ran: Linux numbers the buses, sizes BARs and windows and places them in the `ranges` of the tree's bridges. Takes --dtb.",
  expects: [],
  takesPlatform: true,
  platform: onTree,
  programs: treeBoots,
};

const probeOnly: Scenario = {
  name: 'probe-only-device-not-assigned',
  title: "BAR 0 [mem size 0x00004000]: not assigned; can't enable device",
  source: 'drivers/pci/of.c of v6.1 (linux,pci-probe-only), docs/models/linux.md',
  shows:
    'The tree says that firmware has configured everything, and it has not: buses get numbers, nothing gets an address, and no driver can enable its device. With --policy linux-resources=assign all works.',
  expects: [],
  policies: { 'linux-resources': 'probe-only' },
  switches: release,
  takesPlatform: true,
  platform: onTree,
  programs: (env) => ({
    ...treeBoots(),
    *driver(machine) {
      const disk = env.platform.functions.find(({ name }) => name === 'disk')!.function;
      yield { until: ({ linux }) => Object.values(linux.devices).some((one) => one.function === disk) };
      const [sbdf] = Object.entries(machine.state.linux.devices).find(([, one]) => one.function === disk)!;
      yield {
        kind: 'linux.driver-probed',
        by: 'd0',
        data: { sbdf: Number(sbdf) as Dom0Sbdf, driver: 'nvme' },
      };
    },
  }),
};

/** How Linux gives out addresses, and how that fails. */
export const linuxScenarios: readonly Scenario[] = [fromTree, noSpace, rebalance, rescan, probeOnly];
