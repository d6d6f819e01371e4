import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import { has } from '../../policy/has.js';
import type { Context } from '../context.js';
import { argNumber, type HypercallHandler } from '../hypercall.js';
import { mapFrames } from './direct-frames.js';
import { isHvm, mayActAsDeviceModel } from './domains.js';
import { mayGrant } from './driver-domain.js';
import { grant, isPermitted, revoke } from './permissions.js';
import { irqOfPirq } from './pirq.js';
import { nrGsis, nrPirqs, x86Facts } from './x86.js';

const MAX_PORTS = 0x1_0000;
const U64 = 2 ** 64;
const U32 = 2 ** 32;

const subject = (args: Parameters<HypercallHandler>[1]['args']): DomainId =>
  argNumber(args, 'domain') as DomainId;

/** Gives or takes what the caller itself may use. */
function pass(
  context: Context,
  caller: DomainId,
  domid: DomainId,
  resource: 'iomem' | 'ioport' | 'irq',
  first: number,
  last: number,
  allow: boolean,
): number {
  if (!mayGrant(context, caller, resource, first, last)) return -errno.EPERM;
  (allow ? grant : revoke)(context, domid, resource, first, last);
  return 0;
}

/** XEN_DOMCTL_iomem_permission. @source facts/xen 7.1 */
export const iomemPermission: HypercallHandler = (context, { caller, args }) => {
  const first = argNumber(args, 'first_mfn');
  const count = argNumber(args, 'nr_mfns');
  // No frames at all wrap too: the last one would stand before the first.
  if (count === 0 ? first !== 0 : first + count > U64) return { ret: -errno.EINVAL };
  const last = count === 0 ? U64 : first + count - 1;
  return {
    ret: pass(context, caller, subject(args), 'iomem', first, last, argNumber(args, 'allow_access') !== 0),
  };
};

/** XEN_DOMCTL_ioport_permission, x86. @source facts/xen 7.1 */
export const ioportPermission: HypercallHandler = (context, { caller, args }) => {
  const first = argNumber(args, 'first_port');
  const end = (first + argNumber(args, 'nr_ports')) % U32;
  if (end <= first || end > MAX_PORTS) return { ret: -errno.EINVAL };
  return {
    ret: pass(
      context,
      caller,
      subject(args),
      'ioport',
      first,
      end - 1,
      argNumber(args, 'allow_access') !== 0,
    ),
  };
};

/** XEN_DOMCTL_irq_permission, x86: the pirq is one of the caller's. @source facts/xen 7.1 */
export const irqPermission: HypercallHandler = (context, { caller, args }) => {
  const pirq = argNumber(args, 'pirq');
  if (pirq >= nrPirqs(context.state, context.env, caller)) return { ret: -errno.EINVAL };
  const irq = irqOfPirq(context, caller, pirq);
  if (irq === 0) return { ret: -errno.EPERM };
  return {
    ret: pass(context, caller, subject(args), 'irq', irq, irq, argNumber(args, 'allow_access') !== 0),
  };
};

/** XEN_DOMCTL_gsi_permission, x86. @source facts/xen 7.1 */
export const gsiPermission: HypercallHandler = (context, { caller, args }) => {
  const flags = argNumber(args, 'flags');
  if ((flags & ~1) !== 0) return { ret: -errno.EINVAL };
  const irq = argNumber(args, 'gsi');
  if (irq >= nrGsis(context.env)) return { ret: -errno.EINVAL };
  if (irq === 0) return { ret: -errno.EACCES };
  return { ret: pass(context, caller, subject(args), 'irq', irq, irq, flags === 1) };
};

/** Frames a translated ARM domain may map with one call. @source facts/xen 7.1 */
const ARM_MAX_FRAMES = 64;

/**
 * XEN_DOMCTL_memory_mapping: nothing to do for a PV domain. Up to 4.21 both domains need the permission, whether it maps
 * or takes away and whatever the domain is.
 * @source xen/common/domctl.c at RELEASE-4.17.0, 4.21.0, 4.22.0
 */
export const memoryMapping: HypercallHandler = (context, { caller, args }) => {
  const domid = subject(args);
  const gfn = argNumber(args, 'first_gfn');
  const mfn = argNumber(args, 'first_mfn');
  const count = argNumber(args, 'nr_mfns');
  const last = mfn + count - 1;
  const frames = 2 ** (x86Facts(context.env).addressBits - 12);
  const isArm = context.env.platform.arch === 'arm64';
  const asReleased = hasBehaviour(context.env.behaviour, 'xen-as-released');
  const isOld = !has(context.env, 'domctl-unmaps-memory-without-permission');
  if (isOld && !mayActAsDeviceModel(context, caller, domid)) return { ret: -errno.EPERM };
  if (count === 0 || last >= (isArm ? 2 ** 40 : frames) || gfn + count > U64) return { ret: -errno.EINVAL };
  if (!mayActAsDeviceModel(context, caller, domid)) return { ret: -errno.EPERM };
  const isTranslated = isArm || isHvm(context, domid);
  if (!isOld && !isTranslated) return { ret: 0 };
  if (isArm && count > ARM_MAX_FRAMES) return { ret: -errno.E2BIG };
  if (!isPermitted(context, caller, 'iomem', mfn, last)) return { ret: -errno.EPERM };
  const mapped = argNumber(args, 'add_mapping') !== 0;
  if ((mapped || isOld) && !isPermitted(context, domid, 'iomem', mfn, last)) return { ret: -errno.EPERM };
  if (!isTranslated) return { ret: 0 };
  if (mapped && asReleased && !isArm) return { ret: mapFrames(context, domid, gfn, mfn, count) };
  context.emit('xen', 'mmio.mapped', {
    domid,
    gfn: gfn as PhysicalAddress,
    mfn: mfn as PhysicalAddress,
    count,
    mapped,
  });
  return { ret: 0 };
};

/** XEN_DOMCTL_ioport_mapping, x86 HVM: touching ranges count as overlapping, as built. @source facts/xen 7.1 */
export const ioportMapping: HypercallHandler = (context, { caller, args }) => {
  const domid = subject(args);
  if (!isHvm(context, domid)) return { ret: -errno.EOPNOTSUPP };
  const gport = argNumber(args, 'first_gport');
  const mport = argNumber(args, 'first_mport');
  const count = argNumber(args, 'nr_ports');
  if (count === 0 || count > MAX_PORTS || gport + count > MAX_PORTS || mport + count > MAX_PORTS)
    return { ret: -errno.EINVAL };
  if (!mayActAsDeviceModel(context, caller, domid)) return { ret: -errno.EPERM };
  if (!isPermitted(context, caller, 'ioport', mport, mport + count - 1)) return { ret: -errno.EPERM };
  const held = context.state.physmap[domid]?.ports ?? [];
  const mapped = argNumber(args, 'add_mapping') !== 0;
  const same = held.find((old) => old.mport === mport && old.count === count);
  if (!mapped) {
    if (same === undefined) return { ret: -errno.ENOENT };
  } else {
    if (!isPermitted(context, domid, 'ioport', mport, mport + count - 1)) return { ret: -errno.EPERM };
    // The list is walked from its newest entry; the same range found first only moves.
    const first = held.find(
      (old) =>
        (old.mport === mport && old.count === count) ||
        (mport + count >= old.mport && old.mport + old.count >= mport),
    );
    if (first !== undefined && first !== same) return { ret: -errno.EBUSY };
  }
  context.emit('xen', 'ports.mapped', {
    domid,
    gport: same !== undefined && !mapped ? same.gport : gport,
    mport,
    count,
    mapped,
  });
  return { ret: 0 };
};
