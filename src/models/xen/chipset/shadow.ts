import type { DomainId } from '../../../base/brand.js';
import { overlaps } from '../../../pci/header.js';
import type { GuestSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { isRootPort, ownFunctions, ownRegister } from './functions.js';
import { ACPI_CONTROL, LPC, PMBASE } from './own.js';
import { nextPme } from './own-port.js';
import { conditionsOf, signalConditions } from './port-interrupt.js';
import { PME_ENABLE, portReg, rootStatus } from './port-registers.js';

/** Registers of a root port that Xen keeps a copy of: what it needs to send the port's MSI, and what QEMU's lacks. */
const SHADOWED = [
  portReg.command,
  portReg.msiControl,
  portReg.msiAddress,
  portReg.msiData,
  portReg.msiMask,
  portReg.rootControl,
  portReg.rootStatus,
] as const;

const touches = (dwords: readonly number[], reg: number, size: number): boolean =>
  dwords.some((at) => overlaps(reg, size, at, 4));

export const isShadowed = (sbdf: GuestSbdf, reg: number, size: number): boolean =>
  isRootPort(sbdf) && touches(SHADOWED, reg, size);

/** Registers whose answer Xen completes after the device model. */
const AMENDED = {
  port: [portReg.rootControl, portReg.rootStatus],
  lpc: [PMBASE, ACPI_CONTROL],
} as const;

export const isAmended = (sbdf: GuestSbdf, reg: number, size: number): boolean =>
  isRootPort(sbdf)
    ? touches(AMENDED.port, reg, size)
    : sbdf === LPC && (overlaps(reg, size, PMBASE, 4) || overlaps(reg, size, ACPI_CONTROL, 1));

/**
 * Takes a write to a root port's register into the copy, before the device model sees it. Acknowledging a
 * power-management event brings up the next one.
 * @source facts/xen 13.3 (option III); facts/q35-qemu 2.7
 */
export function shadowWrite(
  context: Context,
  domid: DomainId,
  sbdf: GuestSbdf,
  reg: number,
  size: number,
  value: number,
): void {
  const own = ownFunctions(context.env).get(sbdf);
  if (own === undefined) return;
  const before = conditionsOf(context, domid, sbdf);
  for (const at of SHADOWED) {
    if (!overlaps(reg, size, at, 4)) continue;
    const [data, lanes] = lanesOf(at, reg, size, value);
    const old = ownRegister(context, domid, sbdf, at);
    const writable = (own.writable[at] ?? 0) & lanes;
    const cleared = (own.clearable[at] ?? 0) & lanes & data;
    const now = (((old & ~writable) | (data & writable)) & ~cleared) >>> 0;
    if (now !== old) context.emit('xen', 'chipset.changed', { domid, sbdf, reg: at, value: now });
    if (at === portReg.rootStatus && (old & rootStatus.pme) !== 0) nextPme(context, domid, sbdf);
  }
  signalConditions(context, domid, sbdf, before);
}

/** Data and byte lanes of a write as they fall on the dword at `at`. */
function lanesOf(at: number, reg: number, size: number, value: number): readonly [number, number] {
  let data = 0;
  let lanes = 0;
  for (let i = 0; i < size; i++) {
    const lane = reg + i - at;
    if (lane < 0 || lane > 3) continue;
    data |= ((value >>> (8 * i)) & 0xff) << (8 * lane);
    lanes |= 0xff << (8 * lane);
  }
  return [data >>> 0, lanes >>> 0];
}

/** What the guest gets for a read the device model answered with `answered`. */
export function amend(
  context: Context,
  domid: DomainId,
  sbdf: GuestSbdf,
  reg: number,
  size: number,
  answered: number,
): number {
  let value = answered;
  for (let i = 0; i < size; i++) {
    const at = (reg + i) & ~3;
    const shift = 8 * ((reg + i) & 3);
    const known = ownRegister(context, domid, sbdf, at) >>> shift;
    const mask = (maskOf(sbdf, at) >>> shift) & 0xff;
    value = (value & ~(mask << (8 * i))) | ((known & mask) << (8 * i));
  }
  return value >>> 0;
}

/** Bits of a dword that are Xen's to say. */
function maskOf(sbdf: GuestSbdf, at: number): number {
  if (sbdf === LPC) return at === PMBASE ? 0xffff_ffff : at === ACPI_CONTROL ? 0xff : 0;
  if (at === portReg.rootControl) return PME_ENABLE;
  return at === portReg.rootStatus ? 0xffff_ffff : 0;
}
