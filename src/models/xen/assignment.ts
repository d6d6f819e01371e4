import type { DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { errno } from '../../base/errno.js';
import { formatSbdf, type XenSbdf } from '../../pci/sbdf.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import type { Context } from '../context.js';
import { argNumber, argRecord, type HypercallHandler } from '../hypercall.js';
import { hasPci } from './arm-bridges.js';
import { hardwareDomain } from './domains.js';
import { releaseEvents } from './guest-msi/release.js';
import { holdsStreams, isArmAsItRuns, moveStreams } from './iommu.js';
import { isMsixMasked } from './msi.js';
import { leaveRegions, takeRegions } from './reserved-regions.js';
import { attachVpci, detachVpci } from './vpci/attach.js';
import { vpciFeatures } from './vpci/features.js';

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
  // Without PCI the operation is tried as one on a node of the device tree, which no PCI device is.
  if (isArmAsItRuns(context) && !hasPci(context.env)) return -errno.ENODEV;
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

/** `machine_sbdf`, flat as in the structure or inside its `pci` member. */
export const machineName = (args: Parameters<HypercallHandler>[1]['args']): XenSbdf =>
  argNumber(args['machine_sbdf'] === undefined ? argRecord(args, 'pci') : args, 'machine_sbdf') as XenSbdf;

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
  if (context.state.ioreq[target]?.dying === true) return { ret: -errno.EINVAL };
  const name = machineName(args);
  const taken = availability(context, name);
  if (taken !== 0) return { ret: taken };
  const isRelaxed = (argNumber(args, 'flags') & RDM_RELAXED) !== 0;
  return { ret: assign(context, name, target, isRelaxed) };
};

/** `assign_device` after the checks. @source facts/xen 7.2 step 7 */
function assign(context: Context, name: XenSbdf, to: DomainId, isRelaxed: boolean): number {
  const isGuest = to !== hardwareDomain(context) && to !== domids.IO;
  const features = Object.keys(context.state.domains[to]?.features ?? {});
  if (features.length > 0 && context.env.platform.arch === 'x86_64') return -errno.EXDEV;
  const refuse = (ret: number): number => {
    const reason = `d${to}: assign (${formatSbdf(name)}) failed (${ret})`;
    context.emit('xen', 'device.failed', { sbdf: name, step: 'assign', errno: ret, reason });
    return ret;
  };
  if (context.state.xen.devices[name]?.broken === true && isGuest) return refuse(-errno.EBADF);
  // Before anything else can refuse: the old owner's emulation does not come back (passthrough/pci.c, assign_device).
  if (hasBehaviour(context.env.behaviour, 'xen-as-released') && vpciFeatures(context.env).followsOwner)
    detachVpci(context, name);
  if (isMsixMasked(context, name)) return refuse(-errno.EBUSY);
  const kept = takeRegions(context, name, to, isRelaxed);
  if (kept !== 0) return refuse(kept);
  const ret = changeOwner(context, name, to);
  if (ret !== 0 && context.state.xen.devices[name]?.owner !== to) leaveRegions(context, name, to);
  if (ret === 0 && to === domids.IO) setQuarantine(context, name, true);
  return ret;
}

function setQuarantine(context: Context, name: XenSbdf, quarantined: boolean): void {
  if (context.state.xen.devices[name]?.quarantine !== quarantined)
    context.emit('xen', 'device.quarantined', { sbdf: name, quarantined });
}

/** XEN_DOMCTL_test_assign_device: whatever is wrong, the caller learns -EINVAL. @source facts/xen 7.2 step 6 */
export const testAssignDevice: HypercallHandler = (context, { caller, args }) => {
  const target = argNumber(args, 'domain') as DomainId;
  const early = precheck(context, caller, target, argNumber(args, 'dev'), argNumber(args, 'flags'), 0);
  if (early !== 0) return { ret: early };
  return { ret: availability(context, machineName(args)) === 0 ? 0 : -errno.EINVAL };
};

/** XEN_DOMCTL_deassign_device. @source facts/xen 7.2 step 8 */
export const deassignDevice: HypercallHandler = (context, { caller, args }) => {
  const from = argNumber(args, 'domain') as DomainId;
  const early = precheck(context, caller, from, argNumber(args, 'dev'), argNumber(args, 'flags'), 0);
  if (early !== 0) return { ret: early };
  return { ret: giveBack(context, machineName(args), from) };
};

/**
 * `deassign_device`: back to dom_io under quarantine, else to the hardware domain, which takes the mark off.
 * @source facts/xen 7.2 step 8
 */
export function giveBack(context: Context, name: XenSbdf, from: DomainId): number {
  if (context.env.policies.iommu !== 'on') return -errno.EINVAL;
  const device = context.state.xen.devices[name];
  if (device === undefined || device.owner !== from) return -errno.ENODEV;
  const isQuarantined = device.quarantine || context.env.policies.quarantine !== 'none';
  const target = isQuarantined && from !== domids.IO ? domids.IO : hardwareDomain(context);
  if (isArmAsItRuns(context) && from !== domids.IO && !holdsStreams(context, name, from)) return -errno.ESRCH;
  const ret = changeOwner(context, name, target);
  if (ret === 0 && target === hardwareDomain(context)) setQuarantine(context, name, false);
  return ret;
}

/** Moves a device from its owner to another. @returns 0 or a negative errno */
export function changeOwner(context: Context, name: XenSbdf, to: DomainId): number {
  const device = context.state.xen.devices[name];
  if (device === undefined) return -errno.ENODEV;
  const fail = (ret: number, why: string): number => {
    const reason = `assign ${formatSbdf(name)} to d${to} failed: ${why}`;
    context.emit('xen', 'device.failed', { sbdf: name, step: 'assign', errno: ret, reason });
    return ret;
  };
  // Recordings of 0.2.0: VT-d gives a host bridge to nobody but the hardware domain.
  const isX86 = context.env.platform.arch === 'x86_64';
  const asReleased = hasBehaviour(context.env.behaviour, 'xen-as-released');
  if (!asReleased && isX86 && device.type === 'host-bridge' && to !== hardwareDomain(context))
    return fail(-errno.EPERM, 'host bridge');
  const { followsOwner } = vpciFeatures(context.env);
  if (followsOwner) detachVpci(context, name);
  const from = device.owner;
  const failure = moveStreams(context, name, from, to);
  if (failure !== null) {
    // The SMMU drivers name the new owner before they touch a stream.
    if (isArmAsItRuns(context))
      context.emit('xen', 'device.assigned', { sbdf: name, function: device.function, from, to });
    return fail(failure.errno, failure.reason);
  }
  context.emit('xen', 'device.assigned', { sbdf: name, function: device.function, from, to });
  leaveRegions(context, name, from);
  if (device.function !== null) releaseEvents(context, device.function);
  return followsOwner ? attachVpci(context, name, to) : 0;
}
