import { overlaps } from '../../../pci/header.js';
import { has } from '../../../policy/has.js';
import { setIntx } from '../function/intx.js';
import { updateBusMaster, updateMappings } from '../function/mapping.js';
import { msiEnabled, msiNotify } from '../function/msi.js';
import { msixEnabled, msixNotify } from '../function/msix.js';
import { portType } from '../image.js';
import { forEachFunctionOn, imageOf, type QemuMachine } from '../machine.js';
import { change16, get16, get32, set16 } from '../registers.js';
import type { FunctionState } from '../state.js';
import { removeFunction } from './plug.js';

/** Offsets inside the PCI Express capability. */
export const express = {
  flags: 0x02,
  deviceControl: 0x08,
  deviceStatus: 0x0a,
  linkCap: 0x0c,
  linkControl: 0x10,
  linkStatus: 0x12,
  slotCap: 0x14,
  slotControl: 0x18,
  slotStatus: 0x1a,
  rootControl: 0x1c,
  deviceCap2: 0x24,
  deviceControl2: 0x28,
} as const;

/** Slot capabilities: power controller, hot-plug capable. */
const CAP_POWER_CONTROLLER = 0x02;
const CAP_HOTPLUG = 0x40;
/** Slot control fields. */
const CTL_ATTENTION = 0xc0;
const CTL_ATTENTION_OFF = 0xc0;
const CTL_INTERRUPT = 0x20;
const CTL_POWER_LED = 0x300;
const CTL_POWER_LED_ON = 0x100;
const CTL_POWER_LED_BLINK = 0x200;
const CTL_POWER_LED_OFF = 0x300;
const CTL_POWER_OFF = 0x400;
const CTL_LOCK = 0x800;
/** Every event enable bit of slot control that QEMU knows, and the lock and indicators: what a reset clears. */
const CTL_RESET = 0x839 | CTL_ATTENTION | CTL_POWER_LED;
/** Slot status bits. */
const STA_BUTTON = 0x01;
const STA_PRESENCE_CHANGED = 0x08;
const STA_COMMAND = 0x10;
export const STA_PRESENT = 0x40;
const STA_LOCKED = 0x80;
/** Events a slot can signal, and all event bits of slot status. */
const EVENTS_SIGNALLED = STA_BUTTON | STA_PRESENCE_CHANGED | STA_COMMAND;
const EVENTS = 0x1f;
export const LINK_ACTIVE = 0x2000;

/** Slot control and status before a config write: what the write is judged against. */
export interface SlotBefore {
  readonly control: number;
  readonly status: number;
}

export function slotBefore(machine: QemuMachine, port: FunctionState): SlotBefore {
  const at = imageOf(machine, port).express!;
  return {
    control: get16(machine, port, at + express.slotControl),
    status: get16(machine, port, at + express.slotStatus),
  };
}

/**
 * The slot's answer to a config write of its port: lock, power, safe removal, command completed.
 * `value` is the data as written from `from` on: the two tests against it take its low bits whatever register they
 * fall on, as QEMU does.
 * @source facts/q35-qemu 2.8
 */
export function slotWritten(
  machine: QemuMachine,
  port: FunctionState,
  before: SlotBefore,
  from: number,
  sizeBytes: number,
  value: number,
): void {
  const at = imageOf(machine, port).express!;
  const statusAt = at + express.slotStatus;
  let status = get16(machine, port, statusAt);
  if (overlaps(from, sizeBytes, statusAt, 2)) {
    if ((value & ~before.status & EVENTS) !== 0) {
      status = (status & ~EVENTS) | (before.status & EVENTS);
      set16(machine, port, statusAt, status);
    }
    clearSlotInterrupt(machine, port);
  }
  if (!overlaps(from, sizeBytes, at + express.slotControl, 2)) return;
  if ((get16(machine, port, at + express.slotControl) & CTL_LOCK) !== 0) {
    change16(machine, port, at + express.slotControl, CTL_LOCK, 0);
    status ^= STA_LOCKED;
    set16(machine, port, statusAt, status);
  }
  const wasOff =
    (before.control & CTL_POWER_OFF) !== 0 && (before.control & CTL_POWER_LED) === CTL_POWER_LED_OFF;
  const turnsOff = (value & CTL_POWER_OFF) !== 0 && (value & CTL_POWER_LED) === CTL_POWER_LED_OFF;
  if ((status & STA_PRESENT) !== 0 && turnsOff && !wasOff) emptySlot(machine, port);
  updateSlotPower(machine, port);
  notifySlot(machine, port);
  raiseSlotEvent(machine, port, STA_COMMAND);
}

