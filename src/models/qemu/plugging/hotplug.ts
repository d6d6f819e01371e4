import { command, reg } from '../../../pci/header.js';
import { has } from '../../../policy/has.js';
import { resetDeviceTree } from '../function/reset.js';
import { type FunctionImage, portType } from '../image.js';
import { imageOf, type QemuMachine, rootBusOf } from '../machine.js';
import { change16, get8, set8 } from '../registers.js';
import type { FunctionState } from '../state.js';
import { signalAcpi } from './acpi-hotplug.js';
import { addFunction, canUnplug } from './plug.js';
import { refusesShpc, shpcPlugged, shpcUnplugRequested } from './shpc.js';
import {
  express as capabilityOffset,
  closedToHotplug,
  LINK_ACTIVE,
  looksDown,
  refusesPlug,
  requestUnplug,
  STA_PRESENT,
  slotPlugged,
  slotPoweredByAcpi,
} from './slot.js';

/** A request to add a device, as the monitor's `device_add` takes it. */
export interface PlugRequest {
  readonly driver: string;
  readonly id: string;
  /** Name of the bus: a bridge's id, or the root bus. */
  readonly bus: string;
  /** Null: the first free device number. */
  readonly devfn: number | null;
  /** Index of the image it is made of; without it the last one of that driver. */
  readonly image?: number;
  /** Other functions may share its device number. */
  readonly multifunction?: boolean;
  /** Why the device itself will not start, in QEMU's words: an option it needs was not given. */
  readonly refusal?: string;
  /** Why an option cannot be read, in QEMU's words. */
  readonly badOption?: string;
}

/** Not an answer of QEMU's: the model cannot tell what the request leads to. */
export const UNKNOWN_DEVICE = 'unmodelled';

const ROOT_BUS = { q35: 'pcie.0', pc: 'pci.0', virt: 'pcie.0' } as const;

export function functionById(machine: QemuMachine, id: string): FunctionState | null {
  return machine.state.functions.find((fn) => fn !== null && fn.id === id) ?? null;
}

/** Index of the bus with a name; null when there is none. */
function busByName(machine: QemuMachine, name: string): number | null {
  if (name === ROOT_BUS[machine.board.kind] || name === '') return 0;
  return functionById(machine, name)?.secondary ?? null;
}

/** Who runs hot-plug on a bus. @source facts/q35-qemu 2.8 */
type Controller =
  | { readonly kind: 'slot' | 'shpc'; readonly bridge: FunctionState }
  | { readonly kind: 'acpi'; readonly bridge: FunctionState | null }
  | { readonly kind: 'none' };

function controllerOf(machine: QemuMachine, bus: number): Controller {
  const index = machine.state.buses[bus]!.bridge;
  const bridge = index === null ? null : machine.state.functions[index]!;
  if (machine.state.bsel.includes(bus) && rootBusOf(machine, bus) === 0) return { kind: 'acpi', bridge };
  if (bridge === null) return { kind: 'none' };
  const image = imageOf(machine, bridge);
  // ACPI takes the handler of such a port away. @source QEMU hw/acpi/pcihp.c acpi_pcihp_device_plug_cb (7.2)
  const byAcpi = machine.state.bsel.length > 0 && rootBusOf(machine, bus) === 0 && !bridge.hotplugged;
  if (byAcpi && closedToHotplug(machine, bridge)) return { kind: 'none' };
  if (looksDown(image.portType)) return { kind: 'slot', bridge };
  return image.shpc === null ? { kind: 'none' } : { kind: 'shpc', bridge };
}

const noHotplug = (machine: QemuMachine, bus: number): string => {
  const index = machine.state.buses[bus]!.bridge;
  const name = index === null ? ROOT_BUS[machine.board.kind] : machine.state.functions[index]!.id;
  return `Bus '${name}' does not support hotplugging`;
};

/**
 * Adds a device. The guest learns of it from the slot registers, the standard controller or ACPI.
 * @returns null when it was added; QEMU's text when it refuses; `unmodelled` when the model has no such device
 * @source facts/q35-qemu 2.8
 */
