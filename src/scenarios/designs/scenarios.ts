import { EmulatedFunctions } from '../../emulators/emulated-functions.js';
import type { MachineView } from '../../machine/program.js';
import { bdf } from '../../pci/sbdf.js';
import {
  access,
  bareMachine,
  buildGuest,
  cf8,
  ecam,
  guest,
  MEMORY,
  mapRange,
  type Part,
  PCI,
  PORT,
  startServer,
  unmapRange,
} from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { aerForwarded } from './aer-forwarded.js';
import { assignBusses } from './assign-busses.js';
import { ecamOutsideAnyWindow } from './ecam-outside-any-window.js';
import { fullMachineBoot } from './full-machine-boot.js';
import { gpuAudioTwoServers } from './gpu-audio-two-servers.js';
import { hotplugWindowTooSmall } from './hotplug-window-too-small.js';
import { malformedBridges } from './malformed-bridges.js';
import { messagesForwarded } from './messages-forwarded.js';
import { movedUnderEcam } from './moved-under-ecam.js';
import { overlappingAddresses } from './overlapping-addresses.js';
import { pciexbarSizes } from './pciexbar-sizes.js';
import { pmbase } from './pmbase.js';
import { rebalance } from './rebalance.js';
import { reinitialised } from './reinitialised.js';
import { vgpuHotplug } from './vgpu-hotplug.js';

const notes2018 = 'xen-devel 2018, PCI emulation with several device models; facts/xen 13.3';

const HOST_BRIDGE = bdf(0, 0, 0);
const ROOT_PORT = bdf(0, 0x1c, 0);
const VGA = bdf(0, 2, 0);
/** Behind the root port, on the bus firmware gave it. */
const VGPU = bdf(1, 0, 0);
const VGPU_AUDIO = bdf(1, 0, 1);

const ECAM_BASE = 0xb000_0000;
const ECAM_BYTES = 0x1000_0000;
const VENDOR_SPECIFIC = 0x0b;
const WHOLE_BUS_1 = [PCI, bdf(1, 0, 0), bdf(1, 31, 7)] as const;

const memoryHub = { sbdf: HOST_BRIDGE, vendor: 0x8086, device: 0x29c0, classCode: 0x06_0000 };
const rootPort = { sbdf: ROOT_PORT, vendor: 0x8086, device: 0x3420, classCode: 0x06_0400, bridge: true };
const vga = { sbdf: VGA, vendor: 0x1234, device: 0x1111, classCode: 0x03_0000, barSizes: [0x100_0000] };
const vgpu = {
  sbdf: VGPU,
  vendor: 0x8086,
  device: 0x1926,
  classCode: 0x03_8000,
  barSizes: [0x100_0000],
  extendedCapability: VENDOR_SPECIFIC,
  multifunction: true,
};
const vgpuAudio = {
  sbdf: VGPU_AUDIO,
  vendor: 0x8086,
  device: 0x9d70,
  classCode: 0x04_0300,
  barSizes: [0x4000],
};

const common = { takesPlatform: false, platform: bareMachine } as const;

/** QEMU with the chipset, and a vGPU emulator with what stands behind the root port. */
const twoModels = (): EmulatedFunctions[] => [
  new EmulatedFunctions({ name: 'qemu', latencyNs: 20_000, ecamBase: ECAM_BASE }, [memoryHub, rootPort, vga]),
  new EmulatedFunctions({ name: 'vgpu', latencyNs: 5_000 }, [vgpu, vgpuAudio]),
];

function* startQemu(): Part<number> {
  return yield* startServer('qemu', [
    [PORT, 0xcf8, 0xcff],
    [PCI, HOST_BRIDGE, HOST_BRIDGE],
    [PCI, ROOT_PORT, ROOT_PORT],
    [PCI, VGA, VGA],
  ]);
}

