import { Trouble } from '../../base/errors.js';
import type { HostWindow } from '../../platform/platform.js';
import { type AddressTranslator, busCells } from './fdt/address.js';
import { exactNumber } from './fdt/exact.js';
import { cellAt, numberAt, requireGroups } from './fdt/property.js';
import { type FdtNode, findProperty } from './fdt/tree.js';

/** Space code in bits 25:24 of phys.hi. */
const SPACES = ['config', 'io', 'mem32', 'mem64'] as const;

/**
 * The CPU windows in a host bridge's `ranges`, as they stand: not merged, and with untranslatable ones kept as such.
 * Of phys.hi only the space code and bit 30, prefetchable, are looked at.
 *
 * @throws {Trouble} FDT-020 odd length, FDT-022 cells other than PCI's 3 and 2, FDT-023 an address beyond 2^53.
 * @source facts/arm-msi-iommu 1.2
 */
export function readWindows(node: FdtNode, addresses: AddressTranslator): readonly HostWindow[] {
  const property = findProperty(node, 'ranges');
  const bus = node.parent;
  if (property === null || bus === null || property.value.length === 0) return [];
  const cells = busCells(node);
  if (cells.address !== 3 || cells.size !== 2) {
    throw new Trouble('FDT-022', `${node.path} has ranges but not the cells of a PCI bus`, {
      at: { offsetBytes: property.offsetBytes },
      expected: '#address-cells 3, #size-cells 2',
      actual: `${cells.address}, ${cells.size}`,
    });
  }
  const parentCells = busCells(bus).address;
  const groupCells = 3 + parentCells + 2;
  const count = requireGroups(property, groupCells);
  const windows: HostWindow[] = [];
  for (let i = 0; i < count; i += 1) {
    const first = i * groupCells;
    const flags = cellAt(property.value, first);
    const exact = (value: bigint): number => exactNumber(value, property.offsetBytes + first * 4, 'ranges');
    const cpuAddress = addresses.toCpu(bus, numberAt(property.value, first + 3, parentCells));
    windows.push({
      space: SPACES[(flags >>> 24) & 3]!,
      prefetchable: (flags & 0x40000000) !== 0,
      pciAddress: exact(numberAt(property.value, first + 1, 2)),
      cpuAddress: cpuAddress === null ? null : exact(cpuAddress),
      sizeBytes: exact(numberAt(property.value, first + 3 + parentCells, 2)),
    });
  }
  return windows;
}
