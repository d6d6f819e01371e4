import { barOffset, barType, bridgeControl, command, ROM_REGION, reg } from '../../../pci/header.js';
import { sriov } from '../../../pci/sriov.js';
import { closedWindow, ioWindow, memoryWindow, prefetchableWindow } from '../../../pci/windows.js';
import type { BarImage } from '../image.js';
import { imageOf, type QemuMachine } from '../machine.js';
import { get8, get16, get32 } from '../registers.js';
import type { FunctionState } from '../state.js';

const TWO_32 = 2 ** 32;
const TWO_64 = 2 ** 64;

/**
 * Where a region is mapped by its registers; null when it is not: decoding off, address 0 (except on ARM virt), the
 * last byte at the end of its address width, or a ROM that is not enabled. Addresses above 2^53 are exact for regions
 * of 2 KiB and more.
 * @source facts/q35-qemu 2.6
 */
function barAddress(machine: QemuMachine, fn: FunctionState, bar: BarImage): number | null {
  const enabled = get16(machine, fn, reg.command);
  const isIo = (bar.type & barType.io) !== 0;
  if ((enabled & (isIo ? command.io : command.memory)) === 0) return null;
  const wide = !isIo && (bar.type & barType.memory64) !== 0;
  const { owner, offset } = barRegister(machine, fn, bar);
  const low = get32(machine, owner, offset);
  if (bar.index === ROM_REGION && (low & 1) === 0) return null;
  const first = alignDown(low, wide ? get32(machine, owner, offset + 4) : 0, bar.sizeBytes);
  const base = first + fn.virtualNumber * bar.sizeBytes;
  if (base === 0 && machine.board.kind !== 'virt') return null;
  return base + bar.sizeBytes >= (wide ? TWO_64 : TWO_32) ? null : base;
}

/** Where a region's address stands: in the function's header, or for a virtual one in its physical function. */
function barRegister(
  machine: QemuMachine,
  fn: FunctionState,
  bar: BarImage,
): { readonly owner: FunctionState; readonly offset: number } {
  const physical = fn.physical === null ? null : machine.state.functions[fn.physical]!;
  const at = physical === null ? null : imageOf(machine, physical).sriov;
  if (physical !== null && at !== null) return { owner: physical, offset: at + sriov.bar0 + 4 * bar.index };
  return { owner: fn, offset: barOffset(bar.index, imageOf(machine, fn).isBridge) };
}

function alignDown(low: number, high: number, sizeBytes: number): number {
  if (sizeBytes >= TWO_32) return (high - (high % (sizeBytes / TWO_32))) * TWO_32;
  return high * TWO_32 + (low - (low % sizeBytes));
}

/** Re-evaluates every region of a function; one that moved is mapped anew, on top of what was there. */
export function updateMappings(machine: QemuMachine, fn: FunctionState): void {
  for (const bar of imageOf(machine, fn).bars) {
    const base = fn.powered ? barAddress(machine, fn, bar) : null;
    const mapped = fn.bars[bar.index];
    if (base === (mapped?.base ?? null)) continue;
    if (mapped !== undefined) machine.observer?.unmapped(fn, bar.index, mapped.base);
    machine.state.mapVersion += 1;
    delete fn.bars[bar.index];
    if (base === null) continue;
    fn.bars[bar.index] = { base, order: machine.state.order++ };
    machine.observer?.mapped(fn, bar.index, base);
  }
  updateVga(machine, fn);
}

/** A write of COMMAND, of a window register or of BRIDGE_CONTROL rebuilds all windows of the bridge, on top. */
export function rebuildWindows(machine: QemuMachine, bridge: FunctionState): void {
  const byte = (at: number): number => get8(machine, bridge, at);
  const enabled = get16(machine, bridge, reg.command);
  const memory = (enabled & command.memory) !== 0;
  bridge.windows = {
    prefetchable: memory ? prefetchableWindow(byte) : closedWindow,
    memory: memory ? memoryWindow(byte) : closedWindow,
    io: (enabled & command.io) !== 0 ? ioWindow(byte) : closedWindow,
    order: machine.state.order,
    vga: (get16(machine, bridge, reg.bridgeControl) & bridgeControl.vga) !== 0,
    vgaMemory: false,
    vgaIo: false,
  };
  machine.state.order += 4;
  machine.state.mapVersion += 1;
  updateVga(machine, bridge);
}

function updateVga(machine: QemuMachine, fn: FunctionState): void {
  if (fn.windows === null || !fn.windows.vga) return;
  const enabled = get16(machine, fn, reg.command);
  machine.state.mapVersion += 1;
  fn.windows.vgaMemory = (enabled & command.memory) !== 0;
  fn.windows.vgaIo = (enabled & command.io) !== 0;
}

/** The gate of the function's DMA follows COMMAND and power, when either is written. */
export function updateBusMaster(machine: QemuMachine, fn: FunctionState): void {
  fn.busMaster = (get16(machine, fn, reg.command) & command.busMaster) !== 0 && fn.powered;
}
