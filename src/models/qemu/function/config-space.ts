import { bridgeControl, CONVENTIONAL_CONFIG_BYTES, overlaps, reg } from '../../../pci/header.js';
import { chipsetWritten } from '../chipset/written.js';
import { portType } from '../image.js';
import { bridgeAbove, imageOf, type QemuMachine } from '../machine.js';
import { shpcCapabilityWritten } from '../plugging/shpc.js';
import { express, looksDown, renewLinkStatus, slotBefore, slotWritten } from '../plugging/slot.js';
import { change16, get8, get16, get32, set8, writeMaskAt } from '../registers.js';
import type { FunctionState } from '../state.js';
import { aerWritten, rootCommandOf, rootErrorsWritten, updateRootVector } from './aer.js';
import { intxDisableChanged, intxDisabled } from './intx.js';
import { rebuildWindows, updateBusMaster, updateMappings } from './mapping.js';
import { msiWritten } from './msi.js';
import { msixWritten } from './msix.js';
import { resetBus, resetFunction } from './reset.js';
import { sriovWritten } from './sriov.js';

/** What nobody answers with, cut to the access by the caller. */
export const NO_RESPONSE = 0xffff_ffff;

/**
 * A configuration read that arrived at a function: 1 to 4 bytes, any alignment. All ones when the offset is beyond
 * `limitBytes` or what the bus above allows, without power, or for a hot-plugged function without its function 0.
 * Bytes beyond the limit read 0. @source facts/q35-qemu 2.1
 * @cost O(1)
 */
export function readConfig(
  machine: QemuMachine,
  fn: FunctionState,
  at: number,
  sizeBytes: number,
  limitBytes: number,
): number {
  const limit = reachableBytes(machine, fn, limitBytes);
  if (at >= limit || !responds(machine, fn)) return NO_RESPONSE;
  const length = Math.min(sizeBytes, limit - at);
  const image = imageOf(machine, fn);
  if (
    image.express !== null &&
    looksDown(image.portType) &&
    overlaps(at, length, image.express + express.linkStatus, 2)
  ) {
    renewLinkStatus(machine, fn);
  }
  let value = length === 4 ? get32(machine, fn, at) : 0;
  if (length !== 4) {
    for (let i = 0; i < length; i++) value |= get8(machine, fn, at + i) << (8 * i);
    value >>>= 0;
  }
  machine.observer?.configRead(fn, at, value);
  return value;
}

/** A configuration write that arrived at a function; dropped where a read would find nobody. */
export function writeConfig(
  machine: QemuMachine,
  fn: FunctionState,
  at: number,
  sizeBytes: number,
  limitBytes: number,
  value: number,
): void {
  const limit = reachableBytes(machine, fn, limitBytes);
  if (at >= limit || !responds(machine, fn)) return;
  machine.observer?.configWrite(fn, at, value);
  const length = Math.min(sizeBytes, limit - at);
  const image = imageOf(machine, fn);
  switch (image.portType) {
    case portType.rootPort: {
      const rootCommand = rootCommandOf(machine, fn);
      const slot = slotBefore(machine, fn);
      writeBridge(machine, fn, at, length, value);
      updateRootVector(machine, fn);
      slotWritten(machine, fn, slot, at, length, value);
      aerWritten(machine, fn);
      rootErrorsWritten(machine, fn, rootCommand);
      return;
    }
    case portType.downstream: {
      const slot = slotBefore(machine, fn);
      writeBridge(machine, fn, at, length, value);
      functionLevelReset(machine, fn);
      slotWritten(machine, fn, slot, at, length, value);
      aerWritten(machine, fn);
      return;
    }
    case portType.upstream:
      writeBridge(machine, fn, at, length, value);
      functionLevelReset(machine, fn);
      aerWritten(machine, fn);
      return;
    default:
      if (image.isBridge) {
        writeBridge(machine, fn, at, length, value);
        msiWritten(machine, fn, at, length);
        shpcCapabilityWritten(machine, fn, at, length);
        return;
      }
      writeDefault(machine, fn, at, length, value);
      chipsetWritten(machine, fn, at, length);
      functionLevelReset(machine, fn);
  }
}

