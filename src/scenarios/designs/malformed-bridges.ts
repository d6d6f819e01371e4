import { placed, q35Function } from '../../emulators/q35-functions.js';
import type { MachineView } from '../../machine/program.js';
import type { FunctionBytes } from '../../models/qemu/image.js';
import { bdf } from '../../pci/sbdf.js';
import { bareMachine, buildGuest, cf8, type Part, PCI, PORT, startServer } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { FIRST, identify, openEcam, q35Qemu } from './q35.js';

const HOST_BRIDGE = bdf(0, 0, 0);
const PORT_A = bdf(0, 0x1c, 0);
const PORT_B = bdf(0, 0x1c, 1);
const PORT_C = bdf(0, 0x1c, 2);
/** A network card that calls itself an endpoint, without a port above it. */
const LOOSE = bdf(0, 3, 0);
const BEHIND_A = bdf(1, 0, 0);
/** A switch port behind port B. */
const SWITCH = bdf(2, 0, 0);
const BEHIND_SWITCH = bdf(3, 0, 0);

/** A card whose only capability points at itself. */
function selfPointing(): FunctionBytes {
  const card = q35Function('edu');
  card.config[CAPABILITY + 1] = CAPABILITY;
  return card;
}

const CAPABILITY = 0x40;

/** Capability lists as a driver with a bound walks them: 48 entries at most. */
function* walkCapabilities(machine: MachineView, sbdf: number): Part {
  yield* cf8(machine, sbdf, 0x04, 4);
  let at = (yield* cf8(machine, sbdf, 0x34, 1)) ?? 0;
  for (let steps = 0; at >= 0x40 && steps < 48; steps++) {
    const header = (yield* cf8(machine, sbdf, at & 0xfc, 4)) ?? 0;
    const next = (header >>> 8) & 0xff;
    if (next === at) return;
    at = next;
  }
}

/** Memory window and prefetchable window of a port, both as register values; memory decoding on. */
function* windows(machine: MachineView, port: number, memory: number, prefetchable: number): Part {
  yield* cf8(machine, port, 0x20, 4, memory);
  yield* cf8(machine, port, 0x24, 4, prefetchable);
  yield* cf8(machine, port, 0x04, 2, 0x0006);
}

const CLOSED = 0x0000_fff0;

/** @source facts/q35-qemu 2.4, 2.5; facts/arm-msi-iommu 8.3 */
export const malformedBridges: Scenario = {
  name: 'malformed-bridges',
  title: 'Bridges and capability lists that make no sense',
  source: 'facts/q35-qemu 2.4, 2.5; facts/arm-msi-iommu 8.3',
  shows:
    'Windows whose base is above their limit and that overlap, secondary above subordinate, a switch port that leads to its own bus, a capability that points at itself, an endpoint without a port: every access ends, every fault is reported.',
  expects: ['BRG-005', 'BRG-006', 'BRG-001', 'BRG-002', 'BRG-004', 'BRG-003', 'BRG-011', 'IOR-013'],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: (env) => [
    q35Qemu(env, { names: 'live', configBytes: 256 }, [
      placed(q35Function('ioh3420'), PORT_A, null, 'a'),
      placed(q35Function('ioh3420'), PORT_B, null, 'b'),
      placed(q35Function('ioh3420'), PORT_C, null, 'c'),
      placed(selfPointing(), 0, FIRST, 'card'),
      placed(q35Function('x3130-upstream'), 0, FIRST + 1, 'switch'),
      placed(q35Function('edu'), 0, FIRST + 4, 'far'),
      placed(q35Function('e1000e'), LOOSE, null, 'loose'),
    ]),
  ],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startServer('qemu', [
        [PORT, 0xcf8, 0xcff],
        [PCI, HOST_BRIDGE, bdf(0, 31, 7)],
        [PCI, BEHIND_A, bdf(9, 31, 7)],
      ]);
      yield* identify(machine, HOST_BRIDGE);
      yield* openEcam(machine);
      for (const port of [PORT_A, PORT_B, PORT_C]) yield* identify(machine, port);
      yield* cf8(machine, PORT_A, 0x18, 4, 0x0001_0100);
      yield* cf8(machine, PORT_B, 0x18, 4, 0x0003_0200);
      yield* identify(machine, SWITCH);
      yield* cf8(machine, SWITCH, 0x18, 4, 0x0003_0302);
      yield* identify(machine, BEHIND_SWITCH);

      yield* identify(machine, LOOSE);
      yield* walkCapabilities(machine, LOOSE);
      yield* identify(machine, BEHIND_A);
      yield* walkCapabilities(machine, BEHIND_A);

      // Base above limit closes a window: the BAR behind it is out of reach.
      yield* cf8(machine, BEHIND_A, 0x10, 4, 0xffff_ffff);
      yield* cf8(machine, BEHIND_A, 0x10, 4);
      yield* cf8(machine, BEHIND_A, 0x10, 4, 0xf000_0000);
      yield* cf8(machine, BEHIND_A, 0x04, 2, 0x0002);
      yield* windows(machine, PORT_A, 0xf000_f100, CLOSED);
      yield* windows(machine, PORT_A, 0xf010_f000, CLOSED);
      // A sibling that forwards the second half of it as well.
      yield* windows(machine, PORT_B, 0xf020_f010, CLOSED);

      // Secondary above subordinate: QEMU still reaches bus 5, nothing below it.
      yield* cf8(machine, PORT_C, 0x18, 4, 0x0004_0500);
      yield* cf8(machine, bdf(5, 0, 0), 0x00, 4);
      // The switch port leads to the bus it stands on.
      yield* cf8(machine, SWITCH, 0x18, 4, 0x0002_0202);
      yield* cf8(machine, SWITCH, 0x00, 4);
      yield* cf8(machine, BEHIND_SWITCH, 0x00, 4);
    },
  }),
};
