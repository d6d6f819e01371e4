import type { DomainId, EventSeq, PhysicalAddress, TraceNs } from '../../base/brand.js';
import type { DataOf, EventOf, InputDraft, Origin, TraceEvent } from '../../events/catalogue.js';
import type { RecordObject } from '../../events/field.js';
import { Engine } from '../../models/engine.js';
import type { Env } from '../../state/env.js';
import { type RecordedIo, recordedIo } from './io.js';
import type { Xentrace } from './records.js';

/** Stands for whatever answered the guests: the trace does not say who did. The highest ordinary domain id. */
const ANSWERER = 0x7fef as DomainId;

/** What an import brought and what it left out. */
export interface XentraceImport {
  accesses: number;
  /** Accesses before the scheduler's first record of their CPU: of an unknown domain. */
  unattributed: number;
}

/**
 * Events of a trace: every access of an HVM or PVH guest as an input, and what Xen makes of it. Sizes are not in the
 * trace and are inferred (4 bytes at 0xCF8, up to the end of the dword at 0xCFC..0xCFF, else the bytes the data needs),
 * one device model with all ports, memory and functions is inferred for each domain, and it answers what the guest read.
 * Times assume 2.4 GHz, as xenalyze does.
 * @source facts/xen 9
 */
export function* xentraceEvents(
  trace: Xentrace,
  env: Env,
  result: XentraceImport = { accesses: 0, unattributed: 0 },
): Generator<TraceEvent> {
  const engine = new Engine(env);
  const known = new Set<number>();
  let startCycles: number | null = null;
  for (const access of recordedIo(trace, result)) {
    result.accesses += 1;
    startCycles ??= access.cycles ?? 0;
    const atNs = Math.floor(((access.cycles ?? startCycles) - startCycles) / 12) * 5;
    const draft = (one: InputDraft, origin: Origin): InputDraft =>
      ({ ...one, atNs: Math.max(0, atNs) as TraceNs, origin }) as InputDraft;
    if (!known.has(access.domid)) {
      if (known.size === 0) yield* engine.step(draft(created(ANSWERER, 'pv', true), 'inferred'));
      known.add(access.domid);
      for (const one of introduce(access.domid as DomainId)) yield* engine.step(draft(one, 'inferred'));
    }
    const events = engine.step(draft(requested(access), 'inferred'));
    yield* events;
    const sent = events.find((event) => event.kind === 'ioreq.sent') as EventOf<'ioreq.sent'> | undefined;
    if (sent === undefined) continue;
    yield* engine.step(draft(served(access, sent), access.dir === 'read' ? 'observed' : 'inferred'));
  }
}

function created(domid: DomainId, type: 'pv' | 'hvm' | 'pvh', privileged: boolean): InputDraft {
  const name = domid === ANSWERER ? 'whoever answers' : `d${domid}`;
  const data = { domid, type, privileged, hardware: false, target: null, name };
  return { kind: 'domain.created', by: 'toolstack', data };
}

/** A domain and a server that claims everything of it. */
function introduce(domid: DomainId): InputDraft[] {
  const call = (hypercall: string, op: string, args: RecordObject): InputDraft => ({
    kind: 'hypercall.issued',
    by: `d${ANSWERER}`,
    data: { domid: ANSWERER, hypercall, op, args: { domid, ...args } },
  });
  const map = (type: number, end: number): InputDraft =>
    call('dm_op', 'map_io_range_to_ioreq_server', { id: 0, type, start: 0, end });
  const configured: DataOf<'domain.configured'> = {
    domid,
    vcpus: 128,
    cpuVendor: 'other',
    cpuFamily: null,
    hostCf8Ext: false,
    hap: true,
    maxGfn: null,
    trapUnmapped: false,
  };
  return [
    // Domain 0 with accesses of its own is a PVH one, with next to no devices inside Xen.
    created(domid, domid === 0 ? 'pvh' : 'hvm', false),
    { kind: 'domain.configured', by: 'toolstack', data: configured },
    call('dm_op', 'create_ioreq_server', {}),
    call('memory_op', 'acquire_resource', { type: 0, id: 0, frame: 1, nr_frames: 1, frame_list: 1 }),
    map(0, 0xffff),
    map(1, 2 ** 52 - 1),
    map(2, 0xffff),
    call('dm_op', 'set_ioreq_server_state', { id: 0, enabled: 1 }),
  ];
}

function requested(access: RecordedIo): InputDraft {
  const { domid, vcpu, space, addr, dir, data, dataHigh } = access;
  return {
    kind: 'io.requested',
    by: `d${domid}v${vcpu}`,
    data: {
      domid: domid as DomainId,
      vcpu,
      space,
      addr: addr as PhysicalAddress,
      size: inferredSize(access),
      dir,
      count: 1,
      df: false,
      dataIsPtr: data === null,
      value: dir === 'write' ? data : null,
      valueHigh: dir === 'write' ? dataHigh : null,
    },
  };
}

/** Bytes an access probably had; the trace holds none. */
function inferredSize({ space, addr, data, dataHigh }: RecordedIo): number {
  if (space === 'port' && addr === 0xcf8) return 4;
  const room = space === 'port' && (addr & ~3) === 0xcfc ? [4, 1, 2, 1][addr & 3]! : null;
  if (room !== null) return room;
  if ((dataHigh ?? 0) !== 0) return 8;
  if (space === 'mem') return addr % 4 === 0 ? 4 : addr % 2 === 0 ? 2 : 1;
  return (data ?? 0) > 0xffff ? 4 : (data ?? 0) > 0xff ? 2 : 1;
}

function served({ domid, vcpu, data, dataHigh }: RecordedIo, sent: EventOf<'ioreq.sent'>): InputDraft {
  return {
    kind: 'ioreq.served',
    by: `d${ANSWERER}`,
    cause: sent.seq as EventSeq,
    data: {
      domid: domid as DomainId,
      vcpu,
      server: sent.data.server,
      state: 3,
      data: data ?? 0,
      dataHigh,
      eport: null,
    },
  };
}