/** 256 bytes below a bus that has no extended space on its way up. */
function reachableBytes(machine: QemuMachine, fn: FunctionState, limitBytes: number): number {
  if (limitBytes <= CONVENTIONAL_CONFIG_BYTES) return limitBytes;
  const size = Math.min(limitBytes, imageOf(machine, fn).config.length);
  return size > CONVENTIONAL_CONFIG_BYTES && !extendedBus(machine, fn) ? CONVENTIONAL_CONFIG_BYTES : size;
}

function extendedBus(machine: QemuMachine, fn: FunctionState): boolean {
  let above = bridgeAbove(machine, fn);
  for (; above !== null; above = bridgeAbove(machine, above)) {
    const { portType: type } = imageOf(machine, above);
    if (type !== portType.rootPort && type !== portType.upstream && type !== portType.downstream)
      return false;
  }
  return machine.board.kind !== 'pc';
}

/** @source facts/q35-qemu 2.1 (4) */
function responds(machine: QemuMachine, fn: FunctionState): boolean {
  return fn.powered && (!fn.hotplugged || functionZeroPresent(machine, fn));
}

/** Behind a port the slot's function 0 is device 0; elsewhere each device has its own. */
function functionZeroPresent(machine: QemuMachine, fn: FunctionState): boolean {
  const above = bridgeAbove(machine, fn);
  const inSlot = above !== null && looksDown(imageOf(machine, above).portType);
  return machine.state.buses[fn.bus]!.devices[inSlot ? 0 : fn.devfn & ~7] !== undefined;
}

/**
 * The rule every function follows: writable bits take the data, write-1-to-clear bits clear; then mappings, pin,
 * DMA gate, MSI and MSI-X follow what changed. @source facts/q35-qemu 1.2
 */
function writeDefault(
  machine: QemuMachine,
  fn: FunctionState,
  at: number,
  length: number,
  value: number,
): void {
  const wasDisabled = intxDisabled(machine, fn);
  const { clearMask } = imageOf(machine, fn);
  for (let i = 0; i < length; i++) {
    const data = (value >>> (8 * i)) & 0xff;
    const mask = writeMaskAt(machine, fn, at + i);
    const clear = data & (clearMask[at + i] ?? 0);
    if (mask === 0 && clear === 0) continue;
    set8(machine, fn, at + i, ((get8(machine, fn, at + i) & ~mask) | (data & mask)) & ~clear);
  }
  const command = at <= reg.command && reg.command < at + length;
  if (command || overlaps(at, length, reg.bar0, 24) || overlaps(at, length, reg.romBar, 12)) {
    updateMappings(machine, fn);
  }
  if (command) {
    intxDisableChanged(machine, fn, wasDisabled);
    updateBusMaster(machine, fn);
  }
  msiWritten(machine, fn, at, length);
  msixWritten(machine, fn, at, length);
  sriovWritten(machine, fn, at, length, value);
}

/** A bridge's windows are rebuilt by any write near them; the bus reset bit acts on its rising edge. */
function writeBridge(
  machine: QemuMachine,
  fn: FunctionState,
  at: number,
  length: number,
  value: number,
): void {
  const before = get16(machine, fn, reg.bridgeControl);
  writeDefault(machine, fn, at, length, value);
  if (
    overlaps(at, length, reg.command, 2) ||
    overlaps(at, length, reg.ioBase, 2) ||
    overlaps(at, length, reg.memoryBase, 20) ||
    overlaps(at, length, reg.bridgeControl, 2)
  ) {
    rebuildWindows(machine, fn);
  }
  const after = get16(machine, fn, reg.bridgeControl);
  if ((~before & after & bridgeControl.busReset) !== 0) resetBus(machine, fn.secondary!);
}

const INITIATE_FLR = 0x8000;

/** DEVCTL bit 15, where it is writable at all: the function resets and the bit reads 0. @source facts/q35-qemu 2.7 */
function functionLevelReset(machine: QemuMachine, fn: FunctionState): void {
  const cap = imageOf(machine, fn).express;
  if (cap === null || (get16(machine, fn, cap + express.deviceControl) & INITIATE_FLR) === 0) return;
  resetFunction(machine, fn);
  change16(machine, fn, cap + express.deviceControl, INITIATE_FLR, 0);
}
