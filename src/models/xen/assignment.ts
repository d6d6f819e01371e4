import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { formatSbdf, type XenSbdf } from '../../pci/sbdf.js';
import type { Context } from '../context.js';
import { argNumber, argRecord, type HypercallHandler } from '../hypercall.js';
import { domids, hardwareDomain } from './domains.js';
import { moveStreams } from './iommu.js';
import { attachVpci, detachVpci } from './vpci/attach.js';

const DEVICE_PCI = 0;
const RDM_RELAXED = 1;

/**
 * The checks assign, test and deassign share; 0 when all of them pass. @source facts/xen 7.2 steps 1 to 4
 */
function precheck(
  context: Context,
  caller: DomainId,
  target: DomainId,
  dev: number,
  flags: number,
  allowed: number,
): number {
  if (context.env.policies.iommu !== 'on') return -errno.EOPNOTSUPP;
  if (target === caller) return -errno.EINVAL;
  if (dev !== DEVICE_PCI) return -errno.ENODEV;
  return (flags & ~allowed) !== 0 ? -errno.EINVAL : 0;
}

/** `device_assigned`: 0 when hwdom or dom_io owns it; ownerless counts as taken. @source facts/xen 7.2 step 5 */
function availability(context: Context, name: XenSbdf): number {
  const device = context.state.xen.devices[name];
  if (device === undefined) return -errno.ENODEV;
  return device.owner === hardwareDomain(context) || device.owner === domids.IO ? 0 : -errno.EBUSY;
}

const nameIn = (args: Parameters<HypercallHandler>[1]['args']): XenSbdf =>
  argNumber(argRecord(args, 'pci'), 'machine_sbdf') as XenSbdf;

/** XEN_DOMCTL_assign_device. @source facts/xen 7.2 */
export const assignDevice: HypercallHandler = (context, { caller, args }) => {
  const target = argNumber(args, 'domain') as DomainId;
  const early = precheck(
    context,
    caller,
    target,
    argNumber(args, 'dev'),
    argNumber(args, 'flags'),
    RDM_RELAXED,
  );
  if (early !== 0) return { ret: early };
  const name = nameIn(args);
  const taken = availability(context, name);
  if (taken !== 0) return { ret: taken };
  return { ret: changeOwner(context, name, target) };
};

/** XEN_DOMCTL_test_assign_device: whatever is wrong, the caller learns -EINVAL. @source facts/xen 7.2 step 6 */
export const testAssignDevice: HypercallHandler = (context, { caller, args }) => {
  const target = argNumber(args, 'domain') as DomainId;
  const early = precheck(context, caller, target, argNumber(args, 'dev'), argNumber(args, 'flags'), 0);
  if (early !== 0) return { ret: early };
  return { ret: availability(context, nameIn(args)) === 0 ? 0 : -errno.EINVAL };
};

/** XEN_DOMCTL_deassign_device: back to dom_io under quarantine, else to the hardware domain. @source facts/xen 7.2 step 8 */
export const deassignDevice: HypercallHandler = (context, { caller, args }) => {
  const from = argNumber(args, 'domain') as DomainId;
  const early = precheck(context, caller, from, argNumber(args, 'dev'), argNumber(args, 'flags'), 0);
  if (early !== 0) return { ret: early };
  const name = nameIn(args);
  if (context.state.xen.devices[name]?.owner !== from) return { ret: -errno.ENODEV };
  const target = from === domids.IO ? hardwareDomain(context) : domids.IO;
  return { ret: changeOwner(context, name, target) };
};

function changeOwner(context: Context, name: XenSbdf, to: DomainId): number {
  const device = context.state.xen.devices[name];
  if (device === undefined) return -errno.ENODEV;
  detachVpci(context, name);
  const failure = moveStreams(context, name, device.owner, to === domids.IO ? null : to);
  if (failure !== null) {
    const reason = `assign ${formatSbdf(name)} to d${to} failed: ${failure.reason}`;
    context.emit('xen', 'device.failed', { sbdf: name, step: 'assign', errno: failure.errno, reason });
    return failure.errno;
  }
  context.emit('xen', 'device.assigned', { sbdf: name, function: device.function, from: device.owner, to });
  return attachVpci(context, name, to);
}
