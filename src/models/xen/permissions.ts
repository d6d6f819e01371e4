import type { DomainId } from '../../base/brand.js';
import { hex } from '../../base/hex.js';
import { containsRange } from '../../base/rangeset.js';
import type { Resource } from '../../state/permissions.js';
import type { Context } from '../context.js';

/** Whether a domain may use all of [first, last]. */
export function isPermitted(
  context: Context,
  domid: DomainId,
  resource: Resource,
  first: number,
  last = first,
): boolean {
  const held = context.state.permissions[domid]?.[resource];
  return held !== undefined && containsRange(held, first, last);
}

/** Lets a domain use [first, last]; silent when it could already. */
export function grant(
  context: Context,
  domid: DomainId,
  resource: Resource,
  first: number,
  last = first,
): void {
  if (isPermitted(context, domid, resource, first, last)) return;
  change(context, domid, resource, first, last, true);
}

/** Takes [first, last] away from a domain. */
export function revoke(
  context: Context,
  domid: DomainId,
  resource: Resource,
  first: number,
  last = first,
): void {
  change(context, domid, resource, first, last, false);
}

function change(
  context: Context,
  domid: DomainId,
  resource: Resource,
  first: number,
  last: number,
  allowed: boolean,
): void {
  context.emit('xen', 'permission.changed', { domid, resource, first: hex(first), last: hex(last), allowed });
}
