import { findCapability } from '../../pci/capability-walk.js';
import type { FunctionId } from '../../pci/function-id.js';
import { busOf, type Dom0Sbdf, formatSbdf, segmentOf } from '../../pci/sbdf.js';
import type { Context, Decider } from '../context.js';
import { describeFunction } from '../hardware/config-space.js';
import { by, linuxDevice, linuxLog, linuxRead, linuxRemembers, linuxWrite } from './devices.js';

export type ResetMethod = 'device_specific' | 'acpi' | 'flr' | 'af_flr' | 'pm' | 'bus' | 'cxl_bus';

const NO_ANSWER = 0xffff;
const NO_SOFT_RESET = 0x8;

/** Quirked devices with a method of their own, as vendor << 16 | device. @source facts/dom0 11.1 row 1 */
const deviceSpecific: readonly number[] = [
  0x8086_10ed, 0x8086_0152, 0x8086_0162, 0x8086_0953, 0x8086_0a54, 0x144d_a804, 0x025e_f1ac,
];

/**
 * Methods Linux has for a device, in order of priority. Functions with an ACPI `_RST` are not described by a platform,
 * so that method is never found. @source facts/dom0 11.1
 */
export function resetMethods(context: Context, device: Dom0Sbdf): readonly ResetMethod[] {
  if (linuxDevice(context, device) === undefined) return [];
  const read = (reg: number, size: number): number => linuxRemembers(context, device, reg, size);
  const methods: ResetMethod[] = [];
  if (deviceSpecific.includes(read(0, 2) * 0x1_0000 + read(2, 2))) methods.push('device_specific');
  const express = findCapability(read, 0x10);
  if (express !== 0 && (read(express + 4, 4) & 0x1000_0000) !== 0) methods.push('flr');
  const features = findCapability(read, 0x13);
  if (features !== 0 && (read(features + 3, 1) & 3) === 3) methods.push('af_flr');
  const power = findCapability(read, 0x01);
  if (power !== 0 && (read(power + 4, 2) & 0x000b) === 0) methods.push('pm');
  if (canResetBus(context, device)) methods.push('bus');
  return methods;
}

/** The parent bridge's reset hits everything below it: only for a device alone on its bus, and no bridge. */
function canResetBus(context: Context, device: Dom0Sbdf): boolean {
  if ((linuxRemembers(context, device, 0x0e, 1) & 0x7f) === 1) return false;
  if (parentBridge(context, device) === null) return false;
  return Object.keys(context.state.linux.devices)
    .map(Number)
    .every(
      (other) => other === device || busOf(other) !== busOf(device) || segmentOf(other) !== segmentOf(device),
    );
}

/** The bridge whose secondary bus the device is on; null on a root bus. */
export function parentBridge(context: Context, device: Dom0Sbdf): Dom0Sbdf | null {
  for (const key of Object.keys(context.state.linux.devices)) {
    const other = Number(key) as Dom0Sbdf;
    if (segmentOf(other) !== segmentOf(device)) continue;
    if ((linuxRead(context, other, 0x0e, 1) & 0x7f) !== 1) continue;
    if (linuxRead(context, other, 0x19, 1) === busOf(device) && busOf(device) !== 0) return other;
  }
  return null;
}

/**
 * `__pci_reset_function_locked`: the first method after which the device answers. Its writable registers fall back.
 * @param driver - the one being bound, where that is under way
 * @returns the method, or null when the device has none, or none brought it back (-ENOTTY).
 * @source facts/dom0 11.1; drivers/pci/pci.c of Linux 6.1
 */
export function resetFunction(context: Context, device: Dom0Sbdf, driver?: string): ResetMethod | null {
  const fn = linuxDevice(context, device)?.function as FunctionId | undefined;
  if (fn === undefined) return null;
  const methods = resetMethods(context, device);
  const reset = (method: ResetMethod | null): void => {
    context.emit(by(context), 'linux.device-reset', { sbdf: device, function: fn, method });
  };
  for (const method of methods) {
    if (!perform(context, device, method, driver)) continue;
    reset(method);
    if (!isBack(context, device, method, driver)) continue;
    fallBack(context, fn, linuxDevice(context, device)?.physfn !== null);
    return method;
  }
  if (methods.length === 0) reset(null);
  return null;
}

