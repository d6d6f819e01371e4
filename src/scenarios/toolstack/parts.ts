import type { DomainId } from '../../base/brand.js';
import type { RecordObject } from '../../events/field.js';
import type { ToolstackOp } from '../../events/kinds/toolstack.js';
import type { Followed, MachineView, Step } from '../../machine/program.js';
import { hasSuspended } from '../../models/libxl/save.js';
import { isWaitOver } from '../../models/libxl/toolstack.js';
import { type CallerSbdf, type GuestSbdf, parseSbdf } from '../../pci/sbdf.js';
import type { Job } from '../../state/toolstack.js';
import { functionOf, packed, type Wired } from './functions.js';

/** Part of a program: yields steps, gets back what followed. */
export type Part<T = void> = Generator<Step, T, Followed>;

const d = (domid: number): DomainId => domid as DomainId;

/** How a machine starts. */
export interface Boot {
  readonly dom0?: 'pv' | 'pvh';
  /** Drivers bind their devices at boot. */
  readonly drivers?: boolean;
  /** null: pciback is not loaded. */
  readonly hide?: string | null;
  readonly permissive?: boolean;
  /** Guests see real addresses. */
  readonly passthrough?: boolean;
}

/** Xen, Dom0, its devices and pciback come up. */
export function* boot(devices: readonly Wired[], options: Boot = {}): Part {
  yield {
    kind: 'domain.created',
    by: 'xen',
    data: {
      domid: d(0),
      type: options.dom0 ?? 'pv',
      privileged: true,
      hardware: true,
      target: null,
      name: 'Domain-0',
    },
  };
  yield { kind: 'xen.booted', by: 'xen', data: { domid: d(0) } };
  for (const one of devices) {
    const driver = options.drivers === true ? one.driver : null;
    yield {
      kind: 'linux.enumerated',
      by: 'd0',
      data: {
        sbdf: packed(one),
        function: functionOf(one),
        gsi: one.gsi,
        driver,
        enabled: driver !== null,
        physfn: null,
      },
    };
  }
  if (options.hide === null) return;
  yield {
    kind: 'pciback.loaded',
    by: 'd0',
    data: {
      hide: options.hide ?? '',
      passthrough: options.passthrough ?? false,
      permissive: options.permissive ?? false,
      pvSupport: true,
    },
  };
}

export function* guest(domid: number, type: 'pv' | 'hvm' | 'pvh' | 'arm', name: string): Part {
  yield {
    kind: 'domain.created',
    by: 'toolstack',
    data: { domid: d(domid), type, privileged: false, hardware: false, target: null, name },
  };
}

/** What a device model answers to the question a command waits with. */
export type DeviceModelAnswer = (
  job: Readonly<Job>,
) => { readonly ok: boolean; readonly reply: string } | 'nothing';

/** A device model that does what it is asked and gives slots from 3 on. */
export function willing(): DeviceModelAnswer {
  let slot = 3;
  return (job) => {
    if (job.waits === 'removal') return { ok: true, reply: '' };
    return { ok: true, reply: job.next === 'find-in-dm' ? (slot++ << 3).toString(16) : '' };
  };
}

/** Starts a command of xl. @returns its number */
export function* start(
  machine: MachineView,
  op: ToolstackOp,
  domid: number | null,
  devices: string,
  options: RecordObject = {},
): Part<number> {
  const job = Object.keys(machine.state.toolstack.jobs).length + 1;
  yield {
    kind: 'toolstack.requested',
    by: 'toolstack',
    data: { job, op, domid: domid === null ? null : d(domid), devices, options },
  };
  return job;
}

/** Runs a command to its end: waits run out where nobody can move. @returns its result */
export function* run(
  machine: MachineView,
  op: ToolstackOp,
  domid: number | null,
  devices: string,
  options: RecordObject = {},
  model: DeviceModelAnswer = willing(),
): Part<number | null> {
  const job = yield* start(machine, op, domid, devices, options);
  yield* finish(machine, job, model);
  return machine.state.toolstack.jobs[job]?.rc ?? null;
}

/** Runs a command that has been started to its end. */
export function* finish(machine: MachineView, job: number, model: DeviceModelAnswer = willing()): Part {
  yield* upTo(machine, job, null, model);
}

/**
 * Runs a command up to a step, that step not included. Under another design it may fail before, or never pass there.
 * @returns whether it stands there now
 */
