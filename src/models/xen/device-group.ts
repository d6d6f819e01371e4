import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { bdfOf, busOf, devfnOf, segmentOf, type XenSbdf } from '../../pci/sbdf.js';
import type { Context } from '../context.js';
import { argNumber, type HypercallHandler } from '../hypercall.js';
import { machineName } from './assignment.js';
import { upstreamBridge } from './upstream-bridge.js';

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

/** VT-d: the topmost legacy bridge above the device, or the device itself. @source facts/xen 7.2 */
export function groupOf(view: Pick<Context, 'state' | 'env'>, name: XenSbdf): number {
  return upstreamBridge(view, name)?.bridge ?? bdfOf(name);
}
