import { Trouble } from '../../../base/errors.js';
import { limits } from '../../../base/limits.js';
import { type FdtNode, type FdtProperty, findProperty } from './tree.js';

/** Cell `index` of a value; the caller has checked the length. */
export function cellAt(value: Uint8Array, index: number): number {
  const at = index * 4;
  return ((value[at]! << 24) | (value[at + 1]! << 16) | (value[at + 2]! << 8) | value[at + 3]!) >>> 0;
}

/** `count` cells from `index` on as one number; of more than two cells the last two, as both kernels read it. */
export function numberAt(value: Uint8Array, index: number, count: number): bigint {
  let number = 0n;
  for (let i = 0; i < count; i += 1) {
    number = BigInt.asUintN(64, (number << 32n) | BigInt(cellAt(value, index + i)));
  }
  return number;
}

/** The value as 32-bit cells. @throws {Trouble} FDT-020 when the length is not a multiple of `groupCells` cells. */
export function cellsOf(property: FdtProperty, groupCells = 1): readonly number[] {
  requireGroups(property, groupCells);
  const cells: number[] = [];
  for (let i = 0; i < property.value.length / 4; i += 1) cells.push(cellAt(property.value, i));
  return cells;
}

/** @throws {Trouble} FDT-020. @returns how many groups of `groupCells` cells the value holds. */
export function requireGroups(property: FdtProperty, groupCells: number): number {
  const groupBytes = groupCells * 4;
  const groups = property.value.length / groupBytes;
  if (Number.isInteger(groups)) return groups;
  throw new Trouble('FDT-020', `${property.name} has an odd length`, {
    at: { offsetBytes: property.offsetBytes },
    expected: `a multiple of ${groupBytes} bytes`,
    actual: `${property.value.length} bytes`,
  });
}

/** First cell of the property; null when absent or shorter than a cell, which both kernels read as absent. */
export function readCell(node: FdtNode, name: string): number | null {
  const property = findProperty(node, name);
  return property === null || property.value.length < 4 ? null : cellAt(property.value, 0);
}

/**
 * The texts of a property, a character for a byte; null when absent.
 * @throws {Trouble} FDT-021 when the last text does not end, FDT-027 when they are longer than the limit.
 */
export function readTexts(node: FdtNode, name: string): readonly string[] | null {
  const property = findProperty(node, name);
  if (property === null) return null;
  const { value, offsetBytes } = property;
  if (value.length === 0) return [];
  if (value.length > limits.fdtTextBytes) {
    throw new Trouble('FDT-027', `${name} is longer than the limit`, {
      at: { offsetBytes },
      expected: `at most ${limits.fdtTextBytes} bytes`,
      actual: `${value.length} bytes`,
    });
  }
  const last = value[value.length - 1]!;
  if (last !== 0) {
    throw new Trouble('FDT-021', `${name} does not end with a NUL`, {
      at: { offsetBytes },
      expected: 'NUL-terminated text',
      actual: `${value.length} bytes, the last 0x${last.toString(16).padStart(2, '0')}`,
    });
  }
  const texts: string[] = [];
  let text = '';
  for (const byte of value) {
    if (byte === 0) {
      texts.push(text);
      text = '';
    } else {
      text += String.fromCharCode(byte);
    }
  }
  return texts;
}

/** First text of a property; null when absent or empty. */
export function readText(node: FdtNode, name: string): string | null {
  return readTexts(node, name)?.[0] ?? null;
}

/** `status` absent, okay or ok. @source facts/arm-msi-iommu 1.1 */
export function isAvailable(node: FdtNode): boolean {
  const status = readTexts(node, 'status');
  return status === null || status[0] === 'okay' || status[0] === 'ok';
}

/** Whether any text of `compatible` is one of those. */
export function isCompatible(node: FdtNode, names: ReadonlySet<string>): boolean {
  return readTexts(node, 'compatible')?.some((text) => names.has(text)) === true;
}
