import type { DomainId, PhysicalAddress } from '../../../../src/base/brand.js';
import type { DataOf, EventOf, KindName, TraceEvent } from '../../../../src/events/catalogue.js';
import type { RecordObject } from '../../../../src/events/field.js';
import { Engine } from '../../../../src/models/engine.js';
import { emptyPlatform } from '../../../../src/platform/platform.js';
import { defaultPolicies, type Policies } from '../../../../src/policy/axes.js';
import { currentBehaviour } from '../../../../src/policy/behaviours.js';
import { defaultSwitches, type Switches } from '../../../../src/policy/switches.js';

export const DOM0 = 0 as DomainId;
export const GUEST = 5 as DomainId;
export const STUBDOM = 6 as DomainId;

type Configured = DataOf<'domain.configured'>;

/** An engine with Dom0, one guest and a stub domain that is the guest's device model. */
export class BenchGuest {
  readonly engine: Engine;
  readonly events: TraceEvent[] = [];

  constructor(
    type: 'hvm' | 'pvh' | 'arm' | 'pv' = 'hvm',
    configured: Partial<Configured> = {},
    policies: Partial<Policies> = {},
    switches: Partial<Switches> = {},
  ) {
    this.engine = new Engine({
      platform: { ...emptyPlatform, arch: type === 'arm' ? 'arm64' : 'x86_64' },
      policies: { ...defaultPolicies, ...policies },
      switches: { ...defaultSwitches, ...switches },
      behaviour: currentBehaviour,
    });
    const dom0 = type === 'arm' ? 'arm' : 'pv';
    this.create(DOM0, dom0, { privileged: true, hardware: true });
    this.create(GUEST, type);
    this.create(STUBDOM, dom0, { target: GUEST });
    this.step({
      kind: 'domain.configured',
      by: 'toolstack',
      data: {
        domid: GUEST,
        vcpus: 2,
        cpuVendor: 'intel',
        cpuFamily: 6,
        hostCf8Ext: false,
        hap: true,
        maxGfn: 0xf_ffff as PhysicalAddress,
        trapUnmapped: false,
        ...configured,
      },
    });
  }

  create(
    domid: DomainId,
    type: 'hvm' | 'pvh' | 'arm' | 'pv',
    extra: Partial<DataOf<'domain.created'>> = {},
  ): void {
    const data = {
      domid,
      type,
      privileged: false,
      hardware: false,
      target: null,
      name: `d${domid}`,
      ...extra,
    };
    this.step({ kind: 'domain.created', by: 'toolstack', data });
  }

  step(draft: Parameters<Engine['step']>[0]): TraceEvent[] {
    const events = this.engine.step(draft);
    this.events.push(...events);
    return events;
  }

  /** The guest's side as the model has it. */
  get guest() {
    return this.engine.state.ioreq[GUEST]!;
  }

  hypercall(hypercall: string, op: string, args: RecordObject, domid = DOM0): DataOf<'hypercall.returned'> {
    const events = this.step({
      kind: 'hypercall.issued',
      by: `d${domid}`,
      data: { domid, hypercall, op, args },
    });
    return only(events, 'hypercall.returned').data;
  }

  /** A device-model operation about the guest; the return value. */
  dm(op: string, args: RecordObject = {}, domid = DOM0): number {
    return this.hypercall('dm_op', op, { domid: GUEST, ...args }, domid).ret;
  }

  /** An enabled server with its pages acquired; its id. */
  server(
    ranges: readonly (readonly [type: 0 | 1 | 2, start: number, end: number])[],
    { bufioreq = 0, domid = DOM0 }: { bufioreq?: number; domid?: DomainId } = {},
  ): number {
    const { out } = this.hypercall(
      'dm_op',
      'create_ioreq_server',
      { domid: GUEST, handle_bufioreq: bufioreq },
      domid,
    );
    const id = out!['id'] as number;
    const frames = bufioreq === 0 ? { frame: 1, nr_frames: 1 } : { frame: 0, nr_frames: 2 };
    this.hypercall(
      'memory_op',
      'acquire_resource',
      { domid: GUEST, type: 0, id, frame_list: 1, ...frames },
      domid,
    );
    for (const [type, start, end] of ranges)
      this.dm('map_io_range_to_ioreq_server', { id, type, start, end }, domid);
    this.dm('set_ioreq_server_state', { id, enabled: 1 }, domid);
    return id;
  }

  io(access: Partial<DataOf<'io.requested'>>): TraceEvent[] {
    return this.step({
      kind: 'io.requested',
      by: `d${GUEST}`,
      data: {
        domid: GUEST,
        vcpu: 0,
        space: 'port',
        addr: 0 as PhysicalAddress,
        size: 1,
        dir: 'read',
        count: 1,
        df: false,
        dataIsPtr: false,
        value: null,
        valueHigh: null,
        ...access,
      },
    });
  }

  read(
    space: 'port' | 'mem',
    addr: number,
    size: number,
    extra: Partial<DataOf<'io.requested'>> = {},
  ): TraceEvent[] {
    return this.io({ space, addr: addr as PhysicalAddress, size, dir: 'read', ...extra });
  }

  write(
    space: 'port' | 'mem',
    addr: number,
    size: number,
    value: number,
    extra: Partial<DataOf<'io.requested'>> = {},
  ): TraceEvent[] {
    return this.io({ space, addr: addr as PhysicalAddress, size, dir: 'write', value, ...extra });
  }

  serve(server: number, data: number, extra: Partial<DataOf<'ioreq.served'>> = {}): TraceEvent[] {
    return this.step({
      kind: 'ioreq.served',
      by: `dm:${server}`,
      data: { domid: GUEST, vcpu: 0, server, state: 3, data, dataHigh: null, eport: null, ...extra },
    });
  }
}

/** The events of one kind. */
export function all<K extends KindName>(events: readonly TraceEvent[], kind: K): EventOf<K>[] {
  return events.filter((event) => event.kind === kind) as unknown as EventOf<K>[];
}

/** The one event of a kind. */
export function only<K extends KindName>(events: readonly TraceEvent[], kind: K): EventOf<K> {
  const found = all(events, kind);
  if (found.length !== 1)
    throw new Error(`${found.length} of ${kind} among ${events.map((event) => event.kind).join(' ')}`);
  return found[0]!;
}

/** Kinds in order, for tests of what follows from what. */
export const kinds = (events: readonly TraceEvent[]): string[] => events.map((event) => event.kind);
