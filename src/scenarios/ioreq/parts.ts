import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import type { DataOf, InputDraft } from '../../events/catalogue.js';
import type { RecordObject } from '../../events/field.js';
import type { Followed, MachineView, Program, Step } from '../../machine/program.js';
import { emptyPlatform, type Platform } from '../../platform/platform.js';

/** Part of a program: yields steps, gets back what followed. */
export type Part<T = void> = Generator<Step, T, Followed>;

const dom0 = 0 as DomainId;
export const guest = 1 as DomainId;

/** A PC without a single PCI function of its own: everything the guest sees comes from device models. */
export const bareMachine = (): Platform => ({ ...emptyPlatform, name: 'pc', arch: 'x86_64' });

/** Port, memory and PCI ranges as XEN_DMOP_IO_RANGE_* counts them. */
export type RangeType = 0 | 1 | 2;
export type Range = readonly [type: RangeType, start: number, end: number];
export const PORT = 0;
export const MEMORY = 1;
export const PCI = 2;

/** Xen comes up with Dom0, then the toolstack builds one HVM guest. */
export const buildGuest = (vcpus: number): Program =>
  function* () {
    yield created(dom0, 'pv', 'Domain-0', true);
    yield created(guest, 'hvm', 'guest', false);
    yield {
      kind: 'domain.configured',
      by: 'toolstack',
      data: {
        domid: guest,
        vcpus,
        cpuVendor: 'intel',
        cpuFamily: 6,
        hostCf8Ext: false,
        hap: true,
        maxGfn: 0xf_ffff as PhysicalAddress,
        trapUnmapped: false,
      },
    };
  };

function created(domid: DomainId, type: 'pv' | 'hvm', name: string, control: boolean): InputDraft {
  return {
    kind: 'domain.created',
    by: control ? 'xen' : 'toolstack',
    data: { domid, type, privileged: control, hardware: control, target: null, name },
  };
}

/** The guest is built and its virtual CPUs are known. */
const untilBuilt: Step = {
  until: (state) => state.ioreq[guest]?.cpuFamily !== null && state.ioreq[guest] !== undefined,
};

/** Waits until that many servers take requests. */
export const untilServers = (count: number): Step => ({
  until: (state) =>
    (state.ioreq[guest]?.servers.filter((server) => server?.enabled === true).length ?? 0) >= count,
});

/** A device model's call into Xen; what it returned. */
export function* dmOp(name: string, op: string, args: RecordObject): Part<DataOf<'hypercall.returned'>> {
  return yield* call(name, 'dm_op', op, { domid: guest, ...args });
}

function* call(
  name: string,
  hypercall: string,
  op: string,
  args: RecordObject,
): Part<DataOf<'hypercall.returned'>> {
  const followed = yield {
    kind: 'hypercall.issued',
    by: `dm:${name}`,
    data: { domid: dom0, hypercall, op, args },
  };
  const returned = followed.find((event) => event.kind === 'hypercall.returned');
  return returned?.kind === 'hypercall.returned' ? returned.data : { ret: 0, out: null };
}

/**
 * A device model of the given name starts: server, pages, ranges, enabled. @returns The server's id.
 * @source facts/q35-qemu 3.1 for the order
 */
export function* startServer(name: string, ranges: readonly Range[], bufioreq: 0 | 1 | 2 = 0): Part<number> {
  yield untilBuilt;
  const { out } = yield* dmOp(name, 'create_ioreq_server', { handle_bufioreq: bufioreq });
  const id = typeof out?.['id'] === 'number' ? out['id'] : 0;
  const frames = bufioreq === 0 ? { frame: 1, nr_frames: 1 } : { frame: 0, nr_frames: 2 };
  yield* call(name, 'memory_op', 'acquire_resource', { domid: guest, type: 0, id, frame_list: 1, ...frames });
  yield* dmOp(name, 'set_ioreq_server_state', { id, enabled: 1 });
  for (const range of ranges) yield* mapRange(name, id, range);
  return id;
}

export function* mapRange(name: string, id: number, [type, start, end]: Range): Part {
  yield* dmOp(name, 'map_io_range_to_ioreq_server', { id, type, start, end });
}

export function* unmapRange(name: string, id: number, [type, start, end]: Range): Part {
  yield* dmOp(name, 'unmap_io_range_from_ioreq_server', { id, type, start, end });
}

export interface GuestAccess {
  readonly vcpu?: number;
  readonly space: 'port' | 'mem';
  readonly addr: number;
  readonly size: number;
  /** Present: a write. */
  readonly value?: number;
}

/**
 * One access of the guest, waited for until its virtual CPU goes on.
 * @returns What a read gave; null for a write and where the value is not modelled.
 */
export function* access(
  machine: MachineView,
  { vcpu = 0, space, addr, size, value }: GuestAccess,
): Part<number | null> {
  const followed = yield {
    kind: 'io.requested',
    by: `d${guest}v${vcpu}`,
    data: {
      domid: guest,
      vcpu,
      space,
      addr: addr as PhysicalAddress,
      size,
      dir: value === undefined ? 'read' : 'write',
      count: 1,
      df: false,
      dataIsPtr: false,
      value: value ?? null,
      valueHigh: null,
    },
  };
  const request = followed[0]?.seq;
  const done = (state: MachineView['state']): boolean => state.ioreq[guest]?.ended[vcpu]?.request === request;
  if (!done(machine.state)) yield { until: done };
  return machine.state.ioreq[guest]?.ended[vcpu]?.value ?? null;
}

const ADDRESS = 0xcf8;
const DATA = 0xcfc;

/** A configuration access through CF8/CFC, as guests make it: the address first, then the data. */
export function* cf8(
  machine: MachineView,
  bdf: number,
  reg: number,
  size: number,
  value?: number,
  vcpu = 0,
): Part<number | null> {
  const latch = 0x8000_0000 + bdf * 256 + (reg & 0xfc);
  yield* access(machine, { vcpu, space: 'port', addr: ADDRESS, size: 4, value: latch });
  const data = { vcpu, space: 'port' as const, addr: DATA + (reg & 3), size };
  return yield* access(machine, value === undefined ? data : { ...data, value });
}

/** The same register through the memory-mapped window. */
export function* ecam(
  machine: MachineView,
  base: number,
  bdf: number,
  reg: number,
  size: number,
): Part<number | null> {
  return yield* access(machine, { space: 'mem', addr: base + bdf * 4096 + reg, size });
}
