import type { GuestSbdf } from '../../../pci/sbdf.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Context } from '../../context.js';
import { decodePciexbar } from '../../qemu/chipset/mch.js';
import type { Requested } from '../ioreq/guest.js';
import { loseAtOnce, loseOnAccess } from './facilities.js';
import { isRootPort, ownFunctions, ownRegister } from './functions.js';
import { portWritten } from './own-port.js';
import { conditionsOf } from './port-interrupt.js';
import { learnBus } from './ports.js';

export { isOwn, isRootPort } from './functions.js';

export const MCH = 0x00 as GuestSbdf;
export const LPC = 0xf8 as GuestSbdf;
export const PCIEXBAR = 0x60;
export const PMBASE = 0x40;
export const ACPI_CONTROL = 0x44;
export const BUS_NUMBERS = 0x18;

/** Answers an access to Xen's own chipset; a read's value, null for a write. */
export function accessOwn(context: Context, access: Requested, sbdf: GuestSbdf, reg: number): number | null {
  const { domid } = access;
  const whole = hasBehaviour(context.env.behaviour, 'chipset-ports');
  if (whole) loseOnAccess(context, access, sbdf, reg);
  else loseAtOnce(context, domid);
  const at = reg & ~3;
  const shift = 8 * (reg & 3);
  const old = ownRegister(context, domid, sbdf, at);
  // An access that crosses a dword is cut there, as hardware with 32-bit registers does.
  const bytes = Math.min(access.size, 4 - (reg & 3));
  const lanes = bytes === 4 ? 0xffff_ffff : ((2 ** (8 * bytes) - 1) << shift) >>> 0;
  if (access.dir === 'read') return (old & lanes) >>> shift;
  const own = ownFunctions(context.env).get(sbdf);
  const data = ((access.value ?? 0) << shift) >>> 0;
  const writable = (own?.writable[at] ?? 0) & lanes;
  const cleared = (own?.clearable[at] ?? 0) & lanes & data;
  const value = (((old & ~writable) | (data & writable)) & ~cleared) >>> 0;
  const isPort = whole && isRootPort(sbdf);
  const before = isPort ? conditionsOf(context, domid, sbdf) : null;
  if (value !== old) context.emit('xen', 'chipset.changed', { domid, sbdf, reg: at, value });
  if (before !== null) portWritten(context, domid, sbdf, { at, lanes, old }, before);
  if (value === old) return null;
  if (sbdf === MCH && (at === PCIEXBAR || at === PCIEXBAR + 4)) followRegister(context, domid);
  if (isRootPort(sbdf) && at === BUS_NUMBERS) learnBus(context, domid, sbdf, (value >>> 8) & 0xff);
  return null;
}

/** The window follows Xen's own register at once. */
function followRegister(context: Context, domid: Requested['domid']): void {
  const low = ownRegister(context, domid, MCH, PCIEXBAR);
  const high = ownRegister(context, domid, MCH, PCIEXBAR + 4);
  announceWindow(context, domid, low, high, 'register');
}

/** Xen takes a new value of PCIEXBAR as its window; a reserved size code leaves the old one. @source facts/q35-qemu 1.3 */
export function announceWindow(
  context: Context,
  domid: Requested['domid'],
  low: number,
  high: number,
  source: 'register' | 'intercept' | 'report',
): void {
  const decoded = decodePciexbar(low, high, 'qemu');
  if (decoded.kind === 'reserved') return;
  const { base, sizeBytes, enabled } = decoded;
  const known = context.state.mmconfig[domid]?.window ?? null;
  if (known !== null && known.base === base && known.sizeBytes === sizeBytes && known.enabled === enabled)
    return;
  context.emit('xen', 'mmconfig.changed', {
    domid,
    base: base as Requested['addr'],
    sizeBytes: sizeBytes as Requested['addr'],
    enabled,
    source,
  });
}
