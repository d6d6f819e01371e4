import type { ByteSink } from './byte-sink.js';

/** First byte of a number column: how its values are laid out. An empty column has no bytes at all. */
export const layout = {
  /** One zigzag varint: every value. */
  constant: 0,
  /** Two zigzag varints: first value and step. */
  linear: 1,
  u8: 2,
  u16: 3,
  u32: 4,
  /** Zigzag varints: differences to the previous value, the first to 0. */
  delta: 5,
  /** IEEE 754 doubles, little endian. */
  f64: 6,
  /** Values 0 and 1, eight to a byte, first value in bit 0. */
  bits: 7,
} as const;

/** Zigzag doubles a number, so differences stay below 2^52 to be exact in a double. */
const exact = 2 ** 52;

/**
 * Appends one number column; any doubles, exact. The layout is the smallest of a few and depends on the values only.
 * @returns The column's bytes, a view into the sink.
 * @cost Two passes over the values.
 */
export function encodeNumbers(values: Float64Array, n: number, sink: ByteSink): Uint8Array {
  if (n === 0) return sink.bytes.subarray(0, 0);
  sink.reserve(n * 9 + 32);
  const start = sink.at;
  const bytes = sink.bytes;
  const kind = choose(values, n);
  bytes[start] = kind;
  let at = start + 1;
  switch (kind) {
    case layout.constant:
      at = putZigzag(bytes, at, values[0]!);
      break;
    case layout.linear:
      at = putZigzag(bytes, at, values[0]!);
      at = putZigzag(bytes, at, values[1]! - values[0]!);
      break;
    case layout.bits: {
      bytes.fill(0, at, at + ((n + 7) >> 3));
      for (let i = 0; i < n; i++) if (values[i] === 1) bytes[at + (i >> 3)]! |= 1 << (i & 7);
      at += (n + 7) >> 3;
      break;
    }
    case layout.u8:
      for (let i = 0; i < n; i++) bytes[at++] = values[i]!;
      break;
    case layout.u16:
      for (let i = 0; i < n; i++) {
        const v = values[i]!;
        bytes[at++] = v;
        bytes[at++] = v >>> 8;
      }
      break;
    case layout.u32:
      for (let i = 0; i < n; i++) {
        const v = values[i]! >>> 0;
        bytes[at++] = v;
        bytes[at++] = v >>> 8;
        bytes[at++] = v >>> 16;
        bytes[at++] = v >>> 24;
      }
      break;
    case layout.delta: {
      let before = 0;
      for (let i = 0; i < n; i++) {
        const v = values[i]!;
        const d = v - before;
        before = v;
        if (d >= -64 && d < 64) bytes[at++] = (d << 1) ^ (d >> 31);
        else at = putZigzag(bytes, at, d);
      }
      break;
    }
    default: {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      for (let i = 0; i < n; i++, at += 8) view.setFloat64(at, values[i]!, true);
    }
  }
  sink.at = at;
  return bytes.subarray(start, at);
}

function choose(values: Float64Array, n: number): number {
  const first = values[0]!;
  const step = n > 1 ? values[1]! - first : 0;
  let min = first;
  let max = first;
  let linear = true;
  let whole = isWhole(first);
  let before = first;
  for (let i = 1; i < n; i++) {
    const v = values[i]!;
    if (v - before !== step) linear = false;
    before = v;
    if (v < min) min = v;
    else if (v > max) max = v;
    if (!isWhole(v)) whole = false;
  }
  const small = whole && min >= 0 && max <= 0xff;
  if (!small) return chooseWide(values, n, min, max, linear, whole);
  if (min === max) return layout.constant;
  if (linear && n > 2) return layout.linear;
  return max <= 1 ? layout.bits : layout.u8;
}

/** Neither a fraction nor the zero whose sign an integer would lose. */
const isWhole = (v: number): boolean => Math.floor(v) === v && (v !== 0 || !Object.is(v, -0));

/** For values beyond a byte, where the differences decide: most columns are small and never get here. */
function chooseWide(
  values: Float64Array,
  n: number,
  min: number,
  max: number,
  linear: boolean,
  whole: boolean,
): number {
  let deltaBytes = 0;
  let widest = 0;
  let before = 0;
  for (let i = 0; i < n; i++) {
    const d = values[i]! - before;
    before = values[i]!;
    const m = d < 0 ? -d : d;
    if (m > widest) widest = m;
    deltaBytes += m < 64 ? 1 : m < 8192 ? 2 : m < 1048576 ? 3 : m < 134217728 ? 4 : m < 17179869184 ? 5 : 8;
  }
  if (!whole || !(min > -exact && max < exact)) {
    // Values up to 2^53 - 1 still pack well when only their differences are small.
    if (!whole || !(widest < exact) || !(min >= -Number.MAX_SAFE_INTEGER && max <= Number.MAX_SAFE_INTEGER))
      return layout.f64;
  }
  if (min === max && widest < exact) return layout.constant;
  if (linear && n > 2 && widest < exact) return layout.linear;
  if (min >= 0) {
    if (max <= 0xffff && deltaBytes >= 2 * n) return layout.u16;
    if (max <= 0xffff_ffff && deltaBytes >= 4 * n) return layout.u32;
  }
  return widest < exact && deltaBytes < 8 * n ? layout.delta : layout.f64;
}

/** @param value Below 2^52 in magnitude. */
function putZigzag(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let z = value < 0 ? -2 * value - 1 : 2 * value;
  while (z >= 0x1000_0000) {
    bytes[at++] = (z % 128) | 0x80;
    z = Math.floor(z / 128);
  }
  while (z >= 0x80) {
    bytes[at++] = (z & 0x7f) | 0x80;
    z >>>= 7;
  }
  bytes[at++] = z;
  return at;
}