/** Power of everything directly in the slot follows the power controller. */
function updateSlotPower(machine: QemuMachine, port: FunctionState): void {
  const at = imageOf(machine, port).express!;
  const controlled = (get32(machine, port, at + express.slotCap) & CAP_POWER_CONTROLLER) !== 0;
  const on = !controlled || (get16(machine, port, at + express.slotControl) & CTL_POWER_OFF) === 0;
  forEachFunctionOn(machine, port.secondary!, (fn) => setPower(machine, fn, on));
}

/** Losing power resets a function; without it nothing of it answers. */
function setPower(machine: QemuMachine, fn: FunctionState, on: boolean): void {
  if (fn.powered === on) return;
  fn.powered = on;
  updateMappings(machine, fn);
  updateBusMaster(machine, fn);
  if (!on) machine.wiring.powerLost(machine, fn);
}

/** Removes every function of the slot; presence and link go with them. */
function emptySlot(machine: QemuMachine, port: FunctionState): void {
  const at = imageOf(machine, port).express!;
  forEachFunctionOn(machine, port.secondary!, (fn) => removeFunction(machine, fn));
  change16(machine, port, at + express.slotStatus, STA_PRESENT, STA_PRESENCE_CHANGED);
  change16(machine, port, at + express.linkStatus, LINK_ACTIVE, 0);
}

function raiseSlotEvent(machine: QemuMachine, port: FunctionState, events: number): void {
  const statusAt = imageOf(machine, port).express! + express.slotStatus;
  const old = get16(machine, port, statusAt);
  set16(machine, port, statusAt, old | events);
  if ((old & events) !== events) notifySlot(machine, port);
}

function slotCondition(machine: QemuMachine, port: FunctionState): boolean {
  const at = imageOf(machine, port).express!;
  const control = get16(machine, port, at + express.slotControl);
  const status = get16(machine, port, at + express.slotStatus);
  return (control & CTL_INTERRUPT) !== 0 && (status & control & EVENTS_SIGNALLED) !== 0;
}

function notifySlot(machine: QemuMachine, port: FunctionState): void {
  const was = port.hotplugNotified;
  port.hotplugNotified = slotCondition(machine, port);
  if (was === port.hotplugNotified) return;
  const vector = (get16(machine, port, imageOf(machine, port).express! + express.flags) >>> 9) & 0x1f;
  if (msixEnabled(machine, port)) msixNotify(machine, port, vector);
  else if (msiEnabled(machine, port)) msiNotify(machine, port, vector);
  else setIntx(machine, port, port.hotplugNotified);
}

function clearSlotInterrupt(machine: QemuMachine, port: FunctionState): void {
  port.hotplugNotified = slotCondition(machine, port);
  if (port.hotplugNotified || msixEnabled(machine, port) || msiEnabled(machine, port)) return;
  setIntx(machine, port, false);
}

export function resetSlot(machine: QemuMachine, port: FunctionState): void {
  const at = imageOf(machine, port).express!;
  change16(machine, port, at + express.slotControl, CTL_RESET, CTL_ATTENTION_OFF);
  if ((get32(machine, port, at + express.slotCap) & CAP_POWER_CONTROLLER) !== 0) {
    const populated = machine.state.buses[port.secondary!]!.devices[0] !== undefined;
    change16(
      machine,
      port,
      at + express.slotControl,
      CTL_POWER_OFF,
      populated ? litAtReset(machine) : CTL_POWER_OFF | CTL_POWER_LED_OFF,
    );
  }
  change16(machine, port, at + express.slotStatus, STA_LOCKED | EVENTS_SIGNALLED, 0);
  updateSlotPower(machine, port);
  port.hotplugNotified = slotCondition(machine, port);
}

const litAtReset = (machine: QemuMachine): number =>
  has(machine.board.releases, 'slots-start-dark') ? CTL_POWER_LED_OFF : CTL_POWER_LED_ON;

/** A slot port that was started with hot-plug off: its slot capabilities say so. */
export function closedToHotplug(machine: QemuMachine, port: FunctionState): boolean {
  const image = imageOf(machine, port);
  if (!image.hasSlot || !looksDown(image.portType)) return false;
  return (get16(machine, port, image.express! + express.slotCap) & CAP_HOTPLUG) === 0;
}

