import { assertNever } from '../../../base/assert.js';
import type { VpciBar, VpciRegister } from '../../../state/vpci.js';
import {
  COMMAND,
  COMMAND_INTX_DISABLE,
  COMMAND_MEMORY,
  modifyBars,
  type PendingMap,
  ROM_ENABLE,
  romRegister,
} from './bars.js';
import { msiControl, writeMsiControl, writeMsiMask, writeMsiMessage } from './msi.js';
import { msixControl, writeMsixControl } from './msix.js';
import type { VpciPorts } from './ports.js';
import { writeRebarControl } from './rebar.js';

/** What a register answers to a read of the whole of it. */
export function readRegister(ports: VpciPorts, register: Readonly<VpciRegister>): number {
  const device = ports.device();
  switch (register.read) {
    case 'ones':
      return 0xffff_ffff;
    case 'value':
      return register.arg;
    case 'hw':
      return ports.hwRead(register.offset, register.size as 1 | 2 | 4);
    case 'guest-command':
      return device.header.guestCommand;
    case 'guest-bar':
      return readGuestBar(device.bars, register.arg);
    case 'msi-control':
      return device.msi === null ? 0xffff : msiControl(device.msi);
    case 'msi-address':
      return device.msi?.addressLo ?? 0;
    case 'msi-address-hi':
      return device.msi?.addressHi ?? 0;
    case 'msi-data':
      return device.msi?.data ?? 0;
    case 'msi-mask':
      return device.msi?.mask ?? 0;
    case 'msix-control':
      return device.msix === null ? 0xffff : msixControl(device.msix);
    default:
      return assertNever(register.read, 'vPCI read handler');
  }
}

/** Carries out a write of a whole register. @returns Mapping work for after the access, or null. */
export function writeRegister(
  ports: VpciPorts,
  register: Readonly<VpciRegister>,
  value: number,
): PendingMap | null {
  const { msi, msix } = ports.device();
  switch (register.write) {
    case 'ignored':
      return null;
    case 'hw':
      ports.hwWrite(register.offset, register.size as 1 | 2 | 4, value);
      return null;
    case 'command':
      return writeCommand(ports, value);
    case 'bar':
      writeBar(ports, register, value);
      return null;
    case 'guest-bar':
      writeGuestBar(ports, register, value);
      return null;
    case 'rom':
      return writeRom(ports, register.arg, value);
    case 'msi-control':
      if (msi !== null) writeMsiControl(ports, msi, value);
      return null;
    case 'msi-address':
      writeMsiMessage(ports, { addressLo: value });
      return null;
    case 'msi-address-hi':
      writeMsiMessage(ports, { addressHi: value });
      return null;
    case 'msi-data':
      writeMsiMessage(ports, { data: value });
      return null;
    case 'msi-mask':
      if (msi !== null) writeMsiMask(ports, msi, value);
      return null;
    case 'msix-control':
      if (msix !== null) writeMsixControl(ports, msix, value);
      return null;
    case 'rebar-control':
      writeRebarControl(ports, register.offset, register.arg, value);
      return null;
    default:
      return assertNever(register.write, 'vPCI write handler');
  }
}

/** `cmd_write`: a change of the memory bit is carried out by (un)mapping the BARs first. @source facts/xen 5.5 */
function writeCommand(ports: VpciPorts, value: number): PendingMap | null {
  let command = value;
  const { msi, msix, header } = ports.device();
  if (!ports.isHardwareDomain) {
    if (msi?.enabled === true || msix?.enabled === true) command |= COMMAND_INTX_DISABLE;
    if (command !== header.guestCommand) ports.change('header', 0, { guestCommand: command });
  }
  if (header.barsMapped === ((command & COMMAND_MEMORY) !== 0)) {
    ports.hwWrite(COMMAND, 2, command);
    return null;
  }
  const work = modifyBars(ports, command, false);
  return typeof work === 'number' ? null : work;
}

const flagsOf = ({ type, prefetchable }: VpciBar): number =>
  (type === 'mem32' ? 0 : 4) | (prefetchable ? 8 : 0);

/** The BAR a register half belongs to: the high half follows its low half by one. */
function barOf(bars: readonly VpciBar[], index: number): { low: number; bar: VpciBar; isHigh: boolean } {
  const isHigh = bars[index]!.type === 'mem64-hi';
  const low = isHigh ? index - 1 : index;
  return { low, bar: bars[low]!, isHigh };
}

/** `bar_write`: a mapped BAR cannot move. @source facts/xen 5.5 */
function writeBar(ports: VpciPorts, register: Readonly<VpciRegister>, value: number): void {
  const { low, bar, isHigh } = barOf(ports.device().bars, register.arg);
  const half = isHigh ? value : (value & ~0xf) >>> 0;
  if (bar.enabled) {
    if (half !== (isHigh ? bar.addressHi : bar.addressLo))
      ports.warn(`ignored BAR ${register.arg} write while mapped`);
    return;
  }
  ports.change('bar', low, isHigh ? { addressHi: half, guestHi: half } : { addressLo: half, guestLo: half });
  ports.hwWrite(register.offset, 4, isHigh ? half : (half | flagsOf(bar)) >>> 0);
}

function readGuestBar(bars: readonly VpciBar[], index: number): number {
  const { bar, isHigh } = barOf(bars, index);
  return isHigh ? bar.guestHi : (bar.guestLo | flagsOf(bar)) >>> 0;
}

/** `guest_mem_bar_write`: keeps a guest address of its own, so that sizing works without hardware. @source facts/xen 5.5 */
function writeGuestBar(ports: VpciPorts, register: Readonly<VpciRegister>, value: number): void {
  const { low, bar, isHigh } = barOf(ports.device().bars, register.arg);
  const lo = isHigh ? bar.guestLo : (value & ~0xf) >>> 0;
  const hi = isHigh ? value : bar.guestHi;
  const lessLo = bar.sizeLo === 0 ? 0xffff_ffff : bar.sizeLo - 1;
  const lessHi = bar.sizeLo === 0 ? bar.sizeHi - 1 : bar.sizeHi;
  const guestLo = (lo & ~lessLo) >>> 0;
  const guestHi = (hi & ~lessHi) >>> 0;
  if (bar.enabled) {
    if (guestLo !== bar.guestLo || guestHi !== bar.guestHi)
      ports.warn(`ignored guest BAR ${register.arg} write while mapped`);
    return;
  }
  ports.change('bar', low, { guestLo, guestHi });
}

/** `rom_write`: while memory is decoded, turning the ROM on or off maps or unmaps it alone. @source facts/xen 5.5 */
function writeRom(ports: VpciPorts, index: number, value: number): PendingMap | null {
  const { header } = ports.device();
  const wasEnabled = ports.device().bars[index]!.enabled;
  const enable = (value & ROM_ENABLE) !== 0;
  if (wasEnabled && enable) {
    ports.warn('ignored ROM BAR write while mapped');
    return null;
  }
  const addressLo = (value & ~0x7ff) >>> 0;
  const place = (): void => ports.change('bar', index, { addressLo, guestLo: addressLo });
  if (!wasEnabled) place();
  if (!header.barsMapped || wasEnabled === enable) {
    if (header.romEnabled !== enable) ports.change('header', 0, { romEnabled: enable });
    ports.hwWrite(romRegister(header.barCount), 4, value);
    if (!enable) place();
    return null;
  }
  const work = modifyBars(ports, enable ? COMMAND_MEMORY : 0, true);
  if (typeof work === 'number') return null;
  if (!enable) place();
  return work;
}
