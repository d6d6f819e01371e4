import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import type { Part } from './parts.js';

const MIB = 0x10_0000;
/** Where memory of each party lies. */
export const xensMemory = 0x1000_0000;
export const memoryOf = (domid: number): number => 0x2000_0000 + domid * 0x1000_0000;
/** The last page of a PV guest's memory here is one of its page tables. */
export const pageTableOf = (domid: number): number => memoryOf(domid) + 32 * MIB;

export function* given(
  owner: number | null,
  address: number,
  sizeBytes: number,
  use: 'ram' | 'page-table' = 'ram',
): Part {
  yield {
    kind: 'memory.given',
    by: 'xen',
    data: { owner: owner as DomainId | null, address: address as PhysicalAddress, sizeBytes, use },
  };
}

/** Xen, Dom0 and PV guests have their memory. */
export function* memories(...domids: readonly number[]): Part {
  yield* given(null, xensMemory, 16 * MIB);
  for (const domid of [0, ...domids]) {
    yield* given(domid, memoryOf(domid), 32 * MIB);
    if (domid !== 0) yield* given(domid, pageTableOf(domid), 4096, 'page-table');
  }
}
