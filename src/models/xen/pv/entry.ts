import type { RecordValue } from '../../../events/field.js';

/** An L1 entry as a guest wants it. */
export interface Entry {
  /** Machine frame. */
  readonly frame: number;
  /** Low twelve bits. */
  readonly flags: number;
}

export const flag = { PRESENT: 0x1, RW: 0x2, PWT: 0x8, PCD: 0x10, PAT: 0x80 } as const;
/** Bits that choose the memory type. */
export const CACHE_ATTRIBUTES = flag.PWT | flag.PCD | flag.PAT;
/** `(PADDR_MASK >> PAGE_SHIFT)`: no frame at all. @source xen/arch/x86/include/asm/x86_64/page.h */
export const NO_FRAME = 2 ** 40 - 1;

const FRAME_BITS = 40n;

/** The parts of a 64-bit entry; attributes above bit 51 (NX and the bits for software) are of no matter here. */
export function entryOf(value: RecordValue | undefined): Entry {
  const whole = wide(value);
  return { frame: Number((whole >> 12n) & ((1n << FRAME_BITS) - 1n)), flags: Number(whole & 0xfffn) };
}

/** A 64-bit argument; missing or ill-typed counts as 0, the way zeroed guest memory would. */
function wide(value: RecordValue | undefined): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt.asUintN(64, BigInt(value));
  return typeof value === 'string' && /^0x[0-9a-f]{1,16}$/i.test(value) ? BigInt(value) : 0n;
}
