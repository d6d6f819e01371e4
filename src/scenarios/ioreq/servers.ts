import { EmulatedFunctions } from '../../emulators/emulated-functions.js';
import { bdf } from '../../pci/sbdf.js';
import type { Scenario } from '../scenario.js';
import {
  access,
  bareMachine,
  buildGuest,
  cf8,
  dmOp,
  ecam,
  guest,
  MEMORY,
  mapRange,
  PCI,
  PORT,
  startServer,
  unmapRange,
  untilServers,
} from './parts.js';

const notes2018 = 'xen-devel 2018, PCI emulation with several device models';

const HOST_BRIDGE = bdf(0, 0, 0);
const VGA = bdf(0, 2, 0);
const VGPU = bdf(0, 3, 0);
const ECAM_BASE = 0xb000_0000;
const ECAM_BYTES = 0x1000_0000;

const memoryHub = { sbdf: HOST_BRIDGE, vendor: 0x8086, device: 0x29c0, classCode: 0x06_0000 };
const vga = { sbdf: VGA, vendor: 0x1234, device: 0x1111, classCode: 0x03_0000, barSizes: [0x100_0000] };
const vgpu = { sbdf: VGPU, vendor: 0x8086, device: 0x1926, classCode: 0x03_8000, barSizes: [0x100_0000] };

const common = { takesPlatform: false, platform: bareMachine } as const;

const twoDeviceModels: Scenario = {
  ...common,
  name: 'two-device-models',
  title: 'QEMU and a vGPU emulator serve one guest',
  source: `${notes2018}; facts/xen 4.5`,
  shows:
    'The guest scans bus 0 through CF8/CFC: every data access reaches the server that registered the function, the address writes reach QEMU, absent functions read as ones.',
  expects: [],
  deviceModels: () => [
    new EmulatedFunctions({ name: 'qemu', latencyNs: 20_000 }, [memoryHub, vga]),
    new EmulatedFunctions({ name: 'vgpu', latencyNs: 5_000 }, [vgpu]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *qemu() {
      yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, HOST_BRIDGE],
        [PCI, VGA, VGA],
      ]);
    },
    *vgpu() {
      yield* startServer('vgpu', [[PCI, VGPU, VGPU]]);
    },
    *guest(machine) {
      yield {
        until: (state) =>
          state.ioreq[guest]?.servers.filter((server) => (server?.ranges[2].starts.length ?? 0) > 0)
            .length === 2,
      };
      for (let slot = 0; slot < 6; slot++) {
        const id = yield* cf8(machine, bdf(0, slot, 0), 0, 4);
        if (id === null || id === 0xffff_ffff) continue;
        yield* cf8(machine, bdf(0, slot, 0), 0x0a, 2);
        yield* cf8(machine, bdf(0, slot, 0), 0x0e, 1);
      }
    },
  }),
};

const newestServerWins: Scenario = {
  ...common,
  name: 'newest-server-wins',
  title: 'The highest server id gets what two servers claim, and that is not always the newest',
  source: 'facts/xen 4.5, 14 trap 1',
  shows:
    'Three emulators claim 00:03.0 in turn. The third takes over the id of the first and loses to the second, although it is younger.',
  expects: ['IOR-003'],
  deviceModels: () =>
    ['first', 'second', 'third'].map(
      (name, i) => new EmulatedFunctions({ name, latencyNs: 5_000 }, [{ ...vgpu, device: 0xa000 + i }]),
    ),
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      const first = yield* startServer('first', [[PCI, VGPU, VGPU]]);
      yield* cf8(machine, VGPU, 0, 4);
      yield* startServer('second', [[PCI, VGPU, VGPU]]);
      yield* cf8(machine, VGPU, 0, 4);
      yield* dmOp('first', 'destroy_ioreq_server', { id: first });
      yield* startServer('third', [[PCI, VGPU, VGPU]]);
      yield* cf8(machine, VGPU, 0, 4);
    },
  }),
};

