import { limits } from '../base/limits.js';
import { conventionalSteps, extendedNext, extendedSteps, hasList } from './capability-walk.js';
import { EXTENDED_CONFIG_BYTES } from './header.js';

/** Capability ids. */
export const capability = {
  powerManagement: 0x01,
  msi: 0x05,
  vendorSpecific: 0x09,
  shpc: 0x0c,
  express: 0x10,
  msix: 0x11,
} as const;

/** Extended capability ids. */
export const extendedCapability = {
  aer: 0x01,
  vendorSpecific: 0x0b,
  acs: 0x0d,
  ari: 0x0e,
  sriov: 0x10,
} as const;

export interface CapabilityEntry {
  readonly id: number;
  readonly offsetBytes: number;
  /** Version of an extended capability; 0 in the conventional list. */
  readonly version: number;
}

/** Why a walk stopped before the end of its list. */
export type CapabilityFault = 'pointer-outside' | 'loop' | 'too-many' | 'all-ones';

export interface CapabilityList {
  readonly entries: readonly CapabilityEntry[];
  /** Null when the list ended as it should. */
  readonly fault: { readonly kind: CapabilityFault; readonly offsetBytes: number } | null;
}

/**
 * The conventional capability list (STATUS bit 4, pointer at 0x34), in list order. Total: a pointer that leaves
 * 0x40-0xff, an entry seen before (a list pointing at itself) or all ones ends the walk and is named.
 * @param bytes Configuration space, at least 256 bytes; missing bytes read as 0.
 * @source PCI Local Bus 3.0 6.7; facts/arm-msi-iommu 8.3
 * @cost O(entries), at most 48
 */
export function capabilities(bytes: ArrayLike<number>): CapabilityList {
  const entries: CapabilityEntry[] = [];
  const read = (at: number): number => bytes[at] ?? 0;
  if (!hasList(read)) return { entries, fault: null };
  const seen = new Set<number>();
  for (const { at, id } of conventionalSteps(read, 'bytes')) {
    if (at === 0) break;
    if (id === null) return faulty(entries, 'pointer-outside', at);
    if (seen.has(at)) return faulty(entries, 'loop', at);
    if (entries.length >= limits.capabilities) return faulty(entries, 'too-many', at);
    seen.add(at);
    if (id === 0xff) return faulty(entries, 'all-ones', at);
    entries.push({ id, offsetBytes: at, version: 0 });
  }
  return { entries, fault: null };
}

/**
 * The extended capability list from 0x100, in list order; empty for a function of 256 bytes or a zero header.
 * Bounded like `capabilities`.
 * @source PCI Express Base, extended capabilities; facts/arm-msi-iommu 8.3
 * @cost O(entries), at most 960
 */
export function extendedCapabilities(bytes: ArrayLike<number>): CapabilityList {
  const entries: CapabilityEntry[] = [];
  if (bytes.length < EXTENDED_CONFIG_BYTES) return { entries, fault: null };
  const seen = new Set<number>();
  let last = 0;
  for (const { at, header } of extendedSteps((place) => dword(bytes, place))) {
    if (seen.has(at)) return faulty(entries, 'loop', at);
    if (entries.length >= limits.extendedCapabilities) return faulty(entries, 'too-many', at);
    seen.add(at);
    if (header === null || header === 0xffff_ffff) return faulty(entries, 'all-ones', at);
    // A null capability (id 0) at 0x100 only carries the pointer to the first real one.
    if ((header & 0xffff) !== 0) {
      entries.push({ id: header & 0xffff, offsetBytes: at, version: (header >>> 16) & 0xf });
    }
    last = extendedNext(header);
  }
  return last === 0 ? { entries, fault: null } : faulty(entries, 'pointer-outside', last);
}

/** Offset of the first capability `id` of a list; null when it has none. */
export const findCapability = (list: CapabilityList, id: number): number | null =>
  list.entries.find((entry) => entry.id === id)?.offsetBytes ?? null;

const faulty = (
  entries: readonly CapabilityEntry[],
  kind: CapabilityFault,
  offsetBytes: number,
): CapabilityList => ({ entries, fault: { kind, offsetBytes } });

const dword = (bytes: ArrayLike<number>, at: number): number =>
  ((bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)) >>>
  0;
