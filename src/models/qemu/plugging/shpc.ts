import { overlaps } from '../../../pci/header.js';
import { setIntx } from '../function/intx.js';
import { msiEnabled, msiNotify } from '../function/msi.js';
import { imageOf, type QemuMachine } from '../machine.js';
import { get8, set32 } from '../registers.js';
import type { FunctionState } from '../state.js';
import { removeFunction } from './plug.js';

/**
 * Standard hot-plug controller of `pci-bridge` and `pcie-pci-bridge`: 31 slots, device n in slot n. Its working
 * registers are in BAR 0 and, one dword at a time, behind the capability's data register.
 * @source facts/q35-qemu 2.11; register layout: PCI Standard Hot-Plug Controller 1.0 chapter 4
 */
const SLOTS = 31;
const SLOT0 = 0x24;
export const SHPC_BYTES = SLOT0 + 4 * SLOTS;

const at = {
  slots33: 0x04,
  slots: 0x0c,
  firstDevice: 0x0d,
  physicalSlot: 0x0e,
  busConfig: 0x10,
  interface: 0x13,
  command: 0x14,
  target: 0x15,
  commandStatus: 0x16,
  interruptLocator: 0x18,
  serrInterrupt: 0x20,
} as const;

/** `own` key that remembers the interrupt level last signalled; registers use their offsets. */
const REQUESTED = -1;

const stateOf = { powerOnly: 1, enabled: 2, disabled: 3 } as const;
const led = { none: 0, on: 1, off: 3 } as const;
const MRL_OPEN = 0x100;
const INVALID_COMMAND = 4;
const INVALID_MODE = 8;

const byte = (fn: FunctionState, offset: number): number => fn.own[offset] ?? 0;
const put = (fn: FunctionState, offset: number, value: number): void => {
  fn.own[offset] = value & 0xff;
};
const slotAt = (slot: number): number => SLOT0 + 4 * slot;
const slotField = (fn: FunctionState, slot: number, mask: number, shift: number): number =>
  ((byte(fn, slotAt(slot)) | (byte(fn, slotAt(slot) + 1) << 8)) & mask) >>> shift;

function setSlotField(fn: FunctionState, slot: number, mask: number, shift: number, value: number): void {
  const old = byte(fn, slotAt(slot)) | (byte(fn, slotAt(slot) + 1) << 8);
  const next = (old & ~mask) | ((value << shift) & 0xffff);
  put(fn, slotAt(slot), next);
  put(fn, slotAt(slot) + 1, next >>> 8);
}

function fillSlot(fn: FunctionState, slot: number, populated: boolean): void {
  setSlotField(fn, slot, 0x3, 0, populated ? stateOf.enabled : stateOf.disabled);
  setSlotField(fn, slot, MRL_OPEN, 8, populated ? 0 : 1);
  setSlotField(fn, slot, 0xc00, 10, populated ? 0 : 3);
  setSlotField(fn, slot, 0xc, 2, populated ? led.on : led.off);
}

/** Registers at reset: populated slots are enabled and lit, empty ones disabled with the latch open. */
export function resetShpc(machine: QemuMachine, fn: FunctionState): void {
  fn.own = {};
  put(fn, at.slots, SLOTS);
  put(fn, at.slots33, SLOTS);
  put(fn, at.firstDevice, 1);
  put(fn, at.physicalSlot, 1);
  put(fn, at.physicalSlot + 1, 0xe0);
  put(fn, at.serrInterrupt, 0xf);
  put(fn, at.interface, 1);
  const { devices } = machine.state.buses[fn.secondary!]!;
  for (let slot = 0; slot < SLOTS; slot++) {
    put(fn, slotAt(slot) + 3, 0x7f);
    fillSlot(fn, slot, devices[(slot + 1) * 8] !== undefined);
    setSlotField(fn, slot, 0x200, 9, 0);
  }
  updateInterrupt(machine, fn);
}

export function readShpc(fn: FunctionState, offset: number, sizeBytes: number): number {
  let value = 0;
  for (let i = 0; i < sizeBytes && offset + i < SHPC_BYTES; i++) value += byte(fn, offset + i) * 2 ** (8 * i);
  return value;
}

