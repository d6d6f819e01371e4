import { decodePciexbar } from '../models/qemu/chipset/mch.js';
import { decodeEcam } from '../pci/ecam.js';
import type { Window } from '../pci/windows.js';
import { dwordOf, isKnown, type KnownFunction } from './known-function.js';

/** What is known of a guest's PCIEXBAR: the window it gives, and those it gave before. */
export interface EcamWindows {
  /** Both dwords as last written or read; null before. */
  low: number | null;
  high: number;
  /** What the register opens, as QEMU decodes it; null while it is off. */
  current: Window | null;
  /** Windows the guest has left and not come back to, oldest first. */
  former: Window[];
}

export const newEcamWindows = (): EcamWindows => ({ low: null, high: 0, current: null, former: [] });

/** Former windows kept; a guest that moves on and on is judged by the latest. */
const FORMER = 64;
const PCIEXBAR = 0x60;
const Q35_MCH = 0x29c0_8086;

/** Follows PCIEXBAR of the memory controller hub at 00:00.0, byte for byte. @source facts/q35-qemu 1.3 */
export function followPciexbar(windows: EcamWindows, fn: KnownFunction): void {
  if (fn.sbdf !== 0 || !isKnown(fn, PCIEXBAR, 4)) return;
  if (isKnown(fn, 0, 4) && dwordOf(fn, 0) !== Q35_MCH) return;
  const low = dwordOf(fn, PCIEXBAR);
  const high = dwordOf(fn, PCIEXBAR + 4);
  if (windows.low === low && windows.high === high) return;
  windows.low = low;
  windows.high = high;
  const decoded = decodePciexbar(low, high, 'qemu');
  // A reserved size code leaves the window where it was.
  if (decoded.kind === 'reserved') return;
  const { current } = windows;
  const next = decoded.enabled ? { base: decoded.base, sizeBytes: decoded.sizeBytes } : null;
  if (current !== null && current.base !== next?.base) windows.former.push(current);
  windows.current = next;
  windows.former = windows.former.filter((window) => window.base !== next?.base).slice(-FORMER);
}

export const isInside = ({ base, sizeBytes }: Window, addr: number): boolean =>
  addr >= base && addr < base + sizeBytes;

/** Function and register an address in a window stands for; null outside. */
export function nameInEcam(
  window: Window,
  addr: number,
): { readonly sbdf: number; readonly at: number } | null {
  if (!isInside(window, addr)) return null;
  const { bus, devfn, offsetBytes } = decodeEcam(addr - window.base);
  return { sbdf: bus * 256 + devfn, at: offsetBytes };
}