/** Writes what starts a reset. @returns false where the method finds that it is none for the device as it is now */
function perform(
  context: Context,
  device: Dom0Sbdf,
  method: ResetMethod,
  driver: string | undefined,
): boolean {
  const remembered = (reg: number, size: number): number => linuxRemembers(context, device, reg, size);
  const read = (reg: number, size: number): number => linuxRead(context, device, reg, size);
  const write = (reg: number, size: number, value: number): void =>
    linuxWrite(context, device, reg, size, value);
  switch (method) {
    case 'device_specific':
    case 'flr': {
      const express = findCapability(remembered, 0x10);
      if (express === 0) return true;
      // Only a device that answers nothing keeps the bit set: an image with it was taken in the middle of a request.
      if (read(express + 0x0a, 2) === NO_ANSWER)
        say(
          context,
          device,
          'timed out waiting for pending transaction; performing function level reset anyway',
          driver,
        );
      write(express + 8, 2, read(express + 8, 2) | 0x8000);
      return true;
    }
    case 'af_flr': {
      const features = findCapability(remembered, 0x13);
      write(features + 4, 1, 1);
      return true;
    }
    case 'pm': {
      const control = findCapability(remembered, 0x01) + 4;
      const before = read(control, 2);
      if ((before & NO_SOFT_RESET) !== 0) return false;
      const now = before & ~3;
      write(control, 2, now | 3);
      write(control, 2, now);
      return true;
    }
    case 'bus': {
      const bridge = parentBridge(context, device)!;
      const control = linuxRead(context, bridge, 0x3e, 2);
      linuxWrite(context, bridge, 0x3e, 2, control | 0x40);
      linuxWrite(context, bridge, 0x3e, 2, control);
      return true;
    }
    default:
      return true;
  }
}

/** What the lines about a device that stays away call the reset. */
const spoken: Readonly<Partial<Record<ResetMethod, string>>> = {
  device_specific: 'FLR',
  flr: 'FLR',
  af_flr: 'AF_FLR',
  pm: 'PM D3hot->D0',
  bus: 'bus reset',
};
const SILENT_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

/**
 * `pci_dev_wait`: reads the command register until it is not all ones, after 1, 2, 4 … ms. The waiting is not seen in
 * trace time: nothing else happens meanwhile, and a device that hangs does not come back by itself.
 */
function isBack(
  context: Context,
  device: Dom0Sbdf,
  method: ResetMethod,
  driver: string | undefined,
): boolean {
  const isSilent = context.state.hw.hung?.[linuxDevice(context, device)!.function] === 'now';
  if (!isSilent) return true;
  const after = `after ${spoken[method] ?? method}`;
  let delay = 1;
  for (; delay <= LONGEST_WAIT_MS; delay *= 2)
    if (delay > SILENT_WAIT_MS) say(context, device, `not ready ${delay - 1}ms ${after}; waiting`, driver);
  say(context, device, `not ready ${delay - 1}ms ${after}; giving up`, driver);
  return false;
}

function say(context: Context, device: Dom0Sbdf, text: string, binding?: string): void {
  const driver = binding ?? linuxDevice(context, device)?.driver ?? 'pci';
  linuxLog(context, `${driver} ${formatSbdf(device)}: ${text}`);
}

/** A device that hung comes back: its registers are as after a reset. */
export const decideHang: Decider<'device.hung'> = (context, { data }) => {
  if (data.hangs !== 'no') return;
  const known = Object.values(context.state.linux.devices).find((one) => one.function === data.function);
  fallBack(context, data.function, (known?.physfn ?? null) !== null);
};

/** After a reset every register software can change below 0x100 is 0. */
function fallBack(context: Context, fn: FunctionId, isVirtual: boolean): void {
  for (const { reg, value } of fallenRegisters(context, fn, isVirtual))
    context.emit('hw', 'config.changed', { function: fn, reg, value });
}

