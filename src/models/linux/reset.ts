import type { FunctionId } from '../../pci/function-id.js';
import { busOf, type Dom0Sbdf, segmentOf } from '../../pci/sbdf.js';
import type { Context } from '../context.js';
import { describeFunction } from '../hardware/config-space.js';
import { by, linuxDevice, linuxRead, linuxWrite } from './devices.js';
import { findCapability } from './pciback/fields.js';

export type ResetMethod = 'device_specific' | 'acpi' | 'flr' | 'af_flr' | 'pm' | 'bus' | 'cxl_bus';

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
  const read = (reg: number, size: number): number => linuxRead(context, device, reg, size);
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
  if ((linuxRead(context, device, 0x0e, 1) & 0x7f) === 1) return false;
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
 * `__pci_reset_function_locked`: the first method there is. The function's writable registers fall back.
 * @returns the method, or null when the device has none (-ENOTTY).
 */
export function resetFunction(context: Context, device: Dom0Sbdf): ResetMethod | null {
  const method = resetMethods(context, device)[0] ?? null;
  const fn = linuxDevice(context, device)?.function;
  if (fn === undefined) return null;
  const read = (reg: number, size: number): number => linuxRead(context, device, reg, size);
  const write = (reg: number, size: number, value: number): void =>
    linuxWrite(context, device, reg, size, value);
  switch (method) {
    case 'device_specific':
    case 'flr': {
      const express = findCapability(read, 0x10);
      if (express !== 0) write(express + 8, 2, read(express + 8, 2) | 0x8000);
      break;
    }
    case 'af_flr': {
      const features = findCapability(read, 0x13);
      write(features + 4, 1, 1);
      break;
    }
    case 'pm': {
      const control = findCapability(read, 0x01) + 4;
      const now = read(control, 2) & ~3;
      write(control, 2, now | 3);
      write(control, 2, now);
      break;
    }
    case 'bus': {
      const bridge = parentBridge(context, device)!;
      const control = linuxRead(context, bridge, 0x3e, 2);
      linuxWrite(context, bridge, 0x3e, 2, control | 0x40);
      linuxWrite(context, bridge, 0x3e, 2, control);
      break;
    }
    default:
      break;
  }
  context.emit(by(context), 'linux.device-reset', { sbdf: device, function: fn as FunctionId, method });
  if (method !== null) fallBack(context, fn as FunctionId, linuxDevice(context, device)?.physfn !== null);
  return method;
}

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
