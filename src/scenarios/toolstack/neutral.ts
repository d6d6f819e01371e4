import type { DomainId } from '../../base/brand.js';
import type { ToolstackOp } from '../../events/kinds/toolstack.js';
import type { MachineView } from '../../machine/program.js';
import { functionOf, packed, type Wired } from './functions.js';
import { type Part, start } from './parts.js';

/**
 * Parts of a story that is told the same whatever the design is: nobody looks at what came of it, everybody gets turns
 * enough for the slowest design, and a turn with nothing to do does nothing. So the same inputs can be decided again
 * under any owner of the hardware and any store of the list.
 */

const d = (domid: number): DomainId => domid as DomainId;

/** Request channel of the proposals: version and room of the ring. */
const CHANNEL = { version: 1, ringBytes: 1024 } as const;

/** How pciback comes up, where not as it does by itself. */
interface PcibackOptions {
  readonly passthrough?: boolean;
  readonly pvSupport?: boolean;
}

/** The machine, or what of it is missing, comes up: domains, devices, pciback, the channel where there is one. */
export function* bootSystem(
  devices: readonly Wired[],
  channel: typeof CHANNEL | null = CHANNEL,
  pciback: PcibackOptions = {},
): Part {
  yield { kind: 'system.booted', by: 'xen', data: { dom0: d(0), domd: d(1) } };
  yield* bootOwner(devices, channel, pciback);
}

/** Linux of the owner comes up. */
export function* bootOwner(
  devices: readonly Wired[],
  channel: { readonly version: number; readonly ringBytes: number } | null = CHANNEL,
  pciback: PcibackOptions | null = {},
): Part {
  for (const one of devices) {
    yield {
      kind: 'hardware.described',
      by: 'owner',
      data: { sbdf: packed(one), function: functionOf(one), gsi: one.gsi, driver: one.driver, physfn: null },
    };
  }
  if (pciback !== null) {
    yield {
      kind: 'pciback.loaded',
      by: 'owner',
      data: { hide: '', passthrough: false, permissive: false, pvSupport: true, ...pciback },
    };
  }
  if (channel === null) return;
  yield { kind: 'vchan.offered', by: 'owner', data: channel };
  yield { kind: 'vchan.dialled', by: 'toolstack', data: { version: CHANNEL.version } };
}

/** Everybody gets so many turns: the channel, both ends of the PV protocol, the command. */
export function* turns(count: number, guest: number, job: number | null = null): Part {
  for (let i = 0; i < count; i++) {
    if (job !== null) yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
    yield { kind: 'vchan.served', by: 'owner', data: {} };
    yield { kind: 'vchan.delivered', by: 'toolstack', data: {} };
    yield { kind: 'pciback.woke', by: 'owner', data: {} };
    yield { kind: 'pcifront.woke', by: `d${guest}`, data: { domid: d(guest) } };
  }
}

/** Turns for one command that waits for nobody in vain, and for the rest of it after a wait that was in vain. */
const TURNS = 24;
/** The end of a domain takes all its devices. */
const TURNS_OF_DESTROY = 48;
const TURNS_AFTER = 6;
const WAITS = 3;

/** A command with turns enough to end in every design; waits in vain run out. */
export function* command(
  machine: MachineView,
  op: ToolstackOp,
  guest: number | null,
  devices: string,
  options: Readonly<Record<string, boolean>> = {},
): Part<number> {
  const job = yield* start(machine, op, guest, devices, options);
  yield* turns(op === 'destroy' ? TURNS_OF_DESTROY : TURNS, guest ?? 2, job);
  for (let i = 0; i < WAITS; i++) {
    yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
    yield* turns(TURNS_AFTER, guest ?? 2, job);
  }
  return job;
}
