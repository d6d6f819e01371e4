import type { DomainId } from '../../base/brand.js';
import { axes, type PolicyValue } from '../../policy/axes.js';
import type { Resource } from '../../state/permissions.js';
import type { Context } from '../context.js';
import { hardwareDomain, isControlDomain } from './domains.js';
import { isPermitted } from './permissions.js';

/** What a driver domain gets beyond what Xen and libxl are built for; each answer of the axis adds to the one before. */
const gifts: readonly Gift[] = axes['driver-domain'].values;
type Gift = PolicyValue<'driver-domain'>;

/** Whether the design gives the driver domain at least this much. @source facts/dom0 12.3; policy `driver-domain` */
export function driverDomainHas(context: Pick<Context, 'env'>, gift: Exclude<Gift, 'as-built'>): boolean {
  const { policies } = context.env;
  if (policies['hardware-domain'] !== 'domd') return false;
  return gifts.indexOf(policies['driver-domain']) >= gifts.indexOf(gift);
}

/**
 * The domain whose Linux drives the host bridges; null when none does. Where a recording does not say who owns the
 * hardware it is the hardware domain.
 */
export function deviceOwner(context: Pick<Context, 'state'>): DomainId | null {
  const { owners } = context.state;
  return owners.settled ? (owners.owner as DomainId | null) : hardwareDomain(context as Context);
}

/** The same where something has to speak: domain 0 where nobody owns the hardware. */
export const linuxDomain = (context: Pick<Context, 'state'>): DomainId =>
  deviceOwner(context) ?? (0 as DomainId);

/**
 * `XSM_PRIV` on the operations about devices: the control domain may. A hardware domain that is not the control domain
 * may not under the default policy; `backend-0` and `proposed` stand for an XSM policy that lets it.
 * @source xen/include/xsm/dummy.h (xsm_resource_plug_pci), xen/common/Kconfig (LATE_HWDOM)
 */
export const mayManageDevices = (context: Context, domid: DomainId): boolean =>
  isControlDomain(context, domid) ||
  (driverDomainHas(context, 'backend-0') && context.state.owners.owner === domid);

/**
 * Whether a domain may let another use a resource: only what it may use itself. A toolstack that is not the owner of
 * the hardware may use nothing of a device; the proposals let it pass on what the owner has.
 * @source xen/common/domctl.c (XEN_DOMCTL_iomem_permission); facts/xen 7.1
 */
export function mayGrant(
  context: Context,
  caller: DomainId,
  resource: Resource,
  first: number,
  last = first,
): boolean {
  if (isPermitted(context, caller, resource, first, last)) return true;
  const owner = deviceOwner(context);
  return (
    owner !== null &&
    driverDomainHas(context, 'backend-0') &&
    isControlDomain(context, caller) &&
    isPermitted(context, owner, resource, first, last)
  );
}
