import type { CfgBase, DomainId } from '../../../src/base/brand.js';
import type { RecordObject } from '../../../src/events/field.js';
import { Engine } from '../../../src/models/engine.js';
import type { Answer } from '../../../src/models/hypercall.js';
import { functionId } from '../../../src/pci/function-id.js';
import { type bdf, type CallerSbdf, parseSbdf, type XenSbdf } from '../../../src/pci/sbdf.js';
import {
  defaultX86Facts,
  emptyPlatform,
  type HostBridge,
  type Platform,
  type X86Facts,
} from '../../../src/platform/platform.js';
import { defaultPolicies, type Policies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches, type Switches } from '../../../src/policy/switches.js';

/** An MMCFG window of segment 0 behind the usual chipset. */
export const window0: HostBridge = {
  node: 'PCI0',
  compatible: [],
  access: 'mmcfg',
  cfgBase: 0xb000_0000 as CfgBase,
  cfgSizeBytes: 0x1000_0000,
  busStart: 0,
  busEnd: 0xff,
  available: true,
  xenPassthrough: false,
  isPciNode: true,
  pciDomain: 0,
  iommuMap: null,
  msiMap: null,
  msiParents: [],
  windows: [],
  registers: [],
};

/** What a function of a test machine is; everything else is zero. */
export interface Sketch {
  readonly at: string;
  readonly classCode?: number;
  readonly header?: number;
  /** Messages of the MSI capability, a power of two; absent: none. */
  readonly msi?: number;
  readonly maskBits?: boolean;
  readonly msixEntries?: number;
  readonly msixMasked?: boolean;
  readonly express?: boolean;
  readonly memoryDecode?: boolean;
  readonly bar0?: number;
  readonly buses?: readonly [primary: number, secondary: number, subordinate: number];
  readonly absent?: boolean;
  /** Virtual functions on and their registers set. */
  readonly sriov?: boolean;
}

const PCIE = 0x40;
const MSI = 0x50;
const MSIX = 0x70;