/** Writable bits: command, target, interrupt disables; write-1-to-clear: detected bits and slot event latches. */
function masks(offset: number): { readonly write: number; readonly clear: number } {
  if (offset === at.command) return { write: 0xff, clear: 0 };
  if (offset === at.target) return { write: 0x1f, clear: 0 };
  if (offset === at.serrInterrupt) return { write: 0x0f, clear: 0 };
  if (offset === at.serrInterrupt + 2) return { write: 0, clear: 0x03 };
  if (offset >= SLOT0 && (offset & 3) === 2) return { write: 0, clear: 0x1f };
  if (offset >= SLOT0 && (offset & 3) === 3) return { write: 0x7f, clear: 0 };
  return { write: 0, clear: 0 };
}

export function writeShpc(
  machine: QemuMachine,
  fn: FunctionState,
  offset: number,
  sizeBytes: number,
  value: number,
): void {
  if (offset >= SHPC_BYTES) return;
  const length = Math.min(sizeBytes, SHPC_BYTES - offset);
  for (let i = 0; i < length; i++) {
    const data = (value >>> (8 * i)) & 0xff;
    const { write, clear } = masks(offset + i);
    put(fn, offset + i, ((byte(fn, offset + i) & ~write) | (data & write)) & ~(data & clear));
  }
  if (overlaps(offset, length, at.command, 2)) runCommand(machine, fn);
  updateInterrupt(machine, fn);
}

function runCommand(machine: QemuMachine, fn: FunctionState): void {
  put(fn, at.commandStatus, byte(fn, at.commandStatus) & ~0x0f);
  const code = byte(fn, at.command);
  if (code < 0x40) {
    slotCommand(machine, fn, byte(fn, at.target), code & 3, (code >>> 2) & 3, (code >>> 4) & 3);
  } else if (code < 0x48) {
    if ((code & 7) === 0) put(fn, at.busConfig, byte(fn, at.busConfig) & ~7);
    else put(fn, at.commandStatus, byte(fn, at.commandStatus) | INVALID_MODE);
  } else if (code === 0x48 || code === 0x49) {
    allSlots(machine, fn, code === 0x48 ? stateOf.powerOnly : stateOf.enabled);
  } else {
    invalidCommand(fn);
  }
  put(fn, at.serrInterrupt + 2, byte(fn, at.serrInterrupt + 2) | 1);
}

function invalidCommand(fn: FunctionState): void {
  put(fn, at.commandStatus, byte(fn, at.commandStatus) | INVALID_COMMAND);
}

function allSlots(machine: QemuMachine, fn: FunctionState, state: number): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    if (slotField(fn, slot, 3, 0) === stateOf.enabled) return invalidCommand(fn);
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    const open = slotField(fn, slot, MRL_OPEN, 8) !== 0;
    slotCommand(machine, fn, slot + 1, open ? 0 : state, open ? led.off : led.on, led.none);
  }
}

function slotCommand(
  machine: QemuMachine,
  fn: FunctionState,
  target: number,
  state: number,
  power: number,
  attention: number,
): void {
  const slot = target - 1;
  if (target < 1 || slot >= SLOTS) return invalidCommand(fn);
  const current = slotField(fn, slot, 3, 0);
  if (current === stateOf.enabled && state === stateOf.powerOnly) return invalidCommand(fn);
  if (power !== led.none) setSlotField(fn, slot, 0xc, 2, power);
  if (attention !== led.none) setSlotField(fn, slot, 0x30, 4, attention);
  const turnsOn = current === stateOf.disabled && (state === stateOf.powerOnly || state === stateOf.enabled);
  const turnsOff =
    (current === stateOf.enabled || current === stateOf.powerOnly) && state === stateOf.disabled;
  if (turnsOn || turnsOff) setSlotField(fn, slot, 3, 0, state);
  if (turnsOff && slotField(fn, slot, 0xc, 2) === led.off) emptyShpcSlot(machine, fn, slot);
}