export function plug(machine: QemuMachine, request: PlugRequest): string | null {
  if (!canUnplug(request.driver)) return NOT_PLUGGABLE;
  const bus = busByName(machine, request.bus);
  if (bus === null) return `Bus '${request.bus}' not found`;
  const image = imageFor(machine, request, bus);
  if (image < 0) return UNKNOWN_DEVICE;
  const controller = controllerOf(machine, bus);
  if (controller.kind === 'none') return noHotplug(machine, bus);
  if (request.id !== '' && functionById(machine, request.id) !== null) {
    return `Duplicate device ID '${request.id}'`;
  }
  if (request.badOption !== undefined) return request.badOption;
  if (controller.kind === 'slot') {
    const refusal = refusesPlug(machine, controller.bridge);
    if (refusal !== null) return refusal;
  }
  const devfn = request.devfn ?? firstFree(machine, bus);
  const taken =
    refusesPlace(machine, request, bus, devfn, controller) ?? refusesCompany(machine, request, bus, devfn);
  if (taken !== null) return taken;
  if (request.refusal !== undefined) return request.refusal;
  if (controller.kind === 'shpc') {
    const refusal = refusesShpc(devfn);
    if (refusal !== null) return refusal;
  }
  const fn = addFunction(machine, { image, id: request.id, bus, devfn, hotplugged: true });
  settle(machine, fn);
  if (fn.secondary !== null) resetDeviceTree(machine, fn);
  const layout = get8(machine, fn, reg.headerType) & ~MULTIFUNCTION;
  set8(machine, fn, reg.headerType, layout | (request.multifunction === true ? MULTIFUNCTION : 0));
  announce(machine, controller, bus, devfn);
  return null;
}

/**
 * Cache line size of device types that set one as they are made. A machine's start resets it, and so does a native
 * slot without power; a function added to a running machine otherwise keeps it until its first reset.
 * @source measured: device_add of 33 types of QEMU 7.2 to a stopped i440FX machine; facts/q35-qemu 1.2
 */
const FRESH_CACHE_LINE: Readonly<Record<string, number>> = {
  e1000: 0x10,
  'e1000-82544gc': 0x10,
  'e1000-82545em': 0x10,
  e1000e: 0x10,
  'qemu-xhci': 0x10,
  'nec-usb-xhci': 0x10,
  'ich9-ahci': 0x08,
};

/** QEMU's answer to a text where an option is true or false; null where it takes the text. */
export function refusesBoolean(machine: QemuMachine, name: string, value: unknown): string | null {
  if (typeof value !== 'string' || !has(machine.board.releases, 'monitor-strict-booleans')) return null;
  return `Invalid parameter type for '${name}', expected: boolean`;
}

/** QEMU's answer for device types that only a machine's start can have. @source softmmu/qdev-monitor.c (7.2) */
const NOT_PLUGGABLE = "Parameter 'driver' expects a pluggable device type";

/** Device types with a PCI Express capability on a PCIe bus only: their bytes from one bus do not serve on another. */
const HYBRID = /^(virtio-|qemu-xhci$|nec-usb-xhci$|pvscsi$|vmxnet3$)/;

/**
 * The image a request is made of: the one it names, else the last of its type that fits the bus and is no virtual
 * function's; -1 without one.
 */
function imageFor(machine: QemuMachine, request: PlugRequest, bus: number): number {
  const express = isExpressBus(machine, bus);
  const fits = (image: FunctionImage): boolean =>
    !HYBRID.test(image.type) || (image.express !== null) === express;
  if (request.image !== undefined) return fits(machine.images[request.image]!) ? request.image : -1;
  const isVirtual = (index: number): boolean =>
    machine.images.some(({ virtualFunction }) => virtualFunction === index);
  return machine.images.findLastIndex(
    (image, index) => image.type === request.driver && fits(image) && !isVirtual(index),
  );
}

function isExpressBus(machine: QemuMachine, bus: number): boolean {
  const { bridge, number } = machine.state.buses[bus]!;
  if (bridge === null) return machine.board.kind !== 'pc';
  const { type, portType: above } = imageOf(machine, machine.state.functions[bridge]!);
  if (number !== null) return type === 'pxb-pcie';
  return above === portType.rootPort || above === portType.upstream || above === portType.downstream;
}

function announce(machine: QemuMachine, controller: Controller, bus: number, devfn: number): void {
  switch (controller.kind) {
    case 'slot':
      return slotPlugged(machine, controller.bridge);
    case 'shpc':
      return shpcPlugged(machine, controller.bridge, devfn);
    case 'acpi':
      if (controller.bridge !== null && looksDown(imageOf(machine, controller.bridge).portType)) {
        slotPoweredByAcpi(machine, controller.bridge);
      }
      return signalAcpi(machine, bus, devfn >>> 3, true);
    case 'none':
      return;
  }
}

/** A virtual function appeared: ACPI treats it like any added device, slots do not. */
export function announceVirtual(machine: QemuMachine, fn: FunctionState): void {
  const controller = controllerOf(machine, fn.bus);
  if (controller.kind === 'acpi') announce(machine, controller, fn.bus, fn.devfn);
}

