import { errno } from '../../../base/errno.js';

/** What the list rules and the access algorithm need of a register; handlers themselves are the caller's. */
export interface RegisterRule {
  readonly offset: number;
  readonly size: number;
  /** Bits the guest cannot change. */
  readonly ro: number;
  /** Bits a written 1 clears; the handler does the clearing. */
  readonly rw1c: number;
  /** Reserved bits that read 0 and keep their value. */
  readonly rsvdp: number;
  /** Reserved bits that read 0 and are written as 0. */
  readonly rsvdz: number;
}

const CONFIG_SPACE_BYTES = 4096;

/** Negative: `a` lies before `b`; positive: after; 0: they overlap. */
function compare(a: { offset: number; size: number }, b: { offset: number; size: number }): number {
  if (a.offset < b.offset + b.size && b.offset < a.offset + a.size) return 0;
  return a.offset - b.offset;
}

const isWellFormed = ({ offset, size }: RegisterRule): boolean =>
  (size === 1 || size === 2 || size === 4) &&
  Number.isInteger(offset) &&
  offset >= 0 &&
  offset < CONFIG_SPACE_BYTES &&
  offset % size === 0;

function hasSoundMasks({ size, ro, rw1c, rsvdp, rsvdz }: RegisterRule): boolean {
  const isDisjoint = (ro & rw1c) === 0 && ((ro | rw1c) & rsvdp) === 0 && ((ro | rw1c | rsvdp) & rsvdz) === 0;
  return isDisjoint && (size === 4 || (ro | rw1c | rsvdp | rsvdz) >>> (8 * size) === 0);
}

/**
 * `vpci_add_register_mask` on a sorted list, in place.
 *
 * @param isHandled Whether the register has a read or a write handler at all.
 * @returns 0, -EINVAL for a register that breaks the rules, -EEXIST when it overlaps one of the list.
 * @source facts/xen 5.2
 * @cost O(n).
 */
export function addRegister<R extends RegisterRule>(list: R[], register: R, isHandled = true): number {
  if (!isWellFormed(register) || !isHandled || !hasSoundMasks(register)) return -errno.EINVAL;
  let at = 0;
  for (; at < list.length; at++) {
    const order = compare(register, list[at]!);
    if (order === 0) return -errno.EEXIST;
    if (order < 0) break;
  }
  list.splice(at, 0, register);
  return 0;
}

/**
 * `vpci_remove_registers`, in place: takes out whatever lies inside `[start, start + size)`. A register cut by the
 * range ends it with -ERANGE; those met before are gone by then. @source facts/xen 5.2
 */
export function removeRegisters(list: RegisterRule[], start: number, size: number): number {
  const end = start + size;
  for (let i = 0; i < list.length; ) {
    const { offset, size: length } = list[i]!;
    if (offset >= start && offset + length <= end) {
      list.splice(i, 1);
      continue;
    }
    if (offset + length > start && offset < end) return -errno.ERANGE;
    if (start < offset) break;
    i++;
  }
  return 0;
}

/** `vpci_get_register`: exact offset and size only. @source facts/xen 5.2 */
export function findRegister<R extends RegisterRule>(
  list: readonly R[],
  offset: number,
  size: number,
): R | undefined {
  return list.find((register) => register.offset === offset && register.size === size);
}
