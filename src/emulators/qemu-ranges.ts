import { bridgeAbove, imageOf, type QemuMachine } from '../models/qemu/machine.js';
import type { BridgeWindows, FunctionState } from '../models/qemu/state.js';
import { barType } from '../pci/header.js';
import type { Window } from '../pci/windows.js';

/** A range of ports or memory that a machine answers, as its IOREQ server registers it; `end` is inclusive. */
export interface AnsweredRange {
  /** As XEN_DMOP_IO_RANGE_* counts: 0 ports, 1 memory. */
  readonly type: 0 | 1;
  readonly start: number;
  readonly end: number;
}

/**
 * What the PCI part of a machine answers now: the ECAM window, a Q35's ACPI registers (facts/q35-qemu 1.4, 2.8), and every region as far as all bridges above forward it.
 * Sorted as created; a region of several bridges' windows gives one range per window.
 * @source facts/q35-qemu 2.3, 2.5, 3.1
 * @cost O(functions * depth)
 */
export function answeredRanges(machine: QemuMachine): AnsweredRange[] {
  const found: AnsweredRange[] = [];
  const { ecam, functions } = machine.state;
  if (ecam !== null) found.push({ type: 1, start: ecam.base, end: ecam.base + ecam.sizeBytes - 1 });
  const { pmBase } = machine.state;
  if (pmBase !== null && machine.board.kind === 'q35')
    found.push({ type: 0, start: pmBase, end: pmBase + 0x7f });
  if (machine.board.kind === 'q35' && !machine.board.nativeHotplug) found.push(ACPI_HOTPLUG);
  for (const fn of functions) {
    if (fn === null) continue;
    for (const { index, sizeBytes, type } of imageOf(machine, fn).bars) {
      const mapping = fn.bars[index];
      if (mapping === undefined) continue;
      const isIo = (type & barType.io) !== 0;
      for (const { base, sizeBytes: length } of forwarded(machine, fn, isIo, {
        base: mapping.base,
        sizeBytes,
      })) {
        found.push({ type: isIo ? 0 : 1, start: base, end: base + length - 1 });
      }
    }
  }
  return found;
}

/** @source facts/q35-qemu 2.8 */
const ACPI_HOTPLUG: AnsweredRange = { type: 0, start: 0xcc0, end: 0xcd7 };

/** The parts of a region that every bridge above forwards. */
function forwarded(machine: QemuMachine, fn: FunctionState, isIo: boolean, region: Window): Window[] {
  let parts = [region];
  for (let above = bridgeAbove(machine, fn); above !== null; above = bridgeAbove(machine, above)) {
    const windows = above.windows;
    if (windows === null) return [];
    parts = parts.flatMap((part) => openings(windows, isIo).flatMap((window) => common(part, window)));
  }
  return parts;
}

const openings = (windows: BridgeWindows, isIo: boolean): readonly Window[] =>
  isIo ? [windows.io] : [windows.memory, windows.prefetchable];

function common(a: Window, b: Window): Window[] {
  const base = Math.max(a.base, b.base);
  const end = Math.min(a.base + a.sizeBytes, b.base + b.sizeBytes);
  return end > base ? [{ base, sizeBytes: end - base }] : [];
}