/** Everything in the slot leaves; the latch opens and presence is gone. */
function emptyShpcSlot(machine: QemuMachine, fn: FunctionState, slot: number): void {
  const { devices } = machine.state.buses[fn.secondary!]!;
  for (let devfn = (slot + 1) * 8; devfn < (slot + 2) * 8; devfn++) {
    const index = devices[devfn];
    if (index !== undefined) removeFunction(machine, machine.state.functions[index]!);
  }
  setSlotField(fn, slot, MRL_OPEN, 8, 1);
  setSlotField(fn, slot, 0xc00, 10, 3);
  latch(fn, slot, EVENT_LATCH | EVENT_PRESENCE);
}

function updateInterrupt(machine: QemuMachine, fn: FunctionState): void {
  let locator = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    if ((byte(fn, slotAt(slot) + 2) & ~byte(fn, slotAt(slot) + 3)) !== 0) locator |= 1 << (slot + 1);
  }
  const control = byte(fn, at.serrInterrupt);
  if ((byte(fn, at.serrInterrupt + 2) & 1) !== 0 && (control & 4) === 0) locator |= 1;
  for (let i = 0; i < 4; i++) put(fn, at.interruptLocator + i, locator >>> (8 * i));
  const level = (control & 1) === 0 && locator !== 0;
  if (msiEnabled(machine, fn) && (fn.own[REQUESTED] ?? 0) !== (level ? 1 : 0)) msiNotify(machine, fn, 0);
  else setIntx(machine, fn, level);
  fn.own[REQUESTED] = level ? 1 : 0;
}

/**
 * A write of the capability: the data register writes the selected dword. The value it writes is not what the guest
 * stored but the working register at the capability's own offset plus 4, a slip of QEMU that guests can see.
 */
export function shpcCapabilityWritten(
  machine: QemuMachine,
  fn: FunctionState,
  from: number,
  sizeBytes: number,
): void {
  const cap = imageOf(machine, fn).shpc;
  if (cap === null || !overlaps(from, sizeBytes, cap, 8)) return;
  const select = (): number => get8(machine, fn, cap + 2) * 4;
  if (overlaps(from, sizeBytes, cap + 4, 4)) {
    writeShpc(machine, fn, select(), 4, readShpc(fn, cap + 4, 4));
  }
  set32(machine, fn, cap + 4, readShpc(fn, select(), 4));
}

const EVENT_PRESENCE = 0x01;
const EVENT_BUTTON = 0x04;
const EVENT_LATCH = 0x08;

const latch = (fn: FunctionState, slot: number, events: number): void =>
  put(fn, slotAt(slot) + 2, byte(fn, slotAt(slot) + 2) | events);

/** Why the controller cannot serve a device number; null when it can. */
export function refusesShpc(devfn: number): string | null {
  const device = devfn >>> 3;
  if (device >= 1 && device <= SLOTS) return null;
  return `Unsupported PCI slot ${device} for standard hotplug controller. Valid slots are between 1 and ${SLOTS}.`;
}

/** A function was added: the slot's latch closes, or the button is pressed once more to cancel a removal. */
export function shpcPlugged(machine: QemuMachine, bridge: FunctionState, devfn: number): void {
  const slot = (devfn >>> 3) - 1;
  if (slotField(bridge, slot, MRL_OPEN, 8) !== 0) {
    setSlotField(bridge, slot, MRL_OPEN, 8, 0);
    setSlotField(bridge, slot, 0xc00, 10, 0);
    latch(bridge, slot, EVENT_BUTTON | EVENT_LATCH | EVENT_PRESENCE);
  } else {
    latch(bridge, slot, EVENT_BUTTON);
  }
  setSlotField(bridge, slot, 0x200, 9, 0);
  updateInterrupt(machine, bridge);
}

/** A function shall leave: at once from a disabled slot whose light is off, else the button is pressed. */
export function shpcUnplugRequested(machine: QemuMachine, bridge: FunctionState, devfn: number): void {
  const slot = (devfn >>> 3) - 1;
  const off = slotField(bridge, slot, 0xc, 2) === led.off;
  if (slotField(bridge, slot, 3, 0) === stateOf.disabled && off) emptyShpcSlot(machine, bridge, slot);
  else latch(bridge, slot, EVENT_BUTTON);
  setSlotField(bridge, slot, 0x200, 9, 0);
  updateInterrupt(machine, bridge);
}
