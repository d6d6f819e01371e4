import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import { errno } from '../../../base/errno.js';
import { argNumber, type HypercallHandler } from '../../hypercall.js';
import { mayActAsDeviceModel } from '../domains.js';

/**
 * A device model tells Xen where the guest's ECAM window is. **Proposed in 2018, never merged**: no Xen has the
 * operation, so it answers -EOPNOTSUPP unless the policy `mmconfig=notify` asks for the design. Its name, fields and
 * errnos are this tool's own. @source facts/xen 13.3 (option I)
 */
export const notifyMmconfig: HypercallHandler = (context, { caller, args }) => {
  if (context.env.policies.mmconfig !== 'notify') return { ret: -errno.EOPNOTSUPP };
  const domid = argNumber(args, 'domid') as DomainId;
  if (context.state.domains[domid] === undefined) return { ret: -errno.ESRCH };
  if (!mayActAsDeviceModel(context, caller, domid)) return { ret: -errno.EPERM };
  const base = argNumber(args, 'base') as PhysicalAddress;
  const sizeBytes = argNumber(args, 'size') as PhysicalAddress;
  const enabled = argNumber(args, 'enabled') !== 0;
  if (sizeBytes < 0x10_0000 || base % 0x10_0000 !== 0) return { ret: -errno.EINVAL };
  context.emit('xen', 'mmconfig.changed', { domid, base, sizeBytes, enabled, source: 'report' });
  return { ret: 0 };
};
