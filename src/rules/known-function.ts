import { reg } from '../pci/header.js';

const PAGE_BYTES = 256;
const PAGES = 16;
const UNKNOWN = -1;

/** What a guest has seen or set of one function's configuration space; at most 4 KiB. */
export class KnownFunction {
  readonly sbdf: number;
  /** Goes up with every byte that is learnt or changes. */
  version = 0;
  /** What base registers read back after all ones, by offset: the bits that take an address. */
  readonly sizes = new Map<number, number>();
  /** Base registers to which the guest wrote all ones: they hold no address. */
  readonly sizing = new Set<number>();
  /** Where the SR-IOV capability stands; null while no list led there. */
  sriov: number | null = null;
  readonly #pages: (Int16Array | undefined)[] = [];

  constructor(sbdf: number) {
    this.sbdf = sbdf;
  }

  /** Null when nobody has read or set it. */
  byte(at: number): number | null {
    const value = this.#pages[Math.floor(at / PAGE_BYTES)]?.[at % PAGE_BYTES] ?? UNKNOWN;
    return value === UNKNOWN ? null : value;
  }

  set(at: number, value: number): void {
    const index = Math.floor(at / PAGE_BYTES);
    if (index >= PAGES) return;
    let page = this.#pages[index];
    if (page === undefined) {
      page = new Int16Array(PAGE_BYTES).fill(UNKNOWN);
      this.#pages[index] = page;
    }
    if (page[at % PAGE_BYTES] === value) return;
    page[at % PAGE_BYTES] = value;
    this.version++;
  }
}

/** Bytes nobody has read count as 0. */
export const byteOf = (fn: KnownFunction, at: number): number => fn.byte(at) ?? 0;
export const wordOf = (fn: KnownFunction, at: number): number => byteOf(fn, at) | (byteOf(fn, at + 1) << 8);
export const dwordOf = (fn: KnownFunction, at: number): number =>
  wordOf(fn, at) + wordOf(fn, at + 2) * 0x1_0000;

/** Whether every byte of a register was seen or set. */
export function isKnown(fn: KnownFunction, at: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (fn.byte(at + i) === null) return false;
  return true;
}

export const isBridge = (fn: KnownFunction): boolean => (byteOf(fn, reg.headerType) & 0x7f) === 1;
export const secondaryOf = (fn: KnownFunction): number => byteOf(fn, reg.secondaryBus);
