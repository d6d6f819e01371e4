import { placed, q35Function } from '../../emulators/q35-functions.js';
import type { InputDraft } from '../../events/catalogue.js';
import { bdf } from '../../pci/sbdf.js';
import { access, bareMachine, buildGuest, cf8, ecam, PCI, PORT, startServer } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { ECAM_BASE, enablePortMsi, FIRST, identify, openEcam, q35Qemu } from './q35.js';

const HOST_BRIDGE = bdf(0, 0, 0);
const LPC = bdf(0, 0x1f, 0);
const ROOT_PORT = bdf(0, 0x1c, 0);
const PASSED = bdf(1, 0, 0);

const COMMAND = 0x04;
const BRIDGE_CONTROL = 0x3e;
const DEVICE_CONTROL = 0x98;
const ROOT_CONTROL = 0xac;
const ROOT_ERROR_COMMAND = 0x12c;
const ROOT_ERROR_STATUS = 0x130;
const ERROR_SOURCE = 0x134;

/** The hardware tells the emulator, which tells the port: what the function reported, under its name in the guest. */
const error = (message: 'ERR_COR' | 'ERR_NONFATAL' | 'ERR_FATAL'): InputDraft => ({
  kind: 'model.heard',
  by: 'hw',
  data: { model: 'qemu', what: 'error', args: { port: 'rp1', message, source: PASSED } },
});

/** Longer than an emulator needs to pass an error on. */
const SETTLED = { sleepNs: 1_000_000 } as const;

/** @source facts/q35-qemu 2.7, 2.9; facts/xen 13.3 */
export const aerForwarded: Scenario = {
  name: 'aer-forwarded',
  title: 'An error of a passed-through function shows up in its virtual root port',
  source: 'xen-devel 2018, PCI emulation with several device models; facts/q35-qemu 2.7, 2.9',
  shows:
    'A fatal error of 01:00.0 sets the root status and source id of the virtual port and sends vector 1 of its MSI. A correctable one and one that meets a closed gate (SERR of BRIDGE_CONTROL) vanish; power-management events cannot be enabled at all.',
  expects: [],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: (env) => [
    q35Qemu(env, { names: 'live', configBytes: 4096 }, [
      placed(q35Function('ioh3420'), ROOT_PORT, null, 'rp1'),
      placed(q35Function('e1000e'), 0, FIRST, 'passed'),
    ]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, HOST_BRIDGE],
        [PCI, LPC, LPC],
        [PCI, ROOT_PORT, ROOT_PORT],
        [PCI, PASSED, PASSED],
      ]);
      yield* identify(machine, HOST_BRIDGE);
      yield* openEcam(machine);
      yield* identify(machine, ROOT_PORT);
      yield* cf8(machine, ROOT_PORT, 0x18, 4, 0x0001_0100);
      yield* identify(machine, PASSED);
      yield* enablePortMsi(machine, ROOT_PORT);

      // Every gate on the way: SERR of the port and of its bridge side, reporting of uncorrectable errors, root command.
      yield* cf8(machine, ROOT_PORT, COMMAND, 2, 0x0107);
      yield* cf8(machine, ROOT_PORT, BRIDGE_CONTROL, 2, 0x0002);
      yield* cf8(machine, ROOT_PORT, DEVICE_CONTROL, 2, 0x0007);
      const root = ECAM_BASE + ROOT_PORT * 4096;
      yield* access(machine, { space: 'mem', addr: root + ROOT_ERROR_COMMAND, size: 4, value: 7 });

      yield error('ERR_FATAL');
      yield SETTLED;
      yield* ecam(machine, ECAM_BASE, ROOT_PORT, ROOT_ERROR_STATUS, 4);
      yield* ecam(machine, ECAM_BASE, ROOT_PORT, ERROR_SOURCE, 4);
      yield* access(machine, { space: 'mem', addr: root + ROOT_ERROR_STATUS, size: 4, value: 0x7f });

      yield error('ERR_COR');
      yield SETTLED;
      yield* ecam(machine, ECAM_BASE, ROOT_PORT, ROOT_ERROR_STATUS, 4);

      yield* cf8(machine, ROOT_PORT, BRIDGE_CONTROL, 2, 0);
      yield error('ERR_NONFATAL');
      yield SETTLED;
      yield* ecam(machine, ECAM_BASE, ROOT_PORT, ROOT_ERROR_STATUS, 4);

      // The port's PME interrupt enable (bit 3) does not take: its events have no way to the guest.
      yield* cf8(machine, ROOT_PORT, ROOT_CONTROL, 2, 0x000f);
      yield* cf8(machine, ROOT_PORT, ROOT_CONTROL, 2);
    },
  }),
};
