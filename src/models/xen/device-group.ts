import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { bdf, bdfOf, busOf, devfnOf, sbdf, segmentOf, type XenSbdf } from '../../pci/sbdf.js';
import type { Context } from '../context.js';
import { readConfig } from '../hardware/config-space.js';
import { argNumber, type HypercallHandler } from '../hypercall.js';
import { machineName } from './assignment.js';
import { functionBehind } from './config-access.js';

/** Bridges whose buses share one requester id upstream. @source facts/xen 3.1 */
const legacyBridges = new Set(['pcie-to-pci', 'pci-to-pcie', 'legacy-bridge']);

/**
 * XEN_DOMCTL_get_device_group: devices of the domain, in the same segment, with the same VT-d group; the entries are
 * packed as `bus << 16 | devfn << 8`, unlike every other name here, and drop the segment.
 * @source facts/xen 1.5, 7.2
 */
export const getDeviceGroup: HypercallHandler = (context, { args }) => {
  const domid = argNumber(args, 'domain') as DomainId;
  if (context.env.policies.iommu !== 'on') return { ret: -errno.EOPNOTSUPP };
  const name = machineName(args);
  const most = argNumber(args, 'max_sdevs');
  const group = groupOf(context, name);
  const siblings: number[] = [];
  // ARM has no groups.
  const devices = context.env.platform.arch === 'arm64' ? [] : Object.entries(context.state.xen.devices);
  for (const [key, device] of devices) {
    const other = Number(key) as XenSbdf;
    if (device.owner !== domid || segmentOf(other) !== segmentOf(name) || other === name) continue;
    if (groupOf(context, other) === group && siblings.length < most)
      siblings.push(busOf(other) * 0x1_0000 + devfnOf(other) * 0x100);
  }
  return {
    ret: 0,
    out: { machine_sbdf: name, max_sdevs: most, num_sdevs: siblings.length, sdev_array: siblings },
  };
};

/** What the group look-ups need: the world now and the machine. */
type View = Pick<Context, 'state' | 'env'>;

/** VT-d: the topmost legacy bridge above the device, or the device itself. @source facts/xen 7.2 */
export function groupOf(context: View, name: XenSbdf): number {
  let id = bdfOf(name);
  for (let step = 0; step < 256; step++) {
    const above = legacyBridgeAbove(context, segmentOf(name), busOf(id));
    if (above === null || above === id) return id;
    id = bdfOf(above);
  }
  return id;
}

function legacyBridgeAbove(context: View, segment: number, bus: number): number | null {
  for (const [key, device] of Object.entries(context.state.xen.devices)) {
    const name = Number(key) as XenSbdf;
    if (!legacyBridges.has(device.type) || segmentOf(name) !== segment) continue;
    const fn = functionBehind(context.state, context.env, name);
    if (fn === null) continue;
    const buses = readConfig(context, fn, 0x18, 4);
    const secondary = (buses >>> 8) & 0xff;
    const subordinate = (buses >>> 16) & 0xff;
    if (bus >= secondary && bus <= subordinate && secondary > 0)
      return sbdf<XenSbdf>(0, bdf(busOf(name), devfnOf(name) >>> 3, devfnOf(name) & 7));
  }
  return null;
}