/** Firmware: identifies the chipset, numbers the bus behind the port, switches the window on. @source facts/q35-qemu 1.3 */
function* firmware(machine: MachineView): Part {
  yield* cf8(machine, HOST_BRIDGE, 0x00, 4);
  yield* cf8(machine, ROOT_PORT, 0x18, 4, 0x0001_0100);
  yield* cf8(machine, HOST_BRIDGE, 0x60, 4, 0);
  yield* cf8(machine, HOST_BRIDGE, 0x64, 4, 0);
  yield* cf8(machine, HOST_BRIDGE, 0x60, 4, ECAM_BASE + 1);
}

const bothServersUp = {
  until: (state: MachineView['state']) =>
    state.ioreq[guest]?.servers.filter((server) => (server?.ranges[2].starts.length ?? 0) > 0).length === 2,
};

const windowOf = (base: number) => [MEMORY, base, base + ECAM_BYTES - 1] as const;

const q35TwoServers: Scenario = {
  ...common,
  name: 'q35-two-servers',
  title: 'ECAM with two device models on a Q35',
  source: notes2018,
  shows:
    'CF8/CFC reaches the vGPU emulator, ECAM reaches QEMU, which does not have the vGPU: compare the four designs with `what-if --variant mmconfig=…`.',
  expects: ['IOR-001'],
  deviceModels: twoModels,
  programs: () => ({
    toolstack: buildGuest(1),
    *vgpu() {
      yield* startServer('vgpu', [WHOLE_BUS_1]);
    },
    *machine(machine) {
      const qemu = yield* startQemu();
      yield bothServersUp;
      yield* firmware(machine);
      yield* mapRange('qemu', qemu, windowOf(ECAM_BASE));
      yield* cf8(machine, VGA, 0x00, 4);
      yield* ecam(machine, ECAM_BASE, VGA, 0x00, 4);
      yield* cf8(machine, VGPU, 0x00, 4);
      yield* ecam(machine, ECAM_BASE, VGPU, 0x00, 4);
      // Registers above 0xff exist in ECAM only.
      yield* ecam(machine, ECAM_BASE, VGPU, 0x100, 4);
      // The power-management base: Xen has its own ACPI registers at 0xb000.
      yield* cf8(machine, bdf(0, 0x1f, 0), 0x40, 4, 0x601);
    },
  }),
};

const pciexbarMoved: Scenario = {
  ...common,
  name: 'pciexbar-moved',
  title: 'PCIEXBAR moves while another virtual CPU uses the window',
  source: `${notes2018}; facts/q35-qemu 1.3`,
  shows:
    'Virtual CPU 1 reads through the new window while QEMU still works on the write. Under `notify` Xen does not know it yet; under `transparent` and `xen-chipset` it does.',
  expects: ['IOR-001', 'IOR-011'],
  policies: { mmconfig: 'notify' },
  deviceModels: twoModels,
  programs: () => ({
    toolstack: buildGuest(2),
    *vgpu() {
      yield* startServer('vgpu', [WHOLE_BUS_1]);
    },
    *vcpu0(machine) {
      yield* startQemu();
      yield bothServersUp;
      yield* firmware(machine);
      yield* ecam(machine, ECAM_BASE, VGPU, 0x100, 4);
      yield* cf8(machine, HOST_BRIDGE, 0x60, 4, ECAM_BASE + ECAM_BYTES + 1);
      yield* ecam(machine, ECAM_BASE + ECAM_BYTES, VGPU, 0x100, 4);
      yield* ecam(machine, ECAM_BASE, VGPU, 0x100, 4);
    },
    *vcpu1(machine) {
      const moved = ECAM_BASE + ECAM_BYTES;
      yield {
        until: ({ ioreq }) => {
          const slot = ioreq[guest]?.servers.find((server) => server?.slots[0]?.pending === true)?.slots[0];
          return slot?.data === moved + 1;
        },
      };
      yield* access(machine, { vcpu: 1, space: 'mem', addr: moved + VGPU * 4096 + 0x100, size: 4 });
    },
  }),
};

