import type { CfgBase, DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import type { DataOf, InputDraft } from '../../events/catalogue.js';
import type { RecordObject } from '../../events/field.js';
import type { Followed, Program, Step } from '../../machine/program.js';

import { type FunctionId, functionId } from '../../pci/function-id.js';
import { bdf, bdfOf, busOf, devfnOf, segmentOf, type XenSbdf } from '../../pci/sbdf.js';
import { endpointImage } from '../../platform/images.js';
import { emptyPlatform, type HostBridge, type Platform, type X86Facts } from '../../platform/platform.js';

/** Part of a program: yields steps, gets back what followed. */
export type Part<T = void> = Generator<Step, T, Followed>;

export const dom0 = 0 as DomainId;
export const guest = 1 as DomainId;
export const rival = 2 as DomainId;
export const domIo = domids.IO;

/** NICs of the scenarios: base address register 0 at `BAR + 64 KiB * index`. */
export const BAR = 0xfe00_0000;
const BAR_BYTES = 0x1_0000;

const window = (access: 'mmcfg' | 'ecam', index: number): HostBridge => ({
  node: `/pcie@${index}`,
  compatible: access === 'ecam' ? ['pci-host-ecam-generic'] : [],
  access,
  cfgBase: (0xb000_0000 + index * 0x1000_0000) as CfgBase,
  cfgSizeBytes: 0x1000_0000,
  busStart: 0,
  busEnd: 0xff,
  available: true,
  xenPassthrough: false,
  isPciNode: true,
  pciDomain: index,
  iommuMap: null,
  msiMap: null,
  msiParents: [],
  windows: [],
  registers: [],
});

/** Network cards by Xen's names. `absent` ones come later. */
export function cards(names: readonly number[], absent: readonly number[] = []): Platform['functions'] {
  return [...names, ...absent].map((name, i) =>
    endpointImage({
      function: functionOf(name),
      name: `NIC-${String.fromCharCode(65 + i)}`,
      vendorId: 0x8086,
      deviceId: 0x10d3,
      classCode: 0x02_0000,
      bar: { address: BAR + i * BAR_BYTES, sizeBytes: BAR_BYTES },
      present: !absent.includes(name),
    }),
  );
}

/** A conventional PCI-to-PCI bridge: no Express capability, buses `secondary` to `subordinate` behind it. */
export function legacyBridge(
  at: number,
  primary: number,
  secondary: number,
  subordinate: number,
): Platform['functions'][number] {
  const config = new Uint8Array(256);
  config.set([0x86, 0x80, 0x4e, 0x24, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x06, 0x00, 0x00, 0x01], 0);
  config.set([primary, secondary, subordinate], 0x18);
  return {
    function: functionOf(at),
    name: 'PCI bridge',
    config,
    writeMask: null,
    clearMask: null,
    present: true,
  };
}

export const functionOf = (name: number): FunctionId => functionId(segmentOf(name), bdfOf(name));

/** A PC with an IOMMU and MMCFG windows of segments 0 to `windows - 1`. */
export function pc(functions: Platform['functions'], windows = 1, x86?: X86Facts): Platform {
  const bridges = Array.from({ length: windows }, (_, index) => window('mmcfg', index));
  return {
    ...emptyPlatform,
    name: 'pc',
    arch: 'x86_64',
    bridges,
    functions,
    ...(x86 === undefined ? {} : { x86 }),
  };
}

/** An ARM machine whose only host bridge is behind no SMMU. */
export const armWithoutSmmu = (functions: Platform['functions']): Platform => ({
  ...emptyPlatform,
  name: 'arm-without-smmu',
  arch: 'arm64',
  bridges: [window('ecam', 0)],
  functions,
});

export const nicA = name(0, 2, 0, 0);
export const nicB = name(0, 3, 0, 0);

export function name(segment: number, bus: number, dev: number, fn: number): XenSbdf {
  return (segment * 0x1_0000 + bdf(bus, dev, fn)) as XenSbdf;
}

export const created = (domid: DomainId, type: 'pv' | 'hvm' | 'arm', control = false): InputDraft => ({
  kind: 'domain.created',
  by: control ? 'xen' : 'toolstack',
  data: {
    domid,
    type,
    privileged: control,
    hardware: control,
    target: null,
    name: control ? 'Domain-0' : `guest-${domid}`,
  },
});

/** Xen scans the buses and starts Dom0, then the guests are built; `then` runs on that machine. */
export const onPc = (guests: readonly InputDraft[], then: Program): Program =>
  function* (machine) {
    yield created(dom0, 'pv', true);
    yield { kind: 'xen.booted', by: 'xen', data: { domid: dom0 } };
    for (const draft of guests) yield draft;
    yield* then(machine);
  };

/** One hypercall and its answer. */
export function* call(
  domid: DomainId,
  hypercall: string,
  op: string,
  args: RecordObject,
): Part<DataOf<'hypercall.returned'>> {
  const followed = yield { kind: 'hypercall.issued', by: `d${domid}`, data: { domid, hypercall, op, args } };
  const returned = followed.find((event) => event.kind === 'hypercall.returned');
  return returned?.kind === 'hypercall.returned' ? returned.data : { ret: 0, out: null };
}

export const physdev = (op: string, args: RecordObject): Part<DataOf<'hypercall.returned'>> =>
  call(dom0, 'physdev_op', op, args);

export const domctl = (op: string, domain: number, args: RecordObject): Part<DataOf<'hypercall.returned'>> =>
  call(dom0, 'domctl', op, { domain, ...args });

export const assign = (device: number, domain: number): Part<DataOf<'hypercall.returned'>> =>
  domctl('assign_device', domain, { dev: 0, flags: 0, machine_sbdf: device });

export const deassign = (device: number, domain: number): Part<DataOf<'hypercall.returned'>> =>
  domctl('deassign_device', domain, { dev: 0, flags: 0, machine_sbdf: device });

export const deviceArgs = (device: number): RecordObject => ({
  seg: segmentOf(device),
  bus: busOf(device),
  devfn: devfnOf(device),
});

/** map_pirq for a device's MSI, as Linux makes it: segment in the upper half of `bus`. */
export const mapMsi = (
  device: number,
  domid: number,
  more: RecordObject = {},
): Part<DataOf<'hypercall.returned'>> =>
  physdev('map_pirq', {
    domid,
    type: 3,
    index: -1,
    pirq: -1,
    bus: busOf(device) + segmentOf(device) * 0x1_0000,
    devfn: devfnOf(device),
    entry_nr: 0,
    table_base: 0,
    ...more,
  });

export const reset = (device: number): InputDraft => ({
  kind: 'device.reset',
  by: 'd0',
  data: { function: functionOf(device), method: 'flr' },
});
