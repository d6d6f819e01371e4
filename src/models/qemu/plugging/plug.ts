import { setIntx } from '../function/intx.js';
import { rebuildWindows } from '../function/mapping.js';
import type { FunctionImage } from '../image.js';
import { forEachFunctionOn, imageOf, type QemuMachine } from '../machine.js';
import type { FunctionState } from '../state.js';

/** Where and as what a function is put. */
export interface Placement {
  readonly image: number;
  readonly id: string;
  readonly bus: number;
  readonly devfn: number;
  readonly hotplugged: boolean;
  /** Bus number of the root bus behind an expander. */
  readonly rootBus?: number;
  readonly physical?: number;
  readonly virtualNumber?: number;
}

/** Adds a function, and its secondary bus when it is a bridge. The newest bridge is searched first. O(1). */
export function addFunction(machine: QemuMachine, placement: Placement): FunctionState {
  const { state } = machine;
  const image: FunctionImage = machine.images[placement.image]!;
  const index = state.functions.length;
  const { rootBus, physical = null, virtualNumber = 0, ...placed } = placement;
  const secondary = image.isBridge || rootBus !== undefined ? state.buses.length : null;
  const fn: FunctionState = {
    ...placed,
    secondary,
    physical,
    virtualNumber,
    config: {},
    writeMask: {},
    bars: {},
    windows: null,
    powered: true,
    busMaster: false,
    intx: false,
    hotplugNotified: false,
    unplugPending: false,
    msixMasked: true,
    msixTable: {},
    msixPending: {},
    aerLog: [],
    own: {},
  };
  state.functions.push(fn);
  state.mapVersion += 1;
  state.buses[placement.bus]!.devices[placement.devfn] = index;
  if (secondary !== null) {
    state.buses.push({ bridge: index, number: rootBus ?? null, devices: {}, children: [] });
    state.buses[placement.bus]!.children.unshift(secondary);
    if (image.isBridge) rebuildWindows(machine, fn);
  }
  return fn;
}

/** Takes a function out with everything below it; the freed bus answers no more. */
export function removeFunction(machine: QemuMachine, fn: FunctionState): void {
  const { state } = machine;
  const bus = state.buses[fn.bus]!;
  const index = bus.devices[fn.devfn]!;
  if (imageOf(machine, fn).sriov !== null) {
    for (const vf of state.functions) if (vf !== null && vf.physical === index) removeFunction(machine, vf);
  }
  if (fn.secondary !== null) {
    forEachFunctionOn(machine, fn.secondary, (below) => removeFunction(machine, below));
    bus.children = bus.children.filter((child) => child !== fn.secondary);
    state.buses[fn.secondary] = null;
  }
  if (imageOf(machine, fn).pin !== null) setIntx(machine, fn, false);
  delete bus.devices[fn.devfn];
  state.mapVersion += 1;
  state.functions[index] = null;
  if (fn.unplugPending) machine.effects.push({ kind: 'unplugged', id: fn.id });
}

/** Device types that are never taken out: the chipset, and what QEMU marks so (graphics, companion controllers). */
const SOLDERED =
  /^(mch|ICH9-LPC|ich9-ahci|ICH9-SMB|i440FX|PIIX3|piix3-ide|PIIX4_PM|gpex-root|ich9-usb-.*|pci-ohci|VGA|cirrus-vga|qxl-vga|vmware-svga|virtio-vga.*|virtio-gpu.*|pxb.*)$/;

export const canUnplug = (type: string): boolean => !SOLDERED.test(type);
