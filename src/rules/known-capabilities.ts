import { capability, extendedCapability } from '../pci/capabilities.js';
import {
  conventionalSteps,
  EXTENDED_FIRST,
  extendedNext,
  extendedSteps,
  hasList,
} from '../pci/capability-walk.js';
import { CONVENTIONAL_CONFIG_BYTES, EXTENDED_CONFIG_BYTES, reg } from '../pci/header.js';
import { byteOf, dwordOf, isKnown, type KnownFunction, wordOf } from './known-function.js';

/** An entry of a capability list. */
export interface KnownEntry {
  readonly id: number;
  readonly at: number;
}

/** How a list goes wrong: where the pointer stands, where it leads, in words. */
export interface ListFault {
  readonly kind: 'loop' | 'below' | 'misaligned' | 'empty' | 'too-long';
  /** Offset of the capability whose pointer it is; the pointer's own where it starts the list. */
  readonly from: number;
  readonly to: number;
}

/** A list as far as it was read. */
export interface Walk {
  readonly entries: readonly KnownEntry[];
  readonly fault: ListFault | null;
  /** The end of the list was seen. */
  readonly complete: boolean;
}

/**
 * Walks the part of the conventional list that is known and ends at what nobody has read. Bounded: no entry twice.
 * The low two bits of a pointer are ignored, as all readers do, and told. @source facts/arm-msi-iommu 8.3
 */
export function walkConventional(fn: KnownFunction): Walk {
  const entries: KnownEntry[] = [];
  let fault: ListFault | null = null;
  if (fn.byte(reg.status) === null) return { entries, fault, complete: false };
  if (!hasList((at) => byteOf(fn, at))) return { entries, fault, complete: true };
  const ended = (found: ListFault): Walk => ({ entries, fault: fault ?? found, complete: true });
  const seen = new Set<number>();
  let from: number = reg.capabilityPointer;
  for (const { position, at, id } of conventionalSteps((place) => fn.byte(place), 'bytes')) {
    if (position === null) break;
    if (position === 0) return { entries, fault, complete: true };
    if (at < FIRST) return ended({ kind: 'below', from, to: position });
    if ((position & 3) !== 0) fault ??= { kind: 'misaligned', from, to: position };
    if (seen.has(at)) return ended({ kind: 'loop', from, to: at });
    if (id === null) break;
    if (id === 0xff) return ended({ kind: 'empty', from, to: at });
    seen.add(at);
    entries.push({ id, at });
    if (at + lengthOf(fn, id, at) > CONVENTIONAL_CONFIG_BYTES)
      fault ??= { kind: 'too-long', from: at, to: id };
    from = at;
  }
  return { entries, fault, complete: false };
}

const FIRST = 0x40;

/** The same for the extended list; a header of 0 or all ones at 0x100 is none. */
export function walkExtended(fn: KnownFunction): Walk {
  const entries: KnownEntry[] = [];
  let fault: ListFault | null = null;
  const seen = new Set<number>();
  let from: number = EXTENDED_FIRST;
  let pointer: number = EXTENDED_FIRST;
  const read = (at: number): number | null => (isKnown(fn, at, 4) ? dwordOf(fn, at) : null);
  for (const { at, header } of extendedSteps(read)) {
    if (seen.has(at)) return { entries, fault: fault ?? { kind: 'loop', from, to: at }, complete: true };
    if (header === null) return { entries, fault, complete: false };
    if (header === 0xffff_ffff) {
      if (at !== EXTENDED_FIRST) fault ??= { kind: 'empty', from, to: at };
      return { entries, fault, complete: true };
    }
    seen.add(at);
    const id = header & 0xffff;
    if (id !== 0) {
      entries.push({ id, at });
      if (at + extendedLengthOf(fn, id, at) > EXTENDED_CONFIG_BYTES)
        fault ??= { kind: 'too-long', from: at, to: id };
    }
    from = at;
    pointer = header >>> 20;
    if (pointer !== 0 && extendedNext(header) >= EXTENDED_FIRST && (pointer & 3) !== 0)
      fault ??= { kind: 'misaligned', from, to: pointer };
  }
  if (pointer !== 0) fault ??= { kind: 'below', from, to: pointer };
  return { entries, fault, complete: true };
}

/** Bytes a capability takes at least; its own length where it says one. @source facts/arm-msi-iommu 8.3, 8.4; facts/xen 5.7 */
function lengthOf(fn: KnownFunction, id: number, at: number): number {
  switch (id) {
    case capability.powerManagement:
      return 8;
    case capability.msi: {
      const control = byteOf(fn, at + 2);
      return 10 + ((control & 0x80) !== 0 ? 4 : 0);
    }
    case capability.msix:
      return 12;
    case capability.express:
      return 20;
    case capability.vendorSpecific:
      return Math.max(3, byteOf(fn, at + 2));
    default:
      return 2;
  }
}

function extendedLengthOf(fn: KnownFunction, id: number, at: number): number {
  switch (id) {
    case extendedCapability.aer:
      return 0x2c;
    case extendedCapability.sriov:
      return 0x40;
    case extendedCapability.acs:
    case extendedCapability.ari:
      return 8;
    case extendedCapability.vendorSpecific:
      return Math.max(8, wordOf(fn, at + 6) >>> 4);
    default:
      return 4;
  }
}
