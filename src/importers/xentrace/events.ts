import type { DomainId, EventSeq, PhysicalAddress, TraceNs } from '../../base/brand.js';
import type { DataOf, EventOf, InputDraft, TraceEvent } from '../../events/catalogue.js';
import type { RecordObject } from '../../events/field.js';
import type { Out } from '../importer.js';
import type { RecordedIo } from './io.js';

/** Stands for whatever answered the guests: the trace does not say who did. The highest ordinary domain id. */
const ANSWERER = 0x7fef as DomainId;

/** Of a machine of 2.4 GHz. */
const CYCLES_PER_US = 2_400;

/**
 * Says every access of an HVM or PVH guest as an input, which Xen's model decides. Sizes are not in the trace and are
 * inferred (4 bytes at 0xCF8, up to the end of the dword at 0xCFC..0xCFF, else the bytes the data needs), one device
 * model with all ports, memory and functions is inferred for each domain, and it answers what the guest read. Times
 * assume 2.4 GHz, as xenalyze does.
 * @source facts/xen 9
 */
export class XentraceEvents {
  readonly #out: Out;
  readonly #known = new Set<number>();
  readonly #baseCycles: () => number;
  #startCycles: number | null = null;

  /** @param baseCycles What the cycles of an access count from, asked when there is one. */
  constructor(out: Out, baseCycles: () => number) {
    this.#out = out;
    this.#baseCycles = baseCycles;
  }

  take(access: RecordedIo): void {
    this.#startCycles ??= this.#start(access.cycles ?? 0);
    const cycles = (access.cycles ?? this.#startCycles) - this.#startCycles;
    const atNs = Math.max(0, Math.floor(cycles / 12) * 5) as TraceNs;
    const inferred = (draft: InputDraft): InputDraft => ({ ...draft, atNs, origin: 'inferred' });
    if (!this.#known.has(access.domid)) {
      if (this.#known.size === 0) this.#out.input(inferred(created(ANSWERER, 'pv', true)));
      this.#known.add(access.domid);
      for (const draft of introduce(access.domid as DomainId)) this.#out.input(inferred(draft));
    }
    this.#out.input(inferred(requested(access)), (events) => answers(access, events));
  }

  #start(cycles: number): number {
    this.#out.clock({ is: 'tsc', zeroUs: Math.floor((this.#baseCycles() + cycles) / CYCLES_PER_US) });
    return cycles;
  }
}

/** What the guest got, from the device model that Xen asked. */
function answers(access: RecordedIo, events: readonly TraceEvent[]): readonly InputDraft[] {
  const sent = events.find((event): event is EventOf<'ioreq.sent'> => event.kind === 'ioreq.sent');
  return sent === undefined ? [] : [served(access, sent)];
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

function served({ domid, vcpu, dir, data, dataHigh }: RecordedIo, sent: EventOf<'ioreq.sent'>): InputDraft {
  return {
    kind: 'ioreq.served',
    by: `d${ANSWERER}`,
    origin: dir === 'read' ? 'observed' : 'inferred',
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
