import type { DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import type { RecordObject } from '../../events/field.js';
import type { FunctionId } from '../../pci/function-id.js';
import { busOf, type Dom0Sbdf, devfnOf, segmentOf } from '../../pci/sbdf.js';
import type { LinuxDevice } from '../../state/sysfs.js';
import type { Context } from '../context.js';
import { type Resource, rangesOf } from '../hardware/bars.js';
import { heldConfig, readConfig, writeConfig } from '../hardware/config-space.js';

import { linuxDomain } from '../xen/driver-domain.js';
import { enterXen } from '../xen/hypercalls.js';

/** The device object the hardware domain's Linux has for a name. */
export function linuxDevice(context: Context, sbdf: number): Readonly<LinuxDevice> | undefined {
  return context.state.linux.devices[sbdf];
}

export function linuxRead(context: Context, sbdf: Dom0Sbdf, reg: number, sizeBytes: number): number {
  const device = linuxDevice(context, sbdf);
  return device === undefined
    ? 2 ** (8 * sizeBytes) - 1
    : readConfig(context, device.function as FunctionId, reg, sizeBytes);
}

/** A register that never changes, as Linux remembers it from the scan, whether the device answers now or not. */
export function linuxRemembers(context: Context, sbdf: Dom0Sbdf, reg: number, sizeBytes: number): number {
  const device = linuxDevice(context, sbdf);
  return device === undefined
    ? 2 ** (8 * sizeBytes) - 1
    : heldConfig(context, device.function as FunctionId, reg, sizeBytes);
}

/** A config write of the hardware domain's kernel, as an event of its own. */
export function linuxWrite(
  context: Context,
  sbdf: Dom0Sbdf,
  reg: number,
  sizeBytes: number,
  value: number,
): void {
  const device = linuxDevice(context, sbdf);
  if (device === undefined) return;
  const fn = device.function as FunctionId;
  context.emit(by(context), 'linux.config-written', { sbdf, function: fn, reg, size: sizeBytes, value });
  writeConfig(context, 'hw', fn, reg, sizeBytes, value);
}

/** Who speaks for the hardware domain. */
export const by = (context: Context): string => `d${linuxDomain(context)}`;

export function linuxLog(context: Context, text: string): void {
  context.emit(by(context), 'linux.logged', { domid: linuxDomain(context), text });
}

/** A hypercall of the hardware domain's kernel; its result. */
export function linuxHypercall(context: Context, hypercall: string, op: string, args: RecordObject): number {
  return enterXen(context, linuxDomain(context), hypercall, op, args).ret;
}

/** `{seg, bus, devfn}` as the physdev operations name a device. */
export const physdevName = (sbdf: Dom0Sbdf): RecordObject => ({
  seg: segmentOf(sbdf) & 0xffff,
  bus: busOf(sbdf),
  devfn: devfnOf(sbdf),
});

/** BARs and ROM of a device as Linux sized them, by register offset. @source facts/dom0 5.3, 9.1 */
export function resourcesOf(context: Context, sbdf: Dom0Sbdf): Readonly<Record<number, Resource>> {
  const device = linuxDevice(context, sbdf);
  return device === undefined ? {} : rangesOf(context, device.function as FunctionId, heldConfig);
}

/**
 * `pci_enable_device`: D0, decode bits for the resources there are, and on an x86 PV hardware domain the pin's GSI.
 * Enabling an enabled device counts only. @source facts/dom0 2.5 (GSI), 4.4
 */
export function enableDevice(context: Context, sbdf: Dom0Sbdf): number {
  const device = linuxDevice(context, sbdf);
  if (device === undefined) return -19;
  if (device.enabled) return 0;
  const resources = Object.values(resourcesOf(context, sbdf));
  let command = linuxRead(context, sbdf, 0x04, 2);
  const wanted = resources.reduce(
    (bits, one) => bits | ((one.lowBits & 1) === 1 && one.sizeBytes <= 0x1_0000 ? 1 : 2),
    0,
  );
  if ((command & wanted) !== wanted) {
    command |= wanted;
    linuxWrite(context, sbdf, 0x04, 2, command);
  }
  context.emit(by(context), 'linux.enable-changed', { sbdf, enabled: true });
  if (device.gsi !== 0 && linuxRead(context, sbdf, 0x3d, 1) !== 0) setUpGsi(context, device.gsi);
  return 0;
}

/** PV Dom0: pirq equals GSI; mapping happens once, set-up each time, and -EEXIST harms nobody. @source facts/dom0 2.5 */
export function setUpGsi(context: Context, gsi: number): void {
  if (gsi === 0) return;
  if (context.env.platform.arch !== 'x86_64') return;
  if (context.state.domains[linuxDomain(context)]?.type !== 'pv') return;
  if (context.state.linux.gsis[gsi] === undefined) {
    const args = {
      domid: domids.SELF,
      type: 1,
      index: gsi,
      pirq: gsi,
      bus: 0,
      devfn: 0,
      entry_nr: 0,
      table_base: 0,
    };
    linuxHypercall(context, 'physdev_op', 'map_pirq', args);
    linuxHypercall(context, 'physdev_op', 'alloc_irq_vector', { irq: gsi, vector: 0 });
    context.emit(by(context), 'linux.gsi-mapped', { gsi });
  }
  linuxHypercall(context, 'physdev_op', 'setup_gsi', { gsi, triggering: 1, polarity: 0 });
}

/** `pci_disable_device`: bus mastering goes, decoding stays. @source facts/dom0 5.3 */
export function disableDevice(context: Context, sbdf: Dom0Sbdf): void {
  const command = linuxRead(context, sbdf, 0x04, 2);
  if ((command & 4) !== 0) linuxWrite(context, sbdf, 0x04, 2, command & ~4);
  if (linuxDevice(context, sbdf)?.enabled === true) {
    context.emit(by(context), 'linux.enable-changed', { sbdf, enabled: false });
  }
}

export function setOwner(context: Context, sbdf: Dom0Sbdf, domid: DomainId | null): void {
  const before = linuxDevice(context, sbdf)?.owner ?? null;
  if (domid !== null && before !== null && before !== domid)
    linuxLog(context, `Stealing ownership from dom${before}.`);
  if (before !== domid) context.emit(by(context), 'linux.owner-changed', { sbdf, domid });
}
