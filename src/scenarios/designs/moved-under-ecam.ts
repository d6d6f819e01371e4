import { vgpuEmulator, vgpuReg } from '../../emulators/vgpu.js';
import {
  bareMachine,
  buildGuest,
  cf8,
  mapRange,
  PCI,
  startServer,
  unmapRange,
  untilServers,
} from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { bootFirmware, reach } from './firmware.js';
import { fullQemu, notes2018, startFullQemu, VGPU } from './machine.js';

const BOTH = [PCI, VGPU, VGPU + 1] as const;

/** @source facts/xen 4.2, 4.5, 13.3 */
export const movedUnderEcam: Scenario = {
  name: 'function-moved-between-servers-under-ecam',
  title: 'A vGPU is handed from one emulator to another while the guest uses it',
  source: notes2018,
  shows:
    'The old emulator gives its names up, the new one registers them. CF8/CFC follows at once under every design; the window follows where Xen knows it; what the guest had set is gone with the old emulator.',
  expects: ['IOR-001', 'IOR-002'],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: (env) => [
    fullQemu(env),
    ...['vgpu', 'vgpu2'].map((name) =>
      vgpuEmulator(env, { name, latencyNs: 5_000, bus: 1, functions: ['gpu', 'audio'] }),
    ),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startFullQemu();
      const before = yield* startServer('vgpu', [BOTH]);
      const after = yield* startServer('vgpu2', []);
      yield untilServers(3);
      yield* bootFirmware(machine);
      yield* cf8(machine, VGPU, 0x04, 2);
      yield* reach(machine, VGPU, vgpuReg.vendorSpecific, 4);
      yield* unmapRange('vgpu', before, BOTH);
      // For a moment nobody has it.
      yield* cf8(machine, VGPU, 0x04, 2);
      yield* reach(machine, VGPU, vgpuReg.vendorSpecific, 4);
      yield* mapRange('vgpu2', after, BOTH);
      yield* cf8(machine, VGPU, 0x04, 2);
      yield* reach(machine, VGPU, vgpuReg.vendorSpecific, 4);
      yield* cf8(machine, VGPU, 0x10, 4);
    },
  }),
};
