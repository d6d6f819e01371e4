import { vgpuEmulator, vgpuReg } from '../../emulators/vgpu.js';
import {
  bareMachine,
  buildGuest,
  cf8,
  dmOp,
  mapRange,
  PCI,
  startServer,
  untilServers,
} from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { bootFirmware, reach, walkExtended } from './firmware.js';
import { fullQemu, notes2018, startFullQemu, VGPU, VGPU_AUDIO } from './machine.js';

/** @source facts/xen 4.5, 13.3; facts/arm-msi-iommu 8.5 */
export const gpuAudioTwoServers: Scenario = {
  name: 'gpu-and-audio-in-two-servers',
  title: 'The functions of one card belong to different device models',
  source: `${notes2018}; facts/arm-msi-iommu 8.5`,
  shows:
    'Function 1 is registered before function 0: a scan passes the device by. With both, one card is two servers; its ACS, which decides whether they may be separated, lies above 0xff. Then the audio emulator dies and half of the card is gone.',
  expects: ['IOR-001', 'IOR-002'],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: (env) => [
    fullQemu(env),
    vgpuEmulator(env, { name: 'vgpu', latencyNs: 5_000, bus: 1, functions: ['gpu'] }),
    vgpuEmulator(env, { name: 'audio', latencyNs: 5_000, bus: 1, functions: ['audio'] }),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startFullQemu();
      const gpu = yield* startServer('vgpu', []);
      const audio = yield* startServer('audio', [[PCI, VGPU_AUDIO, VGPU_AUDIO]]);
      yield untilServers(3);
      yield* bootFirmware(machine);
      yield* mapRange('vgpu', gpu, [PCI, VGPU, VGPU]);
      for (const name of [VGPU, VGPU_AUDIO]) {
        yield* cf8(machine, name, 0x00, 4);
        yield* cf8(machine, name, 0x0c, 4);
        yield* walkExtended(machine, name);
      }
      yield* reach(machine, VGPU, vgpuReg.acs + 4, 4);
      yield* dmOp('audio', 'destroy_ioreq_server', { id: audio });
      yield* cf8(machine, VGPU, 0x00, 4);
      yield* cf8(machine, VGPU_AUDIO, 0x00, 4);
      yield* reach(machine, VGPU_AUDIO, 0x00, 4);
    },
  }),
};