/** Answers to a request to plug or unplug: null when it may go on, else QEMU's refusal. */
export function refusesPlug(machine: QemuMachine, port: FunctionState): string | null {
  const at = imageOf(machine, port).express!;
  if ((get16(machine, port, at + express.slotCap) & CAP_HOTPLUG) === 0) {
    return `Hot-plug failed: unsupported by the port device '${port.id}'`;
  }
  return lockedReply(machine, port);
}

function lockedReply(machine: QemuMachine, port: FunctionState): string | null {
  const status = get16(machine, port, imageOf(machine, port).express! + express.slotStatus);
  return (status & STA_LOCKED) === 0 ? null : 'slot is electromechanically locked: Device or resource busy';
}

/** A function was added to the slot; the guest hears of it when function 0 is there. */
export function slotPlugged(machine: QemuMachine, port: FunctionState): void {
  const at = imageOf(machine, port).express!;
  if (machine.state.buses[port.secondary!]!.devices[0] === undefined) return;
  change16(machine, port, at + express.slotStatus, 0, STA_PRESENT);
  // QEMU 7.2 sets this whether or not LNKCAP says that the port reports it.
  change16(machine, port, at + express.linkStatus, 0, LINK_ACTIVE);
  raiseSlotEvent(machine, port, STA_PRESENCE_CHANGED | STA_BUTTON);
  updateSlotPower(machine, port);
}

/** ACPI hot-plug switches the slot's power on by itself. */
export function slotPoweredByAcpi(machine: QemuMachine, port: FunctionState): void {
  const at = imageOf(machine, port).express!;
  if ((get32(machine, port, at + express.slotCap) & CAP_POWER_CONTROLLER) === 0) return;
  change16(machine, port, at + express.slotControl, CTL_POWER_OFF, 0);
}

/** A request to remove `fn` from the slot: at once when power is off, else the attention button. */
export function requestUnplug(machine: QemuMachine, port: FunctionState, fn: FunctionState): string | null {
  const at = imageOf(machine, port).express!;
  if ((get16(machine, port, at + express.slotCap) & CAP_HOTPLUG) === 0) {
    return `Hot-unplug failed: unsupported by the port device '${port.id}'`;
  }
  const locked = lockedReply(machine, port);
  if (locked !== null) return locked;
  const control = get16(machine, port, at + express.slotControl);
  if ((control & CTL_POWER_LED) === CTL_POWER_LED_BLINK) {
    return 'Hot-unplug failed: guest is busy (power indicator blinking)';
  }
  fn.unplugPending = true;
  if (fn.devfn !== 0 && machine.state.buses[fn.bus]!.devices[0] === undefined) {
    removeFunction(machine, fn);
    return null;
  }
  if ((control & CTL_POWER_LED) === CTL_POWER_LED_OFF && (control & CTL_POWER_OFF) !== 0) {
    emptySlot(machine, port);
    notifySlot(machine, port);
    change16(machine, port, at + express.slotStatus, STA_BUTTON, 0);
    return null;
  }
  raiseSlotEvent(machine, port, STA_BUTTON);
  return null;
}

/**
 * Link status of a port towards its device, renewed at every read that overlaps it: the device's own width and
 * speed, cut to the port's; the port's own when no PCIe device is below; at least x1 and 2.5 GT/s.
 * @source facts/q35-qemu 2.7
 */
export function renewLinkStatus(machine: QemuMachine, port: FunctionState): void {
  const at = imageOf(machine, port).express!;
  const cap = get16(machine, port, at + express.linkCap);
  const below = machine.state.buses[port.secondary!]?.devices[0];
  const target = below === undefined ? null : machine.state.functions[below]!;
  const targetExpress = target === null ? null : imageOf(machine, target).express;
  let link = cap;
  if (target !== null && targetExpress !== null) {
    link = get16(machine, target, targetExpress + express.linkStatus);
    if ((link & LINK_WIDTH) > (cap & LINK_WIDTH)) link = (link & ~LINK_WIDTH) | (cap & LINK_WIDTH);
    if ((link & LINK_SPEED) > (cap & LINK_SPEED)) link = (link & ~LINK_SPEED) | (cap & LINK_SPEED);
  }
  if ((link & LINK_WIDTH) === 0) link |= 0x10;
  if ((link & LINK_SPEED) === 0) link |= 1;
  change16(machine, port, at + express.linkStatus, LINK_WIDTH | LINK_SPEED, link & (LINK_WIDTH | LINK_SPEED));
}

const LINK_WIDTH = 0x3f0;
const LINK_SPEED = 0xf;

/** Root and downstream ports: what looks down a link. */
export const looksDown = (type: number | null): boolean =>
  type === portType.rootPort || type === portType.downstream;
