import { command, reg, status, swizzlePin } from '../../../pci/header.js';
import { setPirq } from '../chipset/pirq.js';
import { chipConfig16 } from '../chipset/rcrb.js';
import { imageOf, type QemuMachine } from '../machine.js';
import { change16, get16 } from '../registers.js';
import type { FunctionState } from '../state.js';

/**
 * Drives a function's INTx pin. STATUS bit 3 follows the level always, the pin only while COMMAND bit 10 is clear.
 * @source facts/q35-qemu 1.2, 1.4
 */
export function setIntx(machine: QemuMachine, fn: FunctionState, level: boolean): void {
  if (fn.intx === level || imageOf(machine, fn).pin === null) return;
  fn.intx = level;
  change16(machine, fn, reg.status, status.interrupt, level ? status.interrupt : 0);
  if (intxDisabled(machine, fn)) return;
  changePirq(machine, fn, level ? 1 : -1);
}

export const intxDisabled = (machine: QemuMachine, fn: FunctionState): boolean =>
  (get16(machine, fn, reg.command) & command.intxDisable) !== 0;

/**
 * COMMAND was written: a pin held down or let go while its level stands changes the line. The lines of all four pins
 * are driven anew, whatever their level and also for a function without a pin: an ICH9 route written meanwhile takes
 * effect then.
 * @source QEMU hw/pci/pci.c pci_update_irq_disabled (7.2)
 */
export function intxDisableChanged(machine: QemuMachine, fn: FunctionState, wasDisabled: boolean): void {
  const disabled = intxDisabled(machine, fn);
  if (disabled === wasDisabled) return;
  const own = pinOf(machine, fn);
  for (let pin = 0; pin < PINS; pin++) {
    changePirq(machine, fn, fn.intx && pin === own ? (disabled ? -1 : 1) : 0, pin);
  }
}

const PINS = 4;
const pinOf = (machine: QemuMachine, fn: FunctionState): number => imageOf(machine, fn).pin ?? 0;

function changePirq(
  machine: QemuMachine,
  fn: FunctionState,
  change: 1 | 0 | -1,
  pin = pinOf(machine, fn),
): void {
  const pirq = pirqOf(machine, fn, pin);
  const { pirqCount } = machine.state;
  pirqCount[pirq] = (pirqCount[pirq] ?? 0) + change;
  setPirq(machine, pirq);
}

/** The interrupt line of the root bus a function's pin reaches now: swizzled at each bridge, then the board's rule. */
export function pirqOf(machine: QemuMachine, from: FunctionState, ownPin = pinOf(machine, from)): number {
  let fn = from;
  let pin = ownPin;
  for (;;) {
    const device = fn.devfn >>> 3;
    const { bridge, number } = machine.state.buses[fn.bus]!;
    if (bridge === null) return rootPirq(machine, device, pin);
    pin = swizzlePin(device, pin);
    fn = machine.state.functions[bridge]!;
    // An expander takes its own device number back, which may leave a negative pin for the root bus.
    if (number !== null) pin -= fn.devfn >>> 3;
  }
}

/** Interrupt route registers of devices 25 to 31 in the root complex register block; device 30 has none. */
const DIR_OFFSET: Readonly<Record<number, number>> = {
  25: 0x3150,
  26: 0x314c,
  27: 0x3148,
  28: 0x3146,
  29: 0x3144,
  31: 0x3140,
};

/** @source facts/q35-qemu 1.4 */
function rootPirq(machine: QemuMachine, slot: number, negativePin: number): number {
  // ICH9's table is indexed across devices, so pin -1 of device 5 is pin 3 of device 4.
  const flat = machine.board.kind === 'q35' ? 4 * slot + negativePin : 0;
  const device = machine.board.kind === 'q35' ? flat >>> 2 : slot;
  const pin = machine.board.kind === 'q35' ? flat & 3 : negativePin;
  switch (machine.board.kind) {
    case 'virt':
      return swizzlePin(device, pin);
    case 'pc':
      return (pin + device - 1) & 3;
    case 'q35': {
      if (device === 30) return pin + 4;
      const offset = DIR_OFFSET[device];
      if (offset === undefined) return ((device + pin) & 3) + 4;
      return (chipConfig16(machine, offset) >>> (4 * pin)) & 7;
    }
  }
}