const overlappingRanges: Scenario = {
  ...common,
  name: 'overlapping-ranges',
  title: 'Two servers with overlapping memory ranges, and accesses that fit into neither',
  source: 'facts/xen 4.3, 4.5',
  shows:
    'Xen accepts the overlap. An access goes to the higher id where that has all of it, to the lower one where only that has, and to nobody when it needs both.',
  expects: ['IOR-003', 'IOR-009'],
  deviceModels: () => [
    new EmulatedFunctions({ name: 'low', latencyNs: 5_000 }, []),
    new EmulatedFunctions({ name: 'high', latencyNs: 5_000 }, []),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startServer('low', [[MEMORY, 0xf000_0000, 0xf000_17ff]]);
      yield* startServer('high', [[MEMORY, 0xf000_1000, 0xf000_1fff]]);
      for (const addr of [0xf000_0ff8, 0xf000_1000, 0xf000_17fc, 0xf000_0ffe, 0xf000_1ffe]) {
        yield* access(machine, { space: 'mem', addr, size: 4, value: 0x5a5a_5a5a });
        yield* access(machine, { space: 'mem', addr, size: 4 });
      }
    },
  }),
};

const rangeRemoved: Scenario = {
  ...common,
  name: 'range-removed-in-flight',
  title: 'A server gives up a function while it still owes the answer to a read of it',
  source: 'facts/xen 4.6; comment in hvmemul_do_io, xen/arch/x86/hvm/emulate.c',
  shows:
    'The answer of the old owner is taken all the same, because selection happened before; the next access finds nobody.',
  expects: ['IOR-006', 'IOR-002'],
  deviceModels: () => [new EmulatedFunctions({ name: 'vgpu', latencyNs: 1_000_000 }, [vgpu])],
  programs: () => ({
    toolstack: buildGuest(1),
    *vgpu() {
      const id = yield* startServer('vgpu', [[PCI, VGPU, VGPU]]);
      yield { until: (state) => state.ioreq[guest]?.waiting[0] !== undefined };
      yield* unmapRange('vgpu', id, [PCI, VGPU, VGPU]);
    },
    *guest(machine) {
      yield { until: (state) => (state.ioreq[guest]?.servers[0]?.ranges[2].starts.length ?? 0) > 0 };
      yield* cf8(machine, VGPU, 0, 4);
      yield* cf8(machine, VGPU, 0, 4);
    },
  }),
};

const crash: Scenario = {
  ...common,
  name: 'device-model-crash',
  title: 'A device model is torn down while a virtual CPU waits for it',
  source: 'facts/xen 4.3, 4.6; xen/common/event_channel.c (evtchn_close)',
  shows:
    'Destroying the server closes the event channel without a notification: virtual CPU 0 never runs again. Virtual CPU 1 goes on and finds the function gone.',
  expects: ['IOR-004', 'IOR-002'],
  deviceModels: () => [
    new EmulatedFunctions({ name: 'vgpu', latencyNs: 5_000, failure: { how: 'stuck', after: 1 } }, [vgpu]),
  ],
  programs: () => ({
    toolstack: buildGuest(2),
    *vgpu() {
      const id = yield* startServer('vgpu', [[PCI, VGPU, VGPU]]);
      yield { until: (state) => state.ioreq[guest]?.servers[0]?.slots[0]?.seen === 2 };
      yield* dmOp('vgpu', 'destroy_ioreq_server', { id });
    },
    *vcpu0(machine) {
      yield { until: (state) => (state.ioreq[guest]?.servers[0]?.ranges[2].starts.length ?? 0) > 0 };
      yield* cf8(machine, VGPU, 0, 4);
      yield* cf8(machine, VGPU, 8, 4);
    },
    *vcpu1(machine) {
      yield { until: (state) => state.ioreq[guest]?.waiting[0] !== undefined };
      yield { until: (state) => state.ioreq[guest]?.servers[0] === null };
      yield* cf8(machine, VGPU, 0, 4, undefined, 1);
    },
  }),
};

