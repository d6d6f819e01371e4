import type { InputDraft, TraceEvent } from '../../src/events/catalogue.js';
import { platformFromDtb } from '../../src/importers/dtb/dt-platform.js';
import { runMachine } from '../../src/machine/machine.js';
import type { Program } from '../../src/machine/program.js';
import { functionId } from '../../src/pci/function-id.js';
import { bdf } from '../../src/pci/sbdf.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';
import { endpointImage } from '../../src/platform/images.js';
import type { Platform } from '../../src/platform/platform.js';
import { defaultPolicies } from '../../src/policy/axes.js';
import { currentBehaviour } from '../../src/policy/behaviours.js';
import { defaultSwitches } from '../../src/policy/switches.js';
import { announce, bootXen, type Part, probe, untilDom0 } from '../../src/scenarios/segments/boot.js';
import type { Env } from '../../src/state/env.js';

const FUNCTIONS = 64;

/** A two-bridge machine with 64 cards, which Dom0 enumerates, removes and enumerates again until `events` are there. */
export const enumerationEnv: Env = {
  platform: crowded(platformFromDtb(twoBridgesDtb())),
  policies: defaultPolicies,
  switches: defaultSwitches,
  behaviour: currentBehaviour,
};

function crowded(platform: Platform): Platform {
  const functions = Array.from({ length: FUNCTIONS }, (_, i) =>
    endpointImage({
      function: functionId(i % 2, bdf(1 + (i >> 5), (i >> 1) & 15, 0)),
      name: `NIC-${i}`,
      vendorId: 0x8086,
      deviceId: 0x1521,
      classCode: 0x020000,
      bar: { address: 0xc000_0000 + i * 0x10_0000, sizeBytes: 0x10_0000 },
    }),
  );
  return { ...platform, functions };
}

/** Records at least `count` events and hands them over turn by turn. */
export function enumerate(count: number, append: (events: readonly TraceEvent[]) => void): void {
  let made = 0;
  const dom0: Program = function* (machine) {
    yield untilDom0;
    for (const { cfgBase } of machine.env.platform.bridges) yield* probe(cfgBase, 'bound');
    while (made < count) yield* round(machine);
  };
  const counted = (events: readonly TraceEvent[]): void => {
    made += events.length;
    append(events);
  };
  runMachine(enumerationEnv, { xen: bootXen, dom0 }, 1, counted, { turnLimit: Number.POSITIVE_INFINITY });
}

function* round(machine: Parameters<Program>[0]): Part {
  const functions = machine.env.platform.functions.map((fn) => fn.function);
  for (const fn of functions) yield* announce(machine, fn);
  for (const fn of functions) {
    const segment = Math.floor(fn / 0x1_0000);
    yield remove(segment, fn & 0xffff);
  }
}

function remove(segment: number, id: number): InputDraft {
  return {
    kind: 'hypercall.issued',
    by: 'd0',
    data: {
      domid: 0 as never,
      hypercall: 'physdev_op',
      op: 'pci_device_remove',
      args: { seg: segment, bus: id >> 8, devfn: id & 0xff },
    },
  };
}
