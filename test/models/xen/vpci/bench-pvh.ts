import type { DomainId, PhysicalAddress } from '../../../../src/base/brand.js';
import type { DataOf, EventOf, InputDraft, KindName, TraceEvent } from '../../../../src/events/catalogue.js';
import type { RecordObject } from '../../../../src/events/field.js';
import { Engine } from '../../../../src/models/engine.js';
import { functionBdf } from '../../../../src/pci/function-id.js';
import { type CallerSbdf, devfnOf } from '../../../../src/pci/sbdf.js';
import { pvhPc } from '../../../../src/platform/built-in/pvh-pc.js';
import type { Platform } from '../../../../src/platform/platform.js';
import { defaultPolicies } from '../../../../src/policy/axes.js';
import { currentBehaviour } from '../../../../src/policy/behaviours.js';
import { defaultSwitches, type Switches } from '../../../../src/policy/switches.js';
import type { VpciDevice } from '../../../../src/state/vpci.js';

export const HWDOM = 0 as DomainId;
export const NIC = 0x10;
export const GPU = 0x20;
/** Where the NIC's MSI-X table stands. */
export const NIC_TABLE = 0xfe18_0000;

/** A PVH hardware domain over a PC; every function has been added. */
export class BenchPvh {
  readonly engine: Engine;

  constructor(
    switches: Partial<Switches> = {},
    platform: Platform = pvhPc(),
    behaviour: readonly number[] = currentBehaviour,
  ) {
    this.engine = new Engine({
      platform,
      policies: defaultPolicies,
      switches: { ...defaultSwitches, ...switches },
      behaviour,
    });
    this.create(HWDOM, { privileged: true, hardware: true });
    for (const { function: fn } of platform.functions) this.add(devfnOf(functionBdf(fn)));
  }

  create(domid: DomainId, extra: Partial<DataOf<'domain.created'>> = {}): void {
    const data = {
      domid,
      type: 'pvh',
      privileged: false,
      hardware: false,
      target: null,
      name: `d${domid}`,
    } as const;
    this.step({ kind: 'domain.created', by: 'xen', data: { ...data, ...extra } });
  }

  step(draft: InputDraft): TraceEvent[] {
    return this.engine.step(draft);
  }

  physdev(op: string, args: RecordObject): TraceEvent[] {
    const data = { domid: HWDOM, hypercall: 'physdev_op', op, args };
    return this.step({ kind: 'hypercall.issued', by: 'd0', data });
  }

  add(devfn: number): TraceEvent[] {
    return this.physdev('pci_device_add', { seg: 0, bus: 0, devfn, flags: 0, physfn: { bus: 0, devfn: 0 } });
  }

  config(
    dir: 'read' | 'write',
    devfn: number,
    reg: number,
    size: number,
    value: number | null,
    extra: Partial<DataOf<'config.requested'>> = {},
  ): TraceEvent[] {
    const data = {
      domid: HWDOM,
      via: 'ecam',
      dir,
      sbdf: devfn as CallerSbdf,
      reg,
      size,
      value,
      ...extra,
    } as const;
    return this.step({ kind: 'config.requested', by: 'd0', data });
  }

  read(devfn: number, reg: number, size: number): number | null {
    return only(this.config('read', devfn, reg, size, null), 'config.completed').data.value;
  }

  write(devfn: number, reg: number, size: number, value: number): TraceEvent[] {
    return this.config('write', devfn, reg, size, value);
  }

  io(
    space: 'port' | 'mem',
    addr: number,
    size: number,
    write: readonly [number, number?] | null = null,
  ): TraceEvent[] {
    const data = {
      domid: HWDOM,
      vcpu: 0,
      space,
      addr: addr as PhysicalAddress,
      size,
      dir: write === null ? 'read' : 'write',
      count: 1,
      df: false,
      dataIsPtr: false,
      value: write?.[0] ?? null,
      valueHigh: write?.[1] ?? null,
    } as const;
    return this.step({ kind: 'io.requested', by: 'd0', data });
  }

  device(devfn: number): VpciDevice {
    return this.engine.state.vpci.devices[devfn]!;
  }
}

export const all = <K extends KindName>(events: readonly TraceEvent[], kind: K): EventOf<K>[] =>
  events.filter((event) => event.kind === kind) as unknown as EventOf<K>[];

export function only<K extends KindName>(events: readonly TraceEvent[], kind: K): EventOf<K> {
  const found = all(events, kind);
  if (found.length !== 1) throw new Error(`${found.length} events of kind ${kind}`);
  return found[0]!;
}

/** What hardware was written, as `reg/size=value`. */
export const hardwareWrites = (events: readonly TraceEvent[]): string[] =>
  all(events, 'config.performed')
    .filter(({ data }) => data.dir === 'write')
    .map(({ data }) => `${data.reg.toString(16)}/${data.size}=${data.value.toString(16)}`);

/** What entered (+) and left (-) the domain's memory map, as `+bar:first-last`. */
export const mappings = (events: readonly TraceEvent[]): string[] =>
  all(events, 'vpci.mapped').map(
    ({ data }) => `${data.mapped ? '+' : '-'}${data.bar}:${data.first.slice(2)}-${data.last.slice(2)}`,
  );

export const warnings = (events: readonly TraceEvent[]): string[] =>
  all(events, 'vpci.warned').map(({ data }) => data.message);

/** What the interrupt layer was asked, as `action entry`. */
export const interrupts = (events: readonly TraceEvent[]): string[] =>
  all(events, 'vpci.interrupt').map(({ data }) => `${data.action} ${data.entry}`);
