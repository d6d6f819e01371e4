import type { DomainId } from '../../../base/brand.js';
import type { GuestSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { decodePciexbar } from '../../qemu/chipset/mch.js';
import { type ReadonlyGuest, type Requested, serverOf } from '../ioreq/guest.js';
import { announceWindow, BUS_NUMBERS, isRootPort, LPC, learnBus, MCH, PCIEXBAR, PMBASE } from './own.js';
import type { MmconfigDesign } from './route.js';

/** `device << 16 | vendor` of the memory controller hub that marks a Q35. @source facts/q35-qemu 1.1 */
const Q35_MCH = 0x29c0_8086;

/**
 * Looks at a configuration access on its way to a device model.
 * @returns Whether the access is hidden from the device model: it ends here, done.
 */
export function watchRequest(
  context: Context,
  design: MmconfigDesign,
  access: Requested,
  sbdf: GuestSbdf,
  reg: number,
): boolean {
  if (design !== 'notify' && design !== 'transparent') return false;
  if (!isWatched(design, access, sbdf, reg)) return false;
  const { domid, vcpu, size, dir } = access;
  const value = dir === 'write' ? (access.value ?? 0) : 0;
  if (design === 'transparent' && dir === 'write') {
    if (context.state.mmconfig[domid]?.detected !== 'q35') return false;
    if (sbdf === LPC) {
      context.emit('xen', 'chipset.hidden', { domid, sbdf, reg, value, why: 'PMBASE belongs to Xen' });
      return true;
    }
    if (isRootPort(sbdf)) learnBus(context, domid, sbdf, secondaryIn(reg, value));
  }
  context.emit('xen', 'chipset.touched', { domid, vcpu, sbdf, reg, size, dir, value, served: false });
  if (design === 'transparent' && dir === 'write' && sbdf === MCH) {
    // Intercepted before the device model: there is no moment in which the two disagree.
    const { low, high } = context.state.mmconfig[domid]!.written;
    announceWindow(context, domid, low, high, 'intercept');
  }
  return false;
}

/** Secondary bus in a write that starts at the bus-number register. */
const secondaryIn = (reg: number, value: number): number =>
  reg === BUS_NUMBERS ? (value >>> 8) & 0xff : reg === BUS_NUMBERS + 1 ? value & 0xff : 0;

function isWatched(design: MmconfigDesign, { dir }: Requested, sbdf: GuestSbdf, reg: number): boolean {
  const pciexbar = sbdf === MCH && dir === 'write' && reg >= PCIEXBAR && reg < PCIEXBAR + 8;
  if (design === 'notify') return pciexbar;
  if (sbdf === MCH && dir === 'read') return reg === 0;
  if (dir !== 'write') return false;
  return pciexbar || (sbdf === LPC && reg === PMBASE) || (isRootPort(sbdf) && (reg & ~3) === BUS_NUMBERS);
}

/** Report of a window as the device model makes it. */
export interface WindowReport {
  readonly base: number;
  readonly sizeBytes: number;
  readonly enabled: boolean;
}

/**
 * The device model has answered an access Xen watched. Under `notify` a write to PCIEXBAR is followed by the device
 * model's report; what it says is returned, with the domain that makes the call.
 * @param value What a read gave.
 */
export function watchAnswer(
  context: Context,
  guest: ReadonlyGuest,
  domid: DomainId,
  vcpu: number,
  value: number,
): { readonly caller: DomainId; readonly report: WindowReport } | null {
  const chipset = context.state.mmconfig[domid];
  const pending = chipset?.pending[vcpu];
  if (chipset === undefined || pending === undefined) return null;
  context.emit('xen', 'chipset.touched', { domid, vcpu, ...pending, served: true });
  if (pending.dir === 'read') {
    if (value === Q35_MCH && chipset.detected === null) {
      context.emit('xen', 'chipset.detected', { domid, chipset: 'q35' });
    }
    return null;
  }
  if (context.env.policies.mmconfig !== 'notify' || pending.sbdf !== MCH) return null;
  const { low, high } = context.state.mmconfig[domid]!.written;
  const decoded = decodePciexbar(low, high, 'qemu');
  if (decoded.kind === 'reserved') return null;
  const owner = guest.servers.findLast((_server, id) => serverOf(guest, id)?.enabled === true);
  return { caller: owner?.emulator ?? (0 as DomainId), report: decoded };
}
