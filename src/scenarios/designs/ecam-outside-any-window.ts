import { placed, q35Function } from '../../emulators/q35-functions.js';
import { bdf } from '../../pci/sbdf.js';
import { bareMachine, buildGuest, cf8, ecam, PCI, PORT, startServer } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { ECAM_BASE, identify, q35Qemu } from './q35.js';

const HOST_BRIDGE = bdf(0, 0, 0);
const ROOT_PORT = bdf(0, 0x1c, 0);
const PCIEXBAR = 0x60;
const ENABLE = 1;
/** Size codes of PCIEXBAR: 128 MiB, 64 MiB, and the one that means nothing. */
const HALF = 2;
const QUARTER = 4;
const RESERVED = 6;

/** @source facts/q35-qemu 1.3, 8 (traps 3 and 4) */
export const ecamOutsideAnyWindow: Scenario = {
  name: 'ecam-outside-any-window',
  title: 'Software goes by an ECAM window that is not there',
  source: 'facts/q35-qemu 1.3, 8',
  shows:
    'A window that is not enabled yet, one of 64 buses used for 128, a reserved size code that reads back and moves nothing, a base whose bit 27 QEMU does not decode: each access ends at nobody, each beside an access that is answered.',
  expects: ['IOR-012'],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: (env) => [
    q35Qemu(env, { names: 'realised', configBytes: 256 }, [
      placed(q35Function('ioh3420'), ROOT_PORT, null, 'rp1'),
    ]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, HOST_BRIDGE],
        [PCI, ROOT_PORT, ROOT_PORT],
      ]);
      yield* identify(machine, HOST_BRIDGE);
      yield* cf8(machine, HOST_BRIDGE, PCIEXBAR, 4);
      // As at reset: a base, and the enable bit clear.
      yield* ecam(machine, ECAM_BASE, ROOT_PORT, 0x00, 4);
      // 64 buses: the last of them is answered for, the next is not.
      yield* cf8(machine, HOST_BRIDGE, PCIEXBAR, 4, ECAM_BASE + QUARTER + ENABLE);
      yield* ecam(machine, ECAM_BASE, ROOT_PORT, 0x00, 4);
      yield* ecam(machine, ECAM_BASE, bdf(63, 0, 0), 0x00, 4);
      yield* ecam(machine, ECAM_BASE, bdf(64, 0, 0), 0x00, 4);
      // Reserved: reads back, the old window stays.
      yield* cf8(machine, HOST_BRIDGE, PCIEXBAR, 4, 0xd000_0000 + RESERVED + ENABLE);
      yield* cf8(machine, HOST_BRIDGE, PCIEXBAR, 4);
      yield* ecam(machine, 0xd000_0000, ROOT_PORT, 0x00, 4);
      yield* ecam(machine, ECAM_BASE, ROOT_PORT, 0x00, 4);
      // 128 buses at a multiple of 128 MiB: QEMU ignores bit 27 of the base.
      yield* cf8(machine, HOST_BRIDGE, PCIEXBAR, 4, 0xd800_0000 + HALF + ENABLE);
      yield* ecam(machine, 0xd800_0000, ROOT_PORT, 0x00, 4);
      yield* ecam(machine, 0xd000_0000, ROOT_PORT, 0x00, 4);
    },
  }),
};