const cf8AndEcam: Scenario = {
  ...common,
  name: 'cf8-and-ecam-disagree',
  title: 'One register, two ways, two device models',
  source: `${notes2018}; facts/xen 4.5, 14 trap 3`,
  shows:
    "Through CF8/CFC Xen picks the vGPU's server by SBDF. Through the ECAM window the same register is plain memory, and goes to QEMU, which has no such function.",
  expects: ['IOR-001'],
  deviceModels: () => [
    new EmulatedFunctions({ name: 'qemu', latencyNs: 20_000, ecamBase: ECAM_BASE }, [memoryHub, vga]),
    new EmulatedFunctions({ name: 'vgpu', latencyNs: 5_000 }, [vgpu]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      const qemu = yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, HOST_BRIDGE],
        [PCI, VGA, VGA],
      ]);
      yield* startServer('vgpu', [[PCI, VGPU, VGPU]]);
      yield* cf8(machine, HOST_BRIDGE, 0, 4);
      yield* cf8(machine, HOST_BRIDGE, 0x60, 4, ECAM_BASE + 1);
      yield* mapRange('qemu', qemu, [MEMORY, ECAM_BASE, ECAM_BASE + ECAM_BYTES - 1]);
      for (const fn of [HOST_BRIDGE, VGA, VGPU]) {
        yield* cf8(machine, fn, 0, 4);
        yield* ecam(machine, ECAM_BASE, fn, 0, 4);
      }
    },
  }),
};

const staleWindow: Scenario = {
  ...common,
  name: 'ecam-window-moved',
  title: 'The guest moves its ECAM window and the device model lags behind',
  source: `${notes2018}, option notify; facts/q35-qemu 1.3`,
  shows:
    'Between the write to PCIEXBAR and the new mapping, the old window still reaches QEMU and the new one nobody.',
  expects: ['IOR-007', 'IOR-001', 'IOR-012'],
  deviceModels: () => [
    new EmulatedFunctions({ name: 'qemu', latencyNs: 20_000, ecamBase: ECAM_BASE }, [memoryHub, vga]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      const moved = ECAM_BASE + ECAM_BYTES;
      const oldWindow = [MEMORY, ECAM_BASE, ECAM_BASE + ECAM_BYTES - 1] as const;
      const qemu = yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, HOST_BRIDGE],
        [PCI, VGA, VGA],
      ]);
      yield* cf8(machine, HOST_BRIDGE, 0x60, 4, ECAM_BASE + 1);
      yield* mapRange('qemu', qemu, oldWindow);
      yield* ecam(machine, ECAM_BASE, VGA, 0, 4);
      yield* cf8(machine, HOST_BRIDGE, 0x60, 4, moved + 1);
      yield* ecam(machine, ECAM_BASE, VGA, 0, 4);
      yield* ecam(machine, moved, VGA, 0, 4);
      yield* unmapRange('qemu', qemu, oldWindow);
      yield* mapRange('qemu', qemu, [MEMORY, moved, moved + ECAM_BYTES - 1]);
    },
  }),
};

const stuck: Scenario = {
  ...common,
  name: 'device-model-stuck',
  title: 'A device model claims a request and never answers',
  source: 'facts/xen 4.6',
  shows: 'Virtual CPU 0 waits for ever inside Xen while virtual CPU 1 is served by another device model.',
  expects: ['IOR-008'],
  deviceModels: () => [
    new EmulatedFunctions({ name: 'qemu', latencyNs: 20_000 }, [memoryHub]),
    new EmulatedFunctions({ name: 'vgpu', latencyNs: 5_000, failure: { how: 'stuck', after: 1 } }, [vgpu]),
  ],
  programs: () => ({
    toolstack: buildGuest(2),
    *qemu() {
      yield* startServer('qemu', [[PCI, HOST_BRIDGE, HOST_BRIDGE]]);
      yield* startServer('vgpu', [[PCI, VGPU, VGPU]]);
    },
    *vcpu0(machine) {
      yield { until: (state) => (state.ioreq[guest]?.servers[1]?.ranges[2].starts.length ?? 0) > 0 };
      yield* cf8(machine, VGPU, 0, 4);
      yield* cf8(machine, VGPU, 8, 4);
    },
    *vcpu1(machine) {
      yield { until: (state) => state.ioreq[guest]?.servers[1]?.slots[0]?.seen === 2 };
      for (let i = 0; i < 4; i++) {
        yield* cf8(machine, HOST_BRIDGE, 0, 4, undefined, 1);
        yield { sleepNs: 500_000_000 };
      }
    },
  }),
};

