import { hexPad } from '../../../base/hex.js';

/** Flags of a resource, as Linux prints them in the sysfs file `resource`. @source include/linux/ioport.h; facts/dom0 9.1 */
export const flag = {
  /** A ROM that decodes. */
  romEnable: 0x1,
  /** Not to be moved. */
  fixed: 0x10,
  io: 0x100,
  mem: 0x200,
  types: 0x1f00,
  prefetch: 0x2000,
  readOnly: 0x4000,
  /** Aligned to its size. */
  sizeAlign: 0x4_0000,
  /** Not placed yet: `start` holds the alignment. */
  startAlign: 0x8_0000,
  mem64: 0x10_0000,
  /** Handed on by a bridge, said by firmware. */
  window: 0x20_0000,
  /** Has no address. */
  unset: 0x2000_0000,
} as const;

/**
 * A range of ports or memory in CPU addresses, both ends included (`end` is `start - 1` for size 0), in a tree where
 * siblings never overlap. It is owned by a device (a BAR, a window) or is a window of a host bridge.
 */
export interface Resource {
  start: number;
  end: number;
  flags: number;
  /** Who holds it: null while it has no place. */
  parent: Resource | null;
  /** In order of address. */
  children: Resource[];
  /** What a conflict message calls it. */
  name: string;
}

export const newResource = (name: string, flags = 0, start = 0, end = 0): Resource => ({
  start,
  end,
  flags,
  parent: null,
  children: [],
  name,
});

export const sizeOf = (one: Resource): number => one.end - one.start + 1;
export const has = (one: Resource, bits: number): boolean => (one.flags & bits) !== 0;
export const alignUp = (value: number, align: number): number => Math.ceil(value / align) * align;
export const alignDown = (value: number, align: number): number => Math.floor(value / align) * align;

export function setRange(one: Resource, start: number, sizeBytes: number): void {
  one.start = start;
  one.end = start + sizeBytes - 1;
}

/** What its place must be a multiple of; 0: nobody said. @source include/linux/ioport.h, kernel/resource.c of v6.1 */
export function alignmentOf(one: Resource): number {
  if (has(one, flag.sizeAlign)) return sizeOf(one);
  return has(one, flag.startAlign) ? one.start : 0;
}

/** Same kind, and inside; what has no address is inside nothing. */
export const contains = (outer: Resource, inner: Resource): boolean =>
  (outer.flags & flag.types) === (inner.flags & flag.types) &&
  !has(outer, flag.unset) &&
  !has(inner, flag.unset) &&
  outer.start <= inner.start &&
  outer.end >= inner.end;

/** Puts a resource into its parent; whom it collides with (the parent itself: it does not fit in), or null. */
export function claim(parent: Resource, one: Resource): Resource | null {
  if (one.end < one.start || one.start < parent.start || one.end > parent.end) return parent;
  const at = parent.children.findIndex((child) => child.end >= one.start);
  const next = at < 0 ? undefined : parent.children[at];
  if (next !== undefined && next.start <= one.end) return next;
  parent.children.splice(at < 0 ? parent.children.length : at, 0, one);
  one.parent = parent;
  return null;
}

export function release(one: Resource): void {
  const { parent } = one;
  if (parent === null) return;
  parent.children = parent.children.filter((child) => child !== one);
  one.parent = null;
}

/** What an allocation has to keep to. */
export interface Constraint {
  readonly min: number;
  readonly max: number;
  readonly align: number;
  /** Moves a start that the architecture does not like. */
  readonly adjust: (start: number, flags: number) => number;
}

/** The lowest free place in `parent`, where `moving` does not count as taken; null: none. @source kernel/resource.c of v6.1 */
function findPlace(
  parent: Resource,
  moving: Resource | null,
  flags: number,
  sizeBytes: number,
  { min, max, align, adjust }: Constraint,
): number | null {
  let from = parent.start;
  const taken = parent.children.filter((child) => child !== moving);
  for (const next of [...taken, null]) {
    const last = Math.min(next === null ? parent.end : next.start - 1, max);
    const start = adjust(alignUp(Math.max(from, min), align), flags);
    if (start + sizeBytes - 1 <= last && sizeBytes > 0) return start;
    if (next !== null) from = next.end + 1;
  }
  return null;
}

/**
 * Gives a resource the lowest place that suits; one that has a place already grows in it, or moves when nothing lies
 * inside. @returns whether it has the size now.
 */
export function allocate(
  parent: Resource,
  one: Resource,
  sizeBytes: number,
  constraint: Constraint,
): boolean {
  const moving = one.parent === null ? null : one;
  const start = findPlace(parent, moving, one.flags & ~flag.unset, sizeBytes, constraint);
  if (start === null) return false;
  if (moving === null) {
    setRange(one, start, sizeBytes);
    return claim(parent, one) === null;
  }
  const covers = start <= one.start && start + sizeBytes - 1 >= one.end;
  if (!covers && one.children.length > 0) return false;
  release(one);
  setRange(one, start, sizeBytes);
  return claim(parent, one) === null;
}

/** Lets go of everything inside, however deep; sizes are kept, from address 0 on. @returns what was let go, outermost first */
export function releaseInside(one: Resource): readonly Resource[] {
  const inside = one.children;
  one.children = [];
  return inside.flatMap((child) => {
    child.parent = null;
    const below = releaseInside(child);
    setRange(child, 0, sizeOf(child));
    return [child, ...below];
  });
}

const number = (value: number, digits: number): string =>
  value < 0 ? '0xffffffffffffffff' : `0x${hexPad(value, digits)}`;

/** As the kernel prints it with `%pR`. @source lib/vsprintf.c of v6.1 */
export function describe(one: Resource): string {
  const isPort = has(one, flag.io);
  const digits = isPort ? 4 : 8;
  if (!isPort && !has(one, flag.mem)) {
    return `[??? ${number(one.start, 8)}${one.end === one.start ? '' : `-${number(one.end, 8)}`} flags ${number(one.flags, 0)}]`;
  }
  const range = has(one, flag.unset)
    ? `size ${number(sizeOf(one), digits)}`
    : `${number(one.start, digits)}${one.end === one.start ? '' : `-${number(one.end, digits)}`}`;
  const extras =
    (has(one, flag.mem64) ? ' 64bit' : '') +
    (has(one, flag.prefetch) ? ' pref' : '') +
    (has(one, flag.window) ? ' window' : '');
  return `[${isPort ? 'io ' : 'mem'} ${range}${extras}]`;
}
