import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { argNumber, type HypercallHandler } from '../hypercall.js';

/** Operations of XEN_DOMCTL_shadow_op that a live migration uses. @source xen/include/public/domctl.h */
export const shadowOps = { OFF: 0, ENABLE_LOGDIRTY: 2 } as const;

/**
 * XEN_DOMCTL_shadow_op as far as logging of writes goes: a domain with devices is refused, whatever its paging, since a
 * device's writes would be logged nowhere. Other operations are not modelled.
 * @source xen/arch/x86/mm/paging.c (paging_domctl, paging_log_dirty_enable) at c447b73
 */
export const shadowOp: HypercallHandler = (context, { args }) => {
  const domid = argNumber(args, 'domain') as DomainId;
  const isOn = context.state.domains[domid]?.features?.log_dirty === true;
  switch (argNumber(args, 'op')) {
    case shadowOps.ENABLE_LOGDIRTY: {
      const hasDevices = Object.values(context.state.xen.devices).some(({ owner }) => owner === domid);
      if (hasDevices || isOn) return { ret: -errno.EINVAL };
      context.emit('xen', 'domain.log-dirty', { domid, on: true });
      return { ret: 0 };
    }
    case shadowOps.OFF:
      if (isOn) context.emit('xen', 'domain.log-dirty', { domid, on: false });
      return { ret: 0 };
    default:
      return { ret: -errno.ENOSYS };
  }
};
