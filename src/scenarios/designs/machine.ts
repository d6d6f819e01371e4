import { placed, sharedMemory } from '../../emulators/q35-functions.js';
import { QemuModel } from '../../emulators/qemu-model.js';
import { vgpuEmulator } from '../../emulators/vgpu.js';
import type { DeviceModel } from '../../machine/device-model.js';
import type { MachineView } from '../../machine/program.js';
import type { PlacedFunction } from '../../models/qemu/create.js';
import { deviceType, slotPort } from '../../models/qemu/devices/device-types.js';
import type { FunctionBytes } from '../../models/qemu/image.js';
import { bdf } from '../../pci/sbdf.js';
import type { Releases } from '../../policy/has.js';
import {
  bareMachine,
  buildGuest,
  guest,
  type Part,
  PCI,
  PORT,
  type Range,
  startServer,
} from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';

export const notes2018 = 'xen-devel 2018, PCI emulation with several device models; facts/xen 13.3';

/** Functions of the guest on its root bus. */
export const HOST_BRIDGE = bdf(0, 0, 0);
export const LPC = bdf(0, 0x1f, 0);
/** The port the vGPU stands behind, QEMU's network card, its switch, an empty one. */
export const PORTS = [bdf(0, 0x1c, 0), bdf(0, 0x1c, 1), bdf(0, 0x1c, 2), bdf(0, 0x1c, 3)] as const;
export const [VGPU_PORT, NIC_PORT, SWITCH_PORT, SPARE_PORT] = PORTS;
const BRIDGE = bdf(0, 0x1e, 0);

/** What QEMU registers before the guest runs: its functions on the root bus. The others have no bus number yet. */
const ROOT_BUS_FUNCTIONS = [
  HOST_BRIDGE,
  bdf(0, 3, 0),
  ...PORTS,
  BRIDGE,
  LPC,
  bdf(0, 0x1f, 2),
  bdf(0, 0x1f, 3),
];

const MIB = 0x10_0000;
const type = (name: string): FunctionBytes => deviceType(name)!;

function rootPort(slot: number, populated: boolean): FunctionBytes {
  const port = slotPort('ioh3420', { slot, populated, native: true })!;
  if (slot === 1) port.config[0x0e] = port.config[0x0e]! | 0x80;
  return port;
}

/** Indexes count from the first line; a parent comes before its child. */
const functions = (): PlacedFunction[] => [
  placed(type('mch'), HOST_BRIDGE),
  placed(type('ICH9-LPC'), LPC),
  placed(type('ich9-ahci'), bdf(0, 0x1f, 2)),
  placed(type('ICH9-SMB'), bdf(0, 0x1f, 3)),
  placed(type('e1000'), bdf(0, 3, 0), null, 'lan0'),
  placed(rootPort(1, false), VGPU_PORT, null, 'rp0'),
  placed(rootPort(2, true), NIC_PORT, null, 'rp1'),
  placed(rootPort(3, true), SWITCH_PORT, null, 'rp2'),
  placed(rootPort(4, false), SPARE_PORT, null, 'rp3'),
  placed(type('pcie-pci-bridge'), BRIDGE, null, 'br0'),
  placed(type('e1000e'), 0, 6, 'nic0'),
  placed(type('x3130-upstream'), 0, 7, 'up0'),
  placed(slotPort('xio3130-downstream', { slot: 5, populated: true, native: true })!, 0, 11, 'down0'),
  placed(type('nvme'), 0, 12, 'disk0'),
  placed(type('edu'), bdf(0, 1, 0), 9, 'edu0'),
];

/**
 * QEMU's whole Q35: memory controller hub, LPC bridge, disk controller, root ports, a switch, a bridge to conventional
 * PCI, endpoints. Two things are beyond QEMU 7.2, as every design of 2018 needs them: it registers its functions anew when
 * the guest renumbers, and answers registers above 0xff. @source facts/q35-qemu 3.2, 3.3, 3.6
 */
export const fullQemu = (releases: Releases, nativeHotplug = true): QemuModel =>
  new QemuModel(
    { name: 'qemu', latencyNs: 20_000, names: 'announced', configBytes: 4096 },
    {
      board: {
        kind: 'q35',
        ramBytes: 128 * MIB,
        nativeHotplug,
        pciexbarMasks: 'qemu',
        lowMemoryOnly: false,
        smbaseSmram: true,
        releases,
      },
      functions: functions(),
      pluggable: [sharedMemory(16 * MIB)],
    },
  );

/** Both device models of the guest; the emulator registers bus 1. */
export const bothModels = (releases: Releases): DeviceModel[] => [
  fullQemu(releases),
  vgpuEmulator(releases, { name: 'vgpu', latencyNs: 5_000, bus: 1, functions: ['gpu', 'audio'] }),
];

export const VGPU = bdf(1, 0, 0);
export const VGPU_AUDIO = bdf(1, 0, 1);

export function* startFullQemu(others: readonly Range[] = []): Part<number> {
  const names = ROOT_BUS_FUNCTIONS.map((name): Range => [PCI, name, name]);
  return yield* startServer('qemu', [[PORT, 0xcf8, 0xcff], ...names, ...others]);
}

/** The emulator registers each of its functions. */
export function* startVgpu(names: readonly number[] = [VGPU, VGPU_AUDIO]): Part<number> {
  return yield* startServer(
    'vgpu',
    names.map((name): Range => [PCI, name, name]),
  );
}

/** Both servers have registered what they start with. */
export const bothServersUp = {
  until: ({ ioreq }: MachineView['state']): boolean =>
    ioreq[guest]?.servers.filter((server) => (server?.ranges[2].starts.length ?? 0) > 0).length === 2,
};

/** What scenarios of the whole machine share: the guest, both servers, and what its software does once they are up. */
export function overFullMachine(
  scenario: Pick<Scenario, 'name' | 'title' | 'source' | 'shows' | 'expects'>,
  run: (machine: MachineView) => Part,
): Scenario {
  return {
    ...scenario,
    takesPlatform: false,
    platform: bareMachine,
    deviceModels: bothModels,
    programs: () => ({
      toolstack: buildGuest(1),
      *vgpu() {
        yield* startVgpu();
      },
      *machine(machine) {
        yield* startFullQemu();
        yield bothServersUp;
        yield* run(machine);
      },
    }),
  };
}