/** Dwords below 0x100 that a reset or a loss of power changes: what they hold, and what they fall back to. */
export function fallenRegisters(
  context: Context,
  fn: FunctionId,
  isVirtual: boolean,
): readonly { readonly reg: number; readonly before: number; readonly value: number }[] {
  const described = describeFunction(context.env.platform, fn);
  const mask = described?.writeMask ?? null;
  if (described === undefined || mask === null) return [];
  const fallen: { reg: number; before: number; value: number }[] = [];
  for (let reg = 0; reg < Math.min(256, described.config.length); reg += 4) {
    const writable =
      (mask[reg]! | (mask[reg + 1]! << 8) | (mask[reg + 2]! << 16) | (mask[reg + 3]! << 24)) >>> 0;
    // Base addresses of a virtual function stand in its physical function.
    if (writable === 0 || (isVirtual && isBaseAddress(reg))) continue;
    const image = described.config;
    const before =
      context.state.hw.config[fn]?.[reg] ??
      (image[reg]! | (image[reg + 1]! << 8) | (image[reg + 2]! << 16) | (image[reg + 3]! << 24)) >>> 0;
    const value = (before & ~writable) >>> 0;
    if (value !== before) fallen.push({ reg, before, value });
  }
  return fallen;
}

const isBaseAddress = (reg: number): boolean => reg >= 0x10 && reg <= 0x24;

/** PCI Express registers `pci_save_state` keeps, by offset in the capability. @source facts/dom0 11.2, 11.3 */
function expressRegisters(context: Context, device: Dom0Sbdf): readonly number[] {
  const read = (reg: number, size: number): number => linuxRead(context, device, reg, size);
  const express = findCapability(read, 0x10);
  if (express === 0) return [];
  const flags = read(express + 2, 2);
  const port = (flags >>> 4) & 0xf;
  const isPort = port === 4 || port === 6 || port === 8;
  const hasSlot = isPort && (flags & 0x100) !== 0;
  const hasLink = port !== 9 && port !== 10;
  const offsets = [0x08];
  if (hasLink) offsets.push(0x10);
  if (hasSlot) offsets.push(0x18);
  if (port === 4 || port === 10) offsets.push(0x1c);
  if ((flags & 0xf) > 1) {
    offsets.push(0x28);
    if (hasLink) offsets.push(0x30);
    if (hasSlot) offsets.push(0x38);
  }
  return offsets.map((offset) => express + offset);
}

/** `pci_save_state`, what of it pciback keeps: registers by offset, PCI Express ones first. */
export function saveState(context: Context, device: Dom0Sbdf): Readonly<Record<number, number>> {
  const saved: Record<number, number> = {};
  for (const reg of expressRegisters(context, device)) saved[reg] = linuxRead(context, device, reg, 2);
  for (let reg = 0; reg < 0x40; reg += 4) saved[reg] = linuxRead(context, device, reg, 4);
  return saved;
}

/** `pci_restore_state`: PCI Express controls always, header dwords from the top where they differ. @source facts/dom0 11.2 */
export function restoreState(
  context: Context,
  device: Dom0Sbdf,
  saved: Readonly<Record<number, number>>,
): void {
  restoreExpress(context, device, saved);
  const isBridge = ((saved[0x0c] ?? 0) & 0x7f0000) === 0x010000;
  const order = isBridge ? [] : [0x3c, 0x38, 0x34, 0x30, 0x2c, 0x28, 0x24, 0x20, 0x1c, 0x18, 0x14, 0x10];
  for (const reg of [...order, 0x0c, 0x08, 0x04, 0x00]) {
    const value = saved[reg];
    if (value !== undefined && linuxRead(context, device, reg, 4) !== value)
      linuxWrite(context, device, reg, 4, value);
  }
}

/** PCI Express controls of what `saveState` kept, written whether they differ or not. */
export function restoreExpress(
  context: Context,
  device: Dom0Sbdf,
  saved: Readonly<Record<number, number>>,
): void {
  for (const reg of expressRegisters(context, device)) {
    const value = saved[reg];
    if (value !== undefined) linuxWrite(context, device, reg, 2, value);
  }
}