function firstFree(machine: QemuMachine, bus: number): number {
  const { devices } = machine.state.buses[bus]!;
  let devfn = 0;
  while (devices[devfn] !== undefined && devfn < 0xf8) devfn += 8;
  return devfn;
}

/** A place that is taken, or whose function 0 is there already: later functions could not be shown. */
function refusesPlace(
  machine: QemuMachine,
  request: PlugRequest,
  bus: number,
  devfn: number,
  controller: Controller,
): string | null {
  const { devices } = machine.state.buses[bus]!;
  const at = (place: number): FunctionState | null =>
    devices[place] === undefined ? null : machine.state.functions[devices[place]]!;
  const there = at(devfn);
  if (there !== null) {
    const place = `slot ${devfn >>> 3} function ${devfn & 7}`;
    const owner = `${imageOf(machine, there).type},id=${there.id === '' ? '(null)' : there.id}`;
    return `PCI: ${place} not available for ${request.driver}, in use by ${owner}`;
  }
  const inSlot =
    controller.kind !== 'none' &&
    controller.bridge !== null &&
    looksDown(imageOf(machine, controller.bridge).portType);
  const zero = at(inSlot ? 0 : devfn & ~7);
  if (request.devfn === null || zero === null) return null;
  return (
    `PCI: slot ${zero.devfn >>> 3} function 0 already occupied by ${imageOf(machine, zero).type}, ` +
    `new func ${request.driver} cannot be exposed to guest.`
  );
}

const MULTIFUNCTION = 0x80;

/** Port types of an endpoint: behind a port, and integrated into the root complex. */
const ENDPOINT = 0;
const INTEGRATED_ENDPOINT = 9;

/** What depends on where and when a function is added. @source facts/q35-qemu 2.7 */
function settle(machine: QemuMachine, fn: FunctionState): void {
  const { type, express, hasSlot, portType: role } = imageOf(machine, fn);
  const cacheLine = FRESH_CACHE_LINE[type];
  if (cacheLine !== undefined) set8(machine, fn, reg.cacheLineSize, cacheLine);
  if (hasSlot) {
    // A new port: nothing was in its slot when its bytes were taken.
    change16(machine, fn, express! + capabilityOffset.slotStatus, STA_PRESENT, 0);
    change16(machine, fn, express! + capabilityOffset.linkStatus, LINK_ACTIVE, 0);
  }
  if (type === 'ivshmem-plain') set8(machine, fn, reg.command, command.io | command.memory);
  if (express !== null && (role === ENDPOINT || role === INTEGRATED_ENDPOINT)) {
    const integrated = fn.bus === 0 && machine.board.kind !== 'pc';
    const version = get8(machine, fn, express + 2) & 0x0f;
    set8(machine, fn, express + 2, (integrated ? INTEGRATED_ENDPOINT : ENDPOINT) * 16 + version);
  }
}

/** Function 0 says whether there are others; one that says no cannot join them. */
function refusesCompany(
  machine: QemuMachine,
  request: PlugRequest,
  bus: number,
  devfn: number,
): string | null {
  if ((devfn & 7) !== 0 || request.multifunction === true) return null;
  const { devices } = machine.state.buses[bus]!;
  const device = (devfn >>> 3).toString(16);
  for (let fn = 1; fn < 8; fn++) {
    if (devices[devfn + fn] === undefined) continue;
    return `PCI: ${device}.0 indicates single function, but ${device}.${fn} is already populated.`;
  }
  return null;
}

/** Asks for a device to leave. @returns null when the request was taken, else QEMU's text */
export function unplug(machine: QemuMachine, id: string): string | null {
  const fn = functionById(machine, id);
  if (fn === null) return `Device '${id}' not found`;
  // The time after which a request may be repeated never passes on a stopped clock.
  const pending = `Device ${id} is already in the process of unplug`;
  if (fn.unplugPending) return pending;
  const controller = controllerOf(machine, fn.bus);
  if (controller.kind === 'none') return noHotplug(machine, fn.bus);
  const { type } = imageOf(machine, fn);
  if (!canUnplug(type)) return `Device '${type}' does not support hotplugging`;
  switch (controller.kind) {
    case 'slot':
      return requestUnplug(machine, controller.bridge, fn);
    case 'shpc': {
      const refusal = refusesShpc(fn.devfn);
      if (refusal === null) shpcUnplugRequested(machine, controller.bridge, fn.devfn);
      return refusal;
    }
    case 'acpi':
      fn.unplugPending = true;
      signalAcpi(machine, fn.bus, fn.devfn >>> 3, false);
      return null;
  }
}
