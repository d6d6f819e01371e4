import { Trouble } from '../../../base/errors.js';
import { limits } from '../../../base/limits.js';
import { numberAt, readCell, readTexts, requireGroups } from './property.js';
import { type FdtNode, findProperty } from './tree.js';

/** One block of `reg`. Addresses are 64-bit and kept exact. */
export interface RegisterRange {
  /** From `reg-names`; null when that is absent or shorter. */
  readonly name: string | null;
  /** As it stands in the tree, in the parent's address space. */
  readonly address: bigint;
  /** Host physical; null when some parent has no `ranges` or none that covers it. */
  readonly cpuAddress: bigint | null;
  readonly sizeBytes: bigint;
}

/** How many cells a bus node uses for its children's addresses and sizes. */
export interface BusCells {
  readonly address: number;
  readonly size: number;
}

/** A bus's window onto its parent bus. */
interface BusWindow {
  readonly child: bigint;
  readonly parent: bigint;
  readonly sizeBytes: bigint;
}

/** How a bus reaches its parent: unchanged, through windows, or not at all. */
type BusRanges = 'identity' | 'closed' | readonly BusWindow[];

/** Cells of a bus; what is absent is 2 and 1, never inherited. @throws {Trouble} FDT-022. @source facts/arm-msi-iommu 1.6 */
export function busCells(bus: FdtNode): BusCells {
  return { address: cellCount(bus, '#address-cells', 2), size: cellCount(bus, '#size-cells', 1) };
}

/** Translates the addresses of one tree, and remembers every bus it has decoded. */
export class AddressTranslator {
  readonly #ranges = new Map<FdtNode, BusRanges>();
  #steps = 0;

  /**
   * The blocks of `reg`, each translated to a host physical address; empty when the property is absent.
   * @throws {Trouble} FDT-020 odd length, FDT-022 cells, FDT-026 too much to translate.
   */
  registers(node: FdtNode): readonly RegisterRange[] {
    const reg = findProperty(node, 'reg');
    const bus = node.parent;
    if (reg === null || bus === null) return [];
    const cells = busCells(bus);
    const groupCells = cells.address + cells.size;
    if (groupCells === 0) return [];
    const count = requireGroups(reg, groupCells);
    const names = readTexts(node, 'reg-names') ?? [];
    const registers: RegisterRange[] = [];
    for (let i = 0; i < count; i += 1) {
      const address = numberAt(reg.value, i * groupCells, cells.address);
      registers.push({
        name: names[i] ?? null,
        address,
        cpuAddress: this.toCpu(bus, address),
        sizeBytes: numberAt(reg.value, i * groupCells + cells.address, cells.size),
      });
    }
    return registers;
  }

  /**
   * Host physical address of `address` on `bus`: up the parents, through the first window of each that covers it.
   * @returns null when a bus on the way has no `ranges` or no window there.
   * @source facts/arm-msi-iommu 1.6
   * @cost O(depth x windows), all calls together at most `limits.fdtTranslationSteps`.
   */
  toCpu(bus: FdtNode, address: bigint): bigint | null {
    let at = address;
    for (let node = bus; node.parent !== null; node = node.parent) {
      const ranges = this.#rangesOf(node, node.parent);
      if (ranges === 'closed') return null;
      if (ranges === 'identity') continue;
      const window = this.#covering(ranges, at, node);
      if (window === null) return null;
      at = BigInt.asUintN(64, window.parent + (at - window.child));
    }
    return at;
  }

  #covering(windows: readonly BusWindow[], address: bigint, bus: FdtNode): BusWindow | null {
    for (const window of windows) {
      this.#steps += 1;
      if (this.#steps > limits.fdtTranslationSteps) {
        throw new Trouble('FDT-026', 'translating the addresses of this tree takes too long', {
          at: { offsetBytes: bus.offsetBytes },
          expected: `at most ${limits.fdtTranslationSteps} windows looked at`,
          actual: 'more',
        });
      }
      if (address >= window.child && address - window.child < window.sizeBytes) return window;
    }
    return null;
  }

  #rangesOf(bus: FdtNode, parent: FdtNode): BusRanges {
    const known = this.#ranges.get(bus);
    if (known !== undefined) return known;
    const ranges = decodeRanges(bus, parent);
    this.#ranges.set(bus, ranges);
    return ranges;
  }
}

function decodeRanges(bus: FdtNode, parent: FdtNode): BusRanges {
  const property = findProperty(bus, 'ranges');
  if (property === null) return 'closed';
  if (property.value.length === 0) return 'identity';
  const { address, size } = busCells(bus);
  const parentAddress = busCells(parent).address;
  // Addresses of three cells carry flags and sizes of none cover nothing: no such bus leads to memory.
  if (address === 0 || address > 2 || parentAddress === 0 || parentAddress > 2 || size === 0) return 'closed';
  const groupCells = address + parentAddress + size;
  const count = requireGroups(property, groupCells);
  const windows: BusWindow[] = [];
  for (let i = 0; i < count; i += 1) {
    const first = i * groupCells;
    windows.push({
      child: numberAt(property.value, first, address),
      parent: numberAt(property.value, first + address, parentAddress),
      sizeBytes: numberAt(property.value, first + address + parentAddress, size),
    });
  }
  return windows;
}

function cellCount(bus: FdtNode, name: string, absent: number): number {
  const count = readCell(bus, name) ?? absent;
  if (count <= 4) return count;
  throw new Trouble('FDT-022', `${name} of ${bus.path} is out of range`, {
    at: { offsetBytes: findProperty(bus, name)?.offsetBytes ?? bus.offsetBytes },
    expected: '0 to 4',
    actual: String(count),
  });
}