const scribbler: Scenario = {
  ...common,
  name: 'device-model-scribbles',
  title: 'A device model writes a state that does not exist',
  source: 'facts/xen 4.6',
  shows: 'Xen sees state 9 in the slot it waits for and crashes the guest, not the device model.',
  expects: ['IOR-005'],
  deviceModels: () => [
    new EmulatedFunctions({ name: 'vgpu', latencyNs: 5_000, failure: { how: 'scribbler', after: 1 } }, [
      vgpu,
    ]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startServer('vgpu', [[PCI, VGPU, VGPU]]);
      yield* cf8(machine, VGPU, 0, 4);
      yield* cf8(machine, VGPU, 8, 4);
    },
  }),
};

const latchRace: Scenario = {
  ...common,
  name: 'cf8-latch-race',
  title: 'Two virtual CPUs use CF8/CFC at once',
  source: 'facts/xen 4.5 step 3, 14 trap 3',
  shows:
    'The address latch belongs to the domain: virtual CPU 1 overwrites it between address and data of virtual CPU 0, whose write lands in another function.',
  expects: ['IOR-010'],
  deviceModels: () => [new EmulatedFunctions({ name: 'qemu', latencyNs: 5_000 }, [memoryHub, vga])],
  programs: () => ({
    toolstack: buildGuest(2),
    *machine(machine) {
      yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, HOST_BRIDGE],
        [PCI, VGA, VGA],
      ]);
      const select = (vcpu: number, fn: number) =>
        access(machine, { vcpu, space: 'port', addr: 0xcf8, size: 4, value: 0x8000_0000 + fn * 256 + 4 });
      yield* select(0, VGA);
      yield* select(1, HOST_BRIDGE);
      yield* access(machine, { vcpu: 0, space: 'port', addr: 0xcfc, size: 2, value: 7 });
      yield* access(machine, { vcpu: 1, space: 'port', addr: 0xcfc, size: 2 });
    },
  }),
};

const vgaRing: Scenario = {
  ...common,
  name: 'vga-ring-full',
  title: 'A burst of text-mode writes overruns the buffered ring',
  source: 'facts/xen 4.4',
  shows:
    'The first 511 writes go into the ring without blocking; the following ones take the synchronous path until the device model has polled.',
  expects: [],
  deviceModels: () => [new EmulatedFunctions({ name: 'qemu', latencyNs: 20_000 }, [])],
  programs: () => ({
    toolstack: buildGuest(1),
    *guest(machine) {
      yield* startServer('qemu', [[MEMORY, 0xa_0000, 0xb_ffff]], 1);
      yield untilServers(1);
      for (let i = 0; i < 520; i++)
        yield* access(machine, { space: 'mem', addr: 0xb_8000 + 2 * i, size: 2, value: 0x0720 });
    },
  }),
};

/** One guest, several device models: who gets an access, and what goes wrong when they come and go. */
export const serverScenarios: readonly Scenario[] = [
  twoDeviceModels,
  newestServerWins,
  overlappingRanges,
  rangeRemoved,
  crash,
  cf8AndEcam,
  staleWindow,
  stuck,
  scribbler,
  latchRace,
  vgaRing,
];
