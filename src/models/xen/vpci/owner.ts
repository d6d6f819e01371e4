import type { DomainId } from '../../../base/brand.js';
import { errno } from '../../../base/errno.js';
import { devOf, fnOf, type GuestSbdf, type XenSbdf } from '../../../pci/sbdf.js';
import type { ReadonlyWorld } from '../../../state/world.js';
import type { Context } from '../../context.js';
import { hardwareDomain } from '../domains.js';

/** Slots on the one bus a guest sees. @source facts/xen 5.10 */
const GUEST_SLOTS = 32;

/**
 * `has_vpci`: on x86 the PVH hardware domain and nobody else; on ARM nobody, unless the switch `arm-vpci` puts the code
 * to use that is there and never called. @source facts/xen 5.1
 */
export function hasVpci({ state, env }: Pick<Context, 'state' | 'env'>, domid: DomainId): boolean {
  const domain = state.domains[domid];
  if (domain === undefined) return false;
  if (env.platform.arch === 'x86_64') return domain.type === 'pvh' && domain.hardware;
  return env.switches['arm-vpci'] === 'on' && domain.type === 'arm';
}

/**
 * `assign_virtual_sbdf`: null for the hardware domain, which keeps Xen's names; else the lowest free slot of the
 * guest's bus, or a negative errno. @source facts/xen 5.10
 */
export function guestName(context: Context, domid: DomainId, name: XenSbdf): GuestSbdf | null | number {
  if (domid === hardwareDomain(context)) return null;
  if (fnOf(name) !== 0) return -errno.EOPNOTSUPP;
  const taken = new Set(
    devicesOf(context.state, domid).map(([, device]) =>
      device.guestSbdf === null ? -1 : devOf(device.guestSbdf),
    ),
  );
  for (let slot = 0; slot < GUEST_SLOTS; slot++) if (!taken.has(slot)) return (slot << 3) as GuestSbdf;
  return -errno.ENOSPC;
}

type ReadonlyDevice = ReadonlyWorld['vpci']['devices'][number];

/** A domain's emulated functions by Xen's name, ascending. */
export function devicesOf(state: ReadonlyWorld, domid: DomainId): (readonly [XenSbdf, ReadonlyDevice])[] {
  return Object.entries(state.vpci.devices)
    .filter(([, device]) => device.domid === domid)
    .map(([name, device]) => [Number(name) as XenSbdf, device] as const);
}
