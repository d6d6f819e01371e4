import type { CfgBase, DomainId } from '../base/brand.js';
import type { FunctionId } from '../pci/function-id.js';
import type { XenSbdf } from '../pci/sbdf.js';
import type { Slice } from './slice.js';

/** A host bridge in Xen's list, in list order. @source facts/xen 3.4 */
export interface XenBridge {
  cfgBase: CfgBase;
  /** Null before anyone gave it a number (`told-by-dom0`). */
  segment: number | null;
}

/** Xen's object for one name. @source facts/xen 3.1 */
export interface XenDevice {
  function: FunctionId | null;
  owner: DomainId | null;
  type: string;
  extfn: string;
  /** Physical function of a virtual one. */
  physfn: XenSbdf | null;
  /** Goes to dom_io when a guest gives it back. */
  quarantine: boolean;
  /** Never given to a guest again. */
  broken: boolean;
  /** How often the IOMMU step of a report failed since the device is known. */
  refusals?: number;
}

export interface XenState {
  /** Bridges in list order; the first match of a lookup wins. */
  bridges: XenBridge[];
  /** Segments Xen has an object for; any number a hypercall named is among them. */
  segments: Record<number, true>;
  /** Devices by packed Xen SBDF. */
  devices: Record<number, XenDevice>;
  /** Names of virtual functions by the name of their physical one, so that a removal need not look at every device. */
  virtualFunctions: Record<number, Record<number, true>>;
  /** Shared numbering mode of ARM bridges: -1 undecided, 0 counter, 1 device tree. */
  useDtDomains: -1 | 0 | 1;
  /** Last counter value given, -1 before the first. */
  domainNr: number;
  panicked: string | null;
}

export const xenSlice: Slice<XenState> = {
  initial: () => ({
    bridges: [],
    segments: {},
    devices: {},
    virtualFunctions: {},
    useDtDomains: -1,
    domainNr: -1,
    panicked: null,
  }),
  on: {
    'bridge.registered': (xen, { data }) => {
      if (data.by === 'xen') xen.bridges.push({ cfgBase: data.cfgBase, segment: null });
    },
    'segment.created': (xen, { data }) => {
      xen.segments[data.segment] = true;
    },
    'segment.assigned': (xen, { data }) => {
      if (data.by !== 'xen') return;
      const known = xen.bridges.find((bridge) => bridge.cfgBase === data.cfgBase);
      if (known === undefined) xen.bridges.push({ cfgBase: data.cfgBase, segment: data.segment });
      else known.segment = data.segment;
      xen.segments[data.segment] = true;
      if (data.source === 'counter' || data.source === 'offset') {
        xen.useDtDomains = 0;
        xen.domainNr = Math.max(xen.domainNr, data.segment);
      } else if (data.source === 'property') xen.useDtDomains = 1;
    },
    'device.registered': (xen, { data }) => {
      xen.segments[Math.floor(data.sbdf / 0x1_0000)] = true;
      forgetVirtual(xen, data.sbdf);
      if (data.physfn !== null) {
        xen.virtualFunctions[data.physfn] ??= {};
        xen.virtualFunctions[data.physfn]![data.sbdf] = true;
      }
      xen.devices[data.sbdf] = {
        function: data.function,
        owner: data.owner,
        type: data.type,
        extfn: data.isExtfn,
        physfn: data.physfn,
        // Told about again, a device keeps what Xen had found out.
        quarantine: xen.devices[data.sbdf]?.quarantine ?? false,
        broken: xen.devices[data.sbdf]?.broken ?? false,
        ...(xen.devices[data.sbdf]?.refusals === undefined
          ? {}
          : { refusals: xen.devices[data.sbdf]!.refusals }),
      };
    },
    'device.unregistered': (xen, { data }) => {
      forgetVirtual(xen, data.sbdf);
      delete xen.devices[data.sbdf];
    },
    'device.assigned': (xen, { data }) => {
      const device = xen.devices[data.sbdf];
      if (device !== undefined) device.owner = data.to;
    },
    'device.quarantined': (xen, { data }) => {
      const device = xen.devices[data.sbdf];
      if (device !== undefined) device.quarantine = data.quarantined;
    },
    'device.failed': (xen, { data }) => {
      const device = xen.devices[data.sbdf];
      if (device !== undefined && data.step === 'iommu') device.refusals = (device.refusals ?? 0) + 1;
    },
    'device.broken': (xen, { data }) => {
      const device = xen.devices[data.sbdf];
      if (device !== undefined) device.broken = true;
    },
    'xen.panicked': (xen, { data }) => {
      xen.panicked ??= data.reason;
    },
  },
};

/** Drops a virtual function from the list of its physical one. */
function forgetVirtual(xen: XenState, name: XenSbdf): void {
  const physfn = xen.devices[name]?.physfn ?? null;
  const linked = physfn === null ? undefined : xen.virtualFunctions[physfn];
  if (linked === undefined) return;
  delete linked[name];
  if (Object.keys(linked).length === 0) delete xen.virtualFunctions[physfn!];
}
