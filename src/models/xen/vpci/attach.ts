import type { DomainId } from '../../../base/brand.js';
import { errno } from '../../../base/errno.js';
import type { RecordObject } from '../../../events/field.js';
import type { GuestSbdf, XenSbdf } from '../../../pci/sbdf.js';
import { readVpciDevice, type VpciDevice } from '../../../state/vpci.js';
import type { Context } from '../../context.js';
import { buildDevice, rebuildExtended } from './device.js';
import { devicesOf, guestName, hasVpci } from './owner.js';
import { buildPorts } from './world-ports.js';

/**
 * `vpci_assign_device`: emulates a function for its new owner. Nothing to do for owners without vPCI.
 *
 * @param atBoot Dom0 is being built: no domain runs that mappings could wait for.
 * @returns 0, or the negative errno of the step that failed, with nothing left behind. @source facts/xen 5.4
 */
export function attachVpci(context: Context, name: XenSbdf, owner: DomainId, atBoot = false): number {
  if (!hasVpci(context, owner) || context.state.vpci.devices[name] !== undefined) return 0;
  const guest = guestName(context, owner, name);
  if (guest !== null && guest < 0) return failed(context, name, guest);
  const guestSbdf = guest as GuestSbdf | null;
  const built = buildDevice(buildPorts(context, name, owner, !atBoot), owner, guestSbdf);
  if (typeof built === 'number') return failed(context, name, built);
  attached(context, name, owner, guestSbdf, built);
  return 0;
}

/** `vpci_deassign_device`. */
export function detachVpci(context: Context, name: XenSbdf): void {
  if (context.state.vpci.devices[name] !== undefined) context.emit('xen', 'vpci.detached', { sbdf: name });
}

/** `vpci_reset_device`: throws Xen's view away and builds it anew; hardware is not reset. @source facts/xen 2.4 */
export function resetVpci(context: Context, name: XenSbdf): number {
  const owner = context.state.xen.devices[name]?.owner ?? null;
  detachVpci(context, name);
  return owner === null ? 0 : attachVpci(context, name, owner);
}

/**
 * MMCFG of a bus range came or went: the hardware domain's functions there get their extended lists anew.
 * @source facts/xen 3.3, 5.6
 */
export function refreshExtended(
  context: Context,
  owner: DomainId,
  segment: number,
  busStart: number,
  busEnd: number,
): void {
  for (const [name, device] of devicesOf(context.state, owner)) {
    const bus = (name >>> 8) & 0xff;
    if (Math.floor(name / 0x1_0000) !== segment || bus < busStart || bus > busEnd) continue;
    if (!buildPorts(context, name, owner).features.storesHardwareDomainLists) continue;
    const copy = readVpciDevice(device as unknown as RecordObject);
    const again = rebuildExtended(buildPorts(context, name, owner), copy);
    attached(context, name, owner, device.guestSbdf as GuestSbdf | null, again);
  }
}

function attached(
  context: Context,
  sbdf: XenSbdf,
  domid: DomainId,
  guestSbdf: GuestSbdf | null,
  device: VpciDevice,
): void {
  context.emit('xen', 'vpci.attached', {
    sbdf,
    domid,
    guestSbdf,
    device: device as unknown as RecordObject,
  });
}

function failed(context: Context, sbdf: XenSbdf, ret: number): number {
  const reason =
    ret === -errno.EOPNOTSUPP && (sbdf & 7) !== 0
      ? 'only function 0 passthrough supported'
      : 'setup of vPCI failed';
  context.emit('xen', 'device.failed', { sbdf, step: 'vpci', errno: ret, reason });
  return ret;
}
