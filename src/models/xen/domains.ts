import type { DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import type { Context } from '../context.js';

/** `XSM_PRIV` under the default policy: only a control domain may. @source facts/xen 2.2 */
export function isControlDomain(context: Context, domid: DomainId): boolean {
  return context.state.domains[domid]?.privileged === true;
}

/** `XSM_DM_PRIV`: a control domain, or the device-model domain whose target is `subject`. @source facts/xen 2.2 */
export function mayActAsDeviceModel(context: Context, caller: DomainId, subject: DomainId): boolean {
  return isControlDomain(context, caller) || context.state.domains[caller]?.target === subject;
}

/** `XSM_TARGET`: the domain itself, its device model or a control domain. @source facts/xen 2.2 */
export function mayTarget(context: Context, caller: DomainId, subject: DomainId): boolean {
  return caller === subject || mayActAsDeviceModel(context, caller, subject);
}

/** The hardware domain's id; domain 0 when none was announced. */
export function hardwareDomain(context: Context): DomainId {
  const { domains } = context.state;
  // Asked at every hypercall about a device: no array of all domains each time.
  for (const domid in domains)
    if (domains[domid as unknown as number]!.hardware) return Number(domid) as DomainId;
  return 0 as DomainId;
}

/** HVM and PVH domains: translated, with an emulated interrupt controller. */
export function isHvm(context: Context, domid: DomainId): boolean {
  const type = context.state.domains[domid]?.type;
  return type === 'hvm' || type === 'pvh';
}

/** Interrupts as event channels for HVM guests (the PIRQ feature); PVH domains have none. @source facts/xen 2.2 */
export const hasPirqFeature = (context: Context, domid: DomainId): boolean =>
  context.state.domains[domid]?.type === 'hvm';

/** `rcu_lock_domain_by_any_id`: DOMID_SELF is the caller; null when no such domain lives. */
export function resolveDomain(context: Context, caller: DomainId, domid: number): DomainId | null {
  if (domid === domids.SELF) return caller;
  return context.state.domains[domid] === undefined ? null : (domid as DomainId);
}
