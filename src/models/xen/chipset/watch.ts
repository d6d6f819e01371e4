import type { DomainId } from '../../../base/brand.js';
import type { GuestSbdf } from '../../../pci/sbdf.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Context } from '../../context.js';
import { decodePciexbar } from '../../qemu/chipset/mch.js';
import { type ReadonlyGuest, type Requested, serverOf } from '../ioreq/guest.js';
import { ACPI_CONTROL, announceWindow, BUS_NUMBERS, isRootPort, LPC, MCH, PCIEXBAR, PMBASE } from './own.js';
import { learnBus } from './ports.js';
import type { MmconfigDesign } from './route.js';
import { amend, isAmended, isShadowed, shadowWrite } from './shadow.js';

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
  const { domid, vcpu, size, dir } = access;
  const shadows = design === 'transparent' && hasBehaviour(context.env.behaviour, 'chipset-ports');
  if (shadows && context.state.mmconfig[domid]?.detected === 'q35') {
    if (dir === 'write' && sbdf === LPC && reg < ACPI_CONTROL + 1 && reg + size > PMBASE) {
      const why = 'PMBASE and ACPI_CNTL belong to Xen';
      context.emit('xen', 'chipset.hidden', { domid, sbdf, reg, value: access.value ?? 0, why });
      return true;
    }
    if (dir === 'write' && isShadowed(sbdf, reg, size))
      shadowWrite(context, domid, sbdf, reg, size, access.value ?? 0);
    if (dir === 'read' && isAmended(sbdf, reg, size)) {
      context.emit('xen', 'chipset.touched', { domid, vcpu, sbdf, reg, size, dir, value: 0, served: false });
      return false;
    }
  }
  if (!isWatched(design, access, sbdf, reg)) return false;
  const value = dir === 'write' ? (access.value ?? 0) : 0;
  if (design === 'transparent' && dir === 'write') {
    if (context.state.mmconfig[domid]?.detected !== 'q35') return false;
    if (sbdf === LPC) {
      context.emit('xen', 'chipset.hidden', { domid, sbdf, reg, value, why: 'PMBASE belongs to Xen' });
      return true;
    }
    if (isRootPort(sbdf)) {
      const bus = secondaryIn(reg, size, value);
      if (bus !== null && (bus !== 0 || shadows)) learnBus(context, domid, sbdf, bus);
    }
  }
  context.emit('xen', 'chipset.touched', { domid, vcpu, sbdf, reg, size, dir, value, served: false });
  if (design === 'transparent' && dir === 'write' && sbdf === MCH) {
    // Intercepted before the device model: there is no moment in which the two disagree.
    const { low, high } = context.state.mmconfig[domid]!.written;
    announceWindow(context, domid, low, high, 'intercept');
  }
  return false;
}

/** Secondary bus in a write to the bus-number register; null when it leaves that byte alone. */
function secondaryIn(reg: number, size: number, value: number): number | null {
  const lane = BUS_NUMBERS + 1 - reg;
  return lane < 0 || lane >= size ? null : (value >>> (8 * lane)) & 0xff;
}

function isWatched(design: MmconfigDesign, { dir }: Requested, sbdf: GuestSbdf, reg: number): boolean {
  const pciexbar = sbdf === MCH && dir === 'write' && reg >= PCIEXBAR && reg < PCIEXBAR + 8;
  if (design === 'notify') return pciexbar;
  if (sbdf === MCH && dir === 'read') return reg === 0;
  if (dir !== 'write') return false;
  return pciexbar || (sbdf === LPC && reg === PMBASE) || (isRootPort(sbdf) && (reg & ~3) === BUS_NUMBERS);
}

/** Under `transparent` Xen completes what a device model says of some registers; what the guest gets. */
export function amendAnswer(context: Context, domid: DomainId, vcpu: number, answered: number): number {
  const pending = context.state.mmconfig[domid]?.pending[vcpu];
  if (pending === undefined || pending.dir !== 'read') return answered;
  const { sbdf, reg, size } = pending;
  if (context.env.policies.mmconfig !== 'transparent' || !isAmended(sbdf, reg, size)) return answered;
  const value = amend(context, domid, sbdf, reg, size, answered);
  if (value !== answered) context.emit('xen', 'chipset.amended', { domid, vcpu, sbdf, reg, answered, value });
  return value;
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
