import { barType } from '../../pci/header.js';
import { windowHolds } from '../../pci/windows.js';
import { barTarget } from './devices/bar-content.js';
import { functionsOn, imageOf, type QemuMachine } from './machine.js';
import type { Target } from './region.js';

/** Addresses of one kind behind a bus. */
export type Space = 'memory' | 'io';

/**
 * What answers at an address of a bus: BARs of its functions and windows of its bridges, the one mapped last first;
 * a window or BAR with nothing at the address lets the next one answer. Null when nothing does.
 * @source facts/q35-qemu 2.3
 * @cost O(regions on the bus) per level of bridges
 */
export function pciTarget(machine: QemuMachine, bus: number, space: Space, address: number): Target | null {
  let below = Number.POSITIVE_INFINITY;
  for (;;) {
    const hit = newestBelow(machine, bus, space, address, below);
    if (hit === null) return null;
    const { claim } = hit;
    const target = typeof claim === 'number' ? pciTarget(machine, claim, space, address) : claim(address);
    if (target !== null) return target;
    below = hit.order;
  }
}

interface Hit {
  readonly order: number;
  /** A bus behind a window, or a BAR's content by address. */
  readonly claim: number | ((address: number) => Target | null);
}

function newestBelow(
  machine: QemuMachine,
  bus: number,
  space: Space,
  address: number,
  below: number,
): Hit | null {
  let hit: Hit | null = null;
  const offer = (order: number, claim: Hit['claim']): void => {
    if (order < below && (hit === null || order > hit.order)) hit = { order, claim };
  };
  for (const fn of functionsOn(machine, bus)) {
    for (const bar of imageOf(machine, fn).bars) {
      const mapped = fn.bars[bar.index];
      if (mapped === undefined || ((bar.type & barType.io) !== 0) !== (space === 'io')) continue;
      if (address < mapped.base || address - mapped.base >= bar.sizeBytes) continue;
      offer(mapped.order, (at) => barTarget(machine, fn, bar, at - mapped.base));
    }
    const { windows, secondary } = fn;
    if (windows === null || secondary === null) continue;
    if (space === 'memory') {
      if (windowHolds(windows.prefetchable, address)) offer(windows.order, secondary);
      if (windowHolds(windows.memory, address)) offer(windows.order + 1, secondary);
      if (windows.vgaMemory && address >= 0xa_0000 && address < 0xc_0000) {
        offer(windows.order + 3, secondary);
      }
    } else {
      if (windowHolds(windows.io, address)) offer(windows.order + 2, secondary);
      if (windows.vgaIo && isVgaPort(address)) offer(windows.order + 3, secondary);
    }
  }
  return hit;
}

const isVgaPort = (port: number): boolean =>
  (port >= 0x3b0 && port < 0x3bc) || (port >= 0x3c0 && port < 0x3e0);
