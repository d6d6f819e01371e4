import { updateSci } from '../chipset/pm-registers.js';
import { forEachFunctionOn, functionsOn, imageOf, type QemuMachine } from '../machine.js';
import { type Region, region } from '../region.js';
import type { FunctionState } from '../state.js';
import { canUnplug, removeFunction } from './plug.js';

const UP = 0;
const DOWN = 4;
const EJECT = 8;
const REMOVABLE = 12;
const SELECT = 16;
/** Selectors QEMU keeps status for. */
const SELECTORS = 256;
const GPE_HOTPLUG = 2;

/**
 * ACPI hot-plug registers: dwords only; selector, bitmaps of slots going up and down, eject.
 * @source facts/q35-qemu 2.8
 */
export const acpiHotplug: Region = region('acpi-pci-hotplug', {
  minAccess: 4,
  read: (machine, _target, at) => {
    const { acpiHotplug: hp } = machine.state;
    if (hp.select >= SELECTORS) return 0;
    switch (at) {
      case UP: {
        const up = hp.up[hp.select] ?? 0;
        delete hp.up[hp.select];
        return up;
      }
      case DOWN:
        return hp.down[hp.select] ?? 0;
      case REMOVABLE:
        return removable(machine, hp.select);
      case SELECT:
        return hp.select;
      default:
        return 0;
    }
  },
  write: (machine, _target, at, _size, value) => {
    const { acpiHotplug: hp } = machine.state;
    if (at === SELECT) hp.select = value >>> 0;
    else if (at === EJECT && hp.select < SELECTORS) ejectSlot(machine, hp.select, value);
  },
});

/** Slots whose device may leave: not a bridge of the start, not the chipset. Kept as it was at power-on. */
function removable(machine: QemuMachine, select: number): number {
  const bus = machine.state.bsel[select];
  if (bus === undefined) return 0xffff_ffff;
  let slots = 0xffff_ffff;
  for (const fn of functionsOn(machine, bus)) {
    if (!fn.hotplugged && fixed(machine, fn)) slots &= ~(1 << (fn.devfn >>> 3));
  }
  return slots >>> 0;
}

const fixed = (machine: QemuMachine, fn: FunctionState): boolean =>
  imageOf(machine, fn).isBridge || !canUnplug(imageOf(machine, fn).type);

function ejectSlot(machine: QemuMachine, select: number, slots: number): void {
  const bus = machine.state.bsel[select];
  if (bus === undefined || machine.state.buses[bus] === null || slots === 0) return;
  const slot = 31 - Math.clz32(slots & -slots);
  const { acpiHotplug: hp } = machine.state;
  hp.down[select] = ((hp.down[select] ?? 0) & ~(1 << slot)) >>> 0;
  hp.up[select] = ((hp.up[select] ?? 0) & ~(1 << slot)) >>> 0;
  forEachFunctionOn(machine, bus, (fn) => {
    // Virtual functions leave with their physical one only.
    if (fn.devfn >>> 3 !== slot || fn.physical !== null || (!fn.hotplugged && fixed(machine, fn))) return;
    removeFunction(machine, fn);
  });
}

/** What a machine reset does: devices that were asked to leave go; what was announced stays so. */
export function ejectPending(machine: QemuMachine): void {
  const { acpiHotplug: hp, bsel } = machine.state;
  for (const select of bsel.keys()) {
    while ((hp.down[select] ?? 0) !== 0) ejectSlot(machine, select, hp.down[select]!);
  }
}

/** Tells the guest that a slot of `bus` changed: its bit in the bitmap and GPE 1. */
export function signalAcpi(machine: QemuMachine, bus: number, slot: number, up: boolean): void {
  const select = machine.state.bsel.indexOf(bus);
  if (select < 0) return;
  const { acpiHotplug: hp, pm } = machine.state;
  const bitmap = up ? hp.up : hp.down;
  bitmap[select] = ((bitmap[select] ?? 0) | (1 << slot)) >>> 0;
  pm.gpe[0] = (pm.gpe[0] ?? 0) | GPE_HOTPLUG;
  updateSci(machine);
}