export function* upTo(
  machine: MachineView,
  job: number,
  step: string | null,
  model: DeviceModelAnswer = willing(),
): Part<boolean> {
  for (let turn = 0; turn < 400; turn++) {
    const state = machine.state.toolstack.jobs[job] as Readonly<Job> | undefined;
    if (state === undefined || state.next === null) return false;
    if (state.next === step) return true;
    if (state.waits === 'qmp' || state.waits === 'removal') {
      const answer = model(state);
      if (answer === 'nothing') yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
      else yield { kind: 'toolstack.answered', by: 'dm:qemu', data: { job, ...answer } };
    } else if (state.waits === 'retry' && Number(state.vars['retries']) === 10) {
      // Ten tries and nine waits: the ten seconds for adding a device are over before the last wait is.
      yield { sleepNs: NS_PER_S };
      yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
    } else if (state.waits === 'backend' && !isWaitOver(machine, state)) {
      const moved = yield* settle(machine);
      if (moved) continue;
      if (state.next === 'stub-connected') yield { sleepNs: 60 * NS_PER_S };
      yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
    } else if (state.waits === 'guest' && !hasSuspended(machine, state.domid ?? -1)) {
      const domid = d(state.domid ?? -1);
      yield { kind: 'guest.suspended', by: `d${domid}`, data: { domid } };
      if (!hasSuspended(machine, domid))
        yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
    } else {
      if (state.waits === 'retry') yield { sleepNs: NS_PER_S };
      yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
    }
  }
  return false;
}

const NS_PER_S = 1_000_000_000;

/** pciback and pcifront handle what waits for them. @returns whether anything did */
export function* settle(machine: MachineView): Part<boolean> {
  for (let turn = 0; turn < 400; turn++) {
    const { pciback, pcifront } = machine.state;
    const front = Object.entries(pcifront).find(
      ([domid, one]) => one.wakes > 0 && !hasSuspended(machine, Number(domid)),
    );
    if (pciback.running && pciback.wakes.length > 0) yield { kind: 'pciback.woke', by: 'd0', data: {} };
    else if (front !== undefined) {
      const domid = d(Number(front[0]));
      yield { kind: 'pcifront.woke', by: `d${domid}`, data: { domid } };
    } else return turn > 0;
  }
  return true;
}

/** The guest's pcifront binds, and both ends settle. */
export function* connect(machine: MachineView, domid: number, magic = '7'): Part {
  yield { kind: 'pcifront.probed', by: `d${domid}`, data: { domid: d(domid), magic } };
  yield* settle(machine);
}

/** A PV guest with these devices, up and connected. */
export function* connectedGuest(machine: MachineView, domid: number, devices: readonly Wired[]): Part {
  yield* guest(domid, 'pv', `guest${domid}`);
  yield* run(machine, 'create', domid, devices.map((one) => one.name).join(' '));
  yield* settle(machine);
  yield* connect(machine, domid);
}

/** A guest's request through the shared page, served at once. */
export function* request(
  machine: MachineView,
  domid: number,
  cmd: number,
  more: { readonly offset?: number; readonly size?: number; readonly value?: number } = {},
): Part {
  yield* submit(domid, cmd, more);
  if (machine.state.pcifront[domid]?.page.pending === null) return;
  yield { kind: 'pciif.taken', by: 'd0', data: { domid: d(domid) } };
  yield { kind: 'pciif.served', by: 'd0', data: { domid: d(domid) } };
}

export function* submit(
  domid: number,
  cmd: number,
  {
    offset = 0,
    size = 4,
    value = 0,
  }: { readonly offset?: number; readonly size?: number; readonly value?: number } = {},
): Part {
  yield {
    kind: 'pciif.submitted',
    by: `d${domid}`,
    data: { domid: d(domid), cmd, sbdf: 0 as GuestSbdf, offset, size, value },
  };
}

/** A domctl of Dom0. */
export function* domctl(op: string, domid: number, args: RecordObject): Part {
  yield {
    kind: 'hypercall.issued',
    by: 'd0',
    data: { domid: d(0), hypercall: 'domctl', op, args: { domain: domid, ...args } },
  };
}

/** Writes a file below /sys by hand. */
export function* echo(value: string, path: string): Part {
  yield { kind: 'sysfs.requested', by: 'root', data: { verb: 'write', path, value } };
}

/** Dom0 writes a configuration register by hand (`setpci`). */
export function* setpci(one: Wired, reg: number, size: number, value: number): Part {
  yield {
    kind: 'config.requested',
    by: 'd0',
    data: {
      domid: d(0),
      via: 'pv',
      dir: 'write',
      sbdf: parseSbdf<CallerSbdf>(one.name)!,
      reg,
      size,
      value,
    },
  };
}

/** A guest's kernel shuts down, then xl destroys what is left. */
export function* shutDown(machine: MachineView, domid: number): Part {
  yield { kind: 'pcifront.shut-down', by: `d${domid}`, data: { domid: d(domid) } };
  yield* settle(machine);
  yield* destroy(machine, domid);
}

export function* destroy(machine: MachineView, domid: number, model: DeviceModelAnswer = willing()): Part {
  yield* run(machine, 'destroy', domid, '', {}, model);
  yield* settle(machine);
  yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: d(domid) } };
}

/** Part of a destroy that never comes back from the device model. */
export const unwilling: DeviceModelAnswer = () => 'nothing';
