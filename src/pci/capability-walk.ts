import { CONVENTIONAL_CONFIG_BYTES, reg, status } from './header.js';

/** Reads one register of the function that is looked at. */
export type Read = (reg: number, sizeBytes: 1 | 2 | 4) => number;
/** The same where not every register is known: null for those that are not. */
type ReadKnown = (reg: number, sizeBytes: 1 | 2 | 4) => number | null;

/** Capabilities that fit between 0x40 and 0xff; a longer list is a loop. */
export const MOST_CAPABILITIES = 48;
/** Extended capabilities that fit between 0x100 and 0xfff, one in every four bytes. */
const MOST_EXTENDED = 960;
/** Where the list of extended capabilities begins. */
export const EXTENDED_FIRST = CONVENTIONAL_CONFIG_BYTES;
/** The first place that a pointer of the conventional list may name. */
const FIRST = 0x40;

/** A pointer of the conventional list and what stands where it leads. */
export interface ListStep {
  /** Where the pointer stands. */
  readonly pointer: number;
  /** As it says it, low bits included; null: not known. */
  readonly position: number | null;
  /** The same without its two low bits, which every reader ignores. */
  readonly at: number;
  /** Null: not known, or the pointer leads before the first place and ends the list. */
  readonly id: number | null;
}

/**
 * The conventional list pointer by pointer, as long as they lead somewhere: whoever follows it counts his steps, since
 * a list may lead back to itself. Reads of the same list differ by reader and are part of what happens, so that it is
 * said how: a `word` has id and pointer in one, `bytes` are read one after the other.
 * @param from Where the first pointer stands.
 * @source PCI Local Bus 3.0 6.7
 */
export function* conventionalSteps(
  read: ReadKnown,
  how: 'word' | 'bytes',
  from: number = reg.capabilityPointer,
): Generator<ListStep> {
  let pointer = from;
  let position = read(pointer, 1);
  for (;;) {
    const at = (position ?? 0) & ~3;
    if (position === null || position < FIRST) {
      yield { pointer, position, at, id: null };
      return;
    }
    const header = read(at, how === 'word' ? 2 : 1);
    yield { pointer, position, at, id: header === null ? null : header & 0xff };
    if (header === null) return;
    pointer = at + 1;
    position = how === 'word' ? header >>> 8 : read(pointer, 1);
  }
}

/** A place in the extended list. */
export interface ExtendedStep {
  readonly at: number;
  /** Null: not known. */
  readonly header: number | null;
}

export const extendedNext = (header: number): number => (header >>> 20) & 0xffc;

/** The extended list header by header; ends with one that leads below 0x100. Whoever follows it counts his steps. */
export function* extendedSteps(read: ReadKnown): Generator<ExtendedStep> {
  let at: number = EXTENDED_FIRST;
  do {
    const header = read(at, 4);
    yield { at, header };
    if (header === null) return;
    at = extendedNext(header);
  } while (at >= EXTENDED_FIRST);
}

/** Whether STATUS says that there is a conventional list. */
export const hasList = (read: ReadKnown): boolean =>
  ((read(reg.status, 2) ?? 0) & status.capabilityList) !== 0;

/** Offset of a capability in the conventional list, 0 when absent. At most 48 steps, so loops end. */
export function findCapability(read: Read, id: number): number {
  if (!hasList(read)) return 0;
  let steps = 0;
  for (const step of conventionalSteps(read, 'word')) {
    if (step.id === null || step.id === 0xff) return 0;
    if (step.id === id) return step.at;
    if (++steps === MOST_CAPABILITIES) return 0;
  }
  return 0;
}

/** Offset of an extended capability, 0 when absent. */
export function findExtendedCapability(read: Read, id: number, mostSteps = MOST_EXTENDED): number {
  let steps = 0;
  for (const { at, header } of extendedSteps(read)) {
    if (header === null || header === 0 || header === 0xffff_ffff) return 0;
    if ((header & 0xffff) === id) return at;
    if (++steps === mostSteps) return 0;
  }
  return 0;
}