/** Configuration space of a sketch: capabilities at 0x40 (PCIe), 0x50 (MSI) and 0x70 (MSI-X). */
function configOf(sketch: Sketch): Uint8Array {
  const bytes = new Uint8Array(4096);
  const put = (at: number, size: number, value: number): void => {
    for (let i = 0; i < size; i++) bytes[at + i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
  };
  put(0, 4, 0x10d3_8086);
  put(0x04, 2, (sketch.memoryDecode ?? true) ? 0x0006 : 0x0004);
  put(0x0a, 2, sketch.classCode ?? 0x0200);
  put(0x0e, 1, sketch.header ?? 0);
  if (sketch.header !== undefined && (sketch.header & 0x7f) === 1) {
    const [primary, secondary, subordinate] = sketch.buses ?? [0, 0, 0];
    put(0x18, 4, primary + secondary * 0x100 + subordinate * 0x1_0000);
  } else put(0x10, 4, sketch.bar0 ?? 0xfd80_0000);
  const chain: [number, number, () => void][] = [];
  if (sketch.express === true) chain.push([PCIE, 0x10, () => put(PCIE + 2, 2, 2)]);
  if (sketch.msi !== undefined) {
    const control = (Math.log2(sketch.msi) << 1) | 0x80 | (sketch.maskBits === true ? 0x100 : 0);
    chain.push([MSI, 0x05, () => put(MSI + 2, 2, control)]);
  }
  if (sketch.msixEntries !== undefined) {
    const control = sketch.msixEntries - 1 + (sketch.msixMasked === true ? 0x4000 : 0);
    chain.push([MSIX, 0x11, () => put(MSIX + 2, 2, control)]);
  }
  if (chain.length > 0) put(0x06, 2, 0x10);
  let pointer = 0x34;
  for (const [at, id, fill] of chain) {
    put(pointer, 1, at);
    put(at, 1, id);
    fill();
    pointer = at + 1;
  }
  if (sketch.sriov === true) {
    put(0x100, 4, 0x0001_0010);
    put(0x108, 2, 0x9);
    put(0x124, 4, 0xfe00_0000);
  }
  return bytes;
}

export const name = (text: string): XenSbdf => parseSbdf<XenSbdf>(text)!;
const at = (text: string) => functionId(0, (name(text) & 0xffff) as ReturnType<typeof bdf>);

export function machine(sketches: readonly Sketch[], x86: Partial<X86Facts> = {}): Platform {
  return {
    ...emptyPlatform,
    name: 'test',
    arch: 'x86_64',
    bridges: [window0],
    functions: sketches.map((sketch) => ({
      function: at(sketch.at),
      name: sketch.at,
      config: configOf(sketch),
      writeMask: null,
      clearMask: null,
      present: sketch.absent !== true,
    })),
    x86: { ...defaultX86Facts, ...x86 },
  };
}

export interface Options {
  readonly platform?: Platform;
  readonly policies?: Partial<Policies>;
  readonly switches?: Partial<Switches>;
  /** Domain 0's type. */
  readonly dom0?: 'pv' | 'pvh';
  /** Behaviour of the trace; what is recorded now unless given. */
  readonly behaviour?: readonly number[];
}

/** The devices most tests use: a NIC with MSI and MSI-X, a NIC without, a PF with room for VFs. */
export const usual: readonly Sketch[] = [
  { at: '0000:00:00.0', classCode: 0x0600 },
  { at: '0000:00:02.0', msi: 4, msixEntries: 5, express: true },
  { at: '0000:00:03.0', msi: 1, maskBits: true },
  { at: '0000:00:04.0' },
  { at: '0000:07:00.0', msixEntries: 3, express: true, sriov: true },
  { at: '0000:07:00.1', msixEntries: 3, express: true, absent: true },
  { at: '0000:07:00.2', msixEntries: 3, express: true, absent: true },
];

/** A booted Xen with domain 0 (hardware and control), d1 PV, d2 HVM, d3 HVM and d4 the device model of d2. */
export class Host {
  readonly engine: Engine;

  constructor({
    platform = machine(usual),
    policies = {},
    switches = {},
    dom0 = 'pv',
    behaviour = currentBehaviour,
  }: Options = {}) {
    this.engine = new Engine({
      platform,
      policies: { ...defaultPolicies, ...policies },
      switches: { ...defaultSwitches, ...switches },
      behaviour,
    });
    this.domain(0, dom0, { privileged: true, hardware: true });
    this.engine.step({ kind: 'xen.booted', by: 'xen', data: { domid: 0 as DomainId } });
    this.domain(1, 'pv');
    this.domain(2, 'hvm');
    this.domain(3, 'hvm');
    this.domain(4, 'pv', { target: 2 });
  }

  get state() {
    return this.engine.state;
  }

  domain(
    domid: number,
    type: 'pv' | 'hvm' | 'pvh' | 'arm',
    more: { privileged?: boolean; hardware?: boolean; target?: number } = {},
  ): void {
    this.engine.step({
      kind: 'domain.created',
      by: 'xen',
      data: {
        domid: domid as DomainId,
        type,
        privileged: more.privileged ?? false,
        hardware: more.hardware ?? false,
        target: (more.target ?? null) as DomainId | null,
        name: `d${domid}`,
      },
    });
  }

  destroy(domid: number): void {
    this.engine.step({ kind: 'domain.destroyed', by: 'xen', data: { domid: domid as DomainId } });
  }

  /** Makes a hypercall and returns Xen's answer. */
  call(domid: number, hypercall: string, op: string, args: RecordObject = {}): Answer {
    const events = this.engine.step({
      kind: 'hypercall.issued',
      by: `d${domid}`,
      data: { domid: domid as DomainId, hypercall, op, args },
    });
    const last = events.findLast((event) => event.kind === 'hypercall.returned');
    if (last?.kind !== 'hypercall.returned') throw new Error('no answer');
    return last.data.out === null ? { ret: last.data.ret } : { ret: last.data.ret, out: last.data.out };
  }

  physdev(op: string, args: RecordObject = {}, domid = 0): number {
    return this.call(domid, 'physdev_op', op, args).ret;
  }

  domctl(op: string, args: RecordObject = {}, domid = 0): number {
    return this.call(domid, 'domctl', op, args).ret;
  }

  plug(text: string): void {
    this.engine.step({ kind: 'device.plugged', by: 'hw', data: { function: at(text) } });
  }

  writeConfig(text: string, reg: number, size: number, value: number, domid = 0) {
    return this.engine.step({
      kind: 'config.requested',
      by: `d${domid}`,
      data: {
        domid: domid as DomainId,
        via: 'pv',
        dir: 'write',
        sbdf: parseSbdf<CallerSbdf>(text)!,
        reg,
        size,
        value,
      },
    });
  }

  owner(text: string): number | null | undefined {
    return this.state.xen.devices[name(text)]?.owner;
  }
}

/** `physdev_pci_device` of a name. */
export const pciDevice = (text: string): RecordObject => {
  const id = name(text);
  return { seg: Math.floor(id / 0x1_0000), bus: (id >>> 8) & 0xff, devfn: id & 0xff };
};

/** Arguments of map_pirq for an MSI (table base 0) or MSI-X entry of a device. */
export const msiMap = (text: string, more: RecordObject = {}): RecordObject => {
  const { seg, bus, devfn } = pciDevice(text) as { seg: number; bus: number; devfn: number };
  return {
    domid: 0x7ff0,
    type: 3,
    index: -1,
    pirq: -1,
    bus: bus + seg * 0x1_0000,
    devfn,
    entry_nr: 0,
    table_base: 0,
    ...more,
  };
};

export const gsiMap = (index: number, pirq: number, more: RecordObject = {}): RecordObject => ({
  domid: 0x7ff0,
  type: 1,
  index,
  pirq,
  bus: 0,
  devfn: 0,
  entry_nr: 0,
  table_base: 0,
  ...more,
});

export const onDevice = (text: string, domain: number, more: RecordObject = {}): RecordObject => ({
  domain,
  dev: 0,
  flags: 0,
  machine_sbdf: name(text),
  ...more,
});