const busRenumbered: Scenario = {
  ...common,
  name: 'bus-renumbered-under-server',
  title: 'The guest renumbers a bus whose functions a server has registered',
  source: `${notes2018}; facts/q35-qemu 3.3`,
  shows:
    'The vGPU was registered as bus 1; the guest makes it bus 5. Where Xen follows the port it translates the name, elsewhere the device is gone.',
  expects: ['BRG-003'],
  deviceModels: twoModels,
  programs: () => ({
    toolstack: buildGuest(1),
    *vgpu() {
      yield* startServer('vgpu', [WHOLE_BUS_1]);
    },
    *machine(machine) {
      yield* startQemu();
      yield bothServersUp;
      yield* firmware(machine);
      yield* cf8(machine, VGPU, 0x00, 4);
      yield* cf8(machine, ROOT_PORT, 0x18, 4, 0x0005_0500);
      yield* cf8(machine, bdf(5, 0, 0), 0x00, 4);
      yield* cf8(machine, VGPU, 0x00, 4);
    },
  }),
};

const gpuAndAudio: Scenario = {
  ...common,
  name: 'gpu-and-audio-behind-one-port',
  title: 'A GPU and its audio function behind one port',
  source: notes2018,
  shows:
    'Both functions of one card belong to one emulator and stand behind one port of QEMU: they are registered, found and enabled together.',
  expects: [],
  deviceModels: twoModels,
  programs: () => ({
    toolstack: buildGuest(1),
    *vgpu() {
      yield* startServer('vgpu', [[PCI, VGPU, VGPU_AUDIO]]);
    },
    *machine(machine) {
      yield* startQemu();
      yield bothServersUp;
      yield* firmware(machine);
      for (const name of [VGPU, VGPU_AUDIO]) {
        yield* cf8(machine, name, 0x00, 4);
        yield* cf8(machine, name, 0x10, 4, 0xffff_ffff);
        yield* cf8(machine, name, 0x10, 4);
        yield* cf8(machine, name, 0x10, 4, 0xe000_0000 + (name & 7) * 0x100_0000);
        yield* cf8(machine, name, 0x04, 2, 2);
      }
    },
  }),
};

const movedBetweenServers: Scenario = {
  ...common,
  name: 'function-moved-between-servers',
  title: 'A function moves from one device model to another',
  source: notes2018,
  shows:
    'QEMU gives up its display adapter and the vGPU emulator registers the same name: the next read comes from the other device model.',
  expects: ['IOR-002'],
  deviceModels: () => [
    new EmulatedFunctions({ name: 'qemu', latencyNs: 20_000 }, [memoryHub, rootPort, vga]),
    new EmulatedFunctions({ name: 'vgpu', latencyNs: 5_000 }, [{ ...vgpu, sbdf: VGA }]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      const qemu = yield* startQemu();
      const other = yield* startServer('vgpu', []);
      yield* firmware(machine);
      yield* cf8(machine, VGA, 0x00, 4);
      yield* unmapRange('qemu', qemu, [PCI, VGA, VGA]);
      // For a moment nobody has it.
      yield* cf8(machine, VGA, 0x00, 4);
      yield* mapRange('vgpu', other, [PCI, VGA, VGA]);
      yield* cf8(machine, VGA, 0x00, 4);
    },
  }),
};

/** The 2018 notes: ECAM with several device models, under each of the four designs. */
export const designScenarios: readonly Scenario[] = [
  q35TwoServers,
  pciexbarMoved,
  busRenumbered,
  gpuAndAudio,
  movedBetweenServers,
  hotplugWindowTooSmall,
  aerForwarded,
  malformedBridges,
  assignBusses,
  ecamOutsideAnyWindow,
  overlappingAddresses,
  fullMachineBoot,
  vgpuHotplug,
  rebalance,
  movedUnderEcam,
  pciexbarSizes,
  pmbase,
  gpuAudioTwoServers,
  reinitialised,
  messagesForwarded,
];
