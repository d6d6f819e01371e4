import type { DomainId } from '../../../base/brand.js';
import { domids } from '../../../base/domid.js';
import type { EventOf } from '../../../events/catalogue.js';
import type { XenSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { allOnes } from '../../hardware/config-space.js';
import { functionBehind } from '../config-access.js';
import { hardwareDomain } from '../domains.js';
import { isAccessAllowed } from './access.js';
import { detachVpci } from './attach.js';
import { rawRead, rawWrite, readDevice, writeDevice } from './device.js';
import { vpciFeatures } from './features.js';
import { devicesOf, hasVpci } from './owner.js';
import { trappedName } from './windows.js';
import { buildPorts, devicePorts } from './world-ports.js';

/** Who answered, and with what. */
export interface Answered {
  /** Null for a write. */
  readonly value: number | null;
  readonly handledBy: 'vpci' | 'hardware' | 'nobody';
  /** Xen's name of the function reached; null when none was. */
  readonly name: XenSbdf | null;
}

/**
 * `vpci_read` and `vpci_write` for a domain that has vPCI: an emulated function goes through its handlers; one that is
 * not emulated is raw hardware for the hardware domain and nothing for anybody else. @source facts/xen 5.3
 *
 * @param name The function: Xen's name, or the guest's when `isGuestBus`.
 * @param value Data of a write; null reads.
 */
export function accessVpci(
  context: Context,
  domid: DomainId,
  name: XenSbdf,
  isGuestBus: boolean,
  reg: number,
  size: 1 | 2 | 4,
  value: number | null,
): Answered {
  const found = lookUp(context, domid, name, isGuestBus);
  const ports = found === null ? null : devicePorts(context, found);
  if (found !== null && ports !== null) {
    if (value === null) return { value: readDevice(ports, reg, size), handledBy: 'vpci', name: found };
    const ret = writeDevice(ports, reg, size, value);
    // Up to 4.18 a BAR that cannot be mapped ends the emulation of its function.
    if (ret !== 0 && ports.features.dropsDeviceOnMapFailure) detachVpci(context, found);
    return { value: null, handledBy: 'vpci', name: found };
  }
  if (isGuestBus) return { value: value === null ? allOnes(size) : null, handledBy: 'nobody', name: null };
  const raw = buildPorts(context, name, domid);
  const isThere = functionBehind(context.state, context.env, name) !== null;
  const handledBy = isThere ? 'hardware' : 'nobody';
  if (value === null) return { value: rawRead(raw, reg, size), handledBy, name };
  rawWrite(raw, reg, size, value);
  return { value: null, handledBy, name };
}

/** Xen's name of the emulated function behind a name the domain uses. */
function lookUp(context: Context, domid: DomainId, name: XenSbdf, isGuestBus: boolean): XenSbdf | null {
  const { state, env } = context;
  if (isGuestBus) {
    return devicesOf(state, domid).find(([, { guestSbdf }]) => guestSbdf === (name as number))?.[0] ?? null;
  }
  const owner = state.xen.devices[name]?.owner ?? null;
  const isHidden = owner === domids.XEN && vpciFeatures(env).looksAtDomXen;
  return owner === hardwareDomain(context) || isHidden ? name : null;
}

/**
 * A configuration request of a domain with vPCI. Direct requests of a hardware domain do not pass Xen.
 * @returns False when vPCI has no part in it. @source facts/xen 5.8 to 5.10
 */
export function decideVpciRequest(context: Context, { data }: EventOf<'config.requested'>): boolean {
  const { domid, via, sbdf, reg, size, dir } = data;
  if ((via !== 'cf8' && via !== 'ecam') || !hasVpci(context, domid)) return false;
  const trapped =
    via === 'ecam'
      ? trappedName(context, domid, sbdf)
      : context.env.platform.arch === 'x86_64' && sbdf <= 0xffff
        ? { sbdf: sbdf as number as XenSbdf, isGuestBus: false }
        : null;
  const limit = via === 'cf8' ? 256 : 4096;
  const isSound = isAccessAllowed(reg, size) && size <= 4 && reg + size <= limit;
  const value = dir === 'write' ? (data.value ?? 0) : null;
  const answered: Answered =
    trapped === null || !isSound
      ? {
          value: dir === 'read' ? allOnes(size) : null,
          handledBy: trapped === null ? 'nobody' : 'vpci',
          name: null,
        }
      : accessVpci(context, domid, trapped.sbdf, trapped.isGuestBus, reg, size as 1 | 2 | 4, value);
  context.emit('xen', 'config.completed', {
    value: answered.value,
    handledBy: answered.handledBy,
    function: answered.name === null ? null : functionBehind(context.state, context.env, answered.name),
  });
  return true;
}
