import { logTrouble } from '../trouble.js';
import { layout } from './number-encode.js';

/**
 * Decoded numbers, in the narrowest array that costs nothing extra to fill: values that fit in 32 bits become small
 * integers in events, doubles an allocation each.
 */
export type Numbers = Float64Array | Uint8Array | Uint16Array | Int32Array;

/**
 * Reads a number column of `n` values, exact. May be a view into `bytes`.
 *
 * @param low Smallest value allowed; integers are demanded unless `low` is -Infinity.
 * @throws {Trouble} LOG-009: unknown layout, too few or too many bytes, a value outside `low..high`.
 * @cost Nothing for bytes, up to 2 ns a value for varints.
 */
export function decodeNumbers(
  bytes: Uint8Array,
  n: number,
  low = 0,
  high = Number.MAX_SAFE_INTEGER,
): Numbers {
  if (n === 0) {
    if (bytes.length !== 0) malformed('bytes in an empty column');
    return bytes;
  }
  if (bytes.length < 2) malformed('too short');
  switch (bytes[0]) {
    case layout.constant:
      return constant(bytes, n, low, high);
    case layout.linear:
      return linear(bytes, n, low, high);
    case layout.bits:
      return checked(bits(bytes, n), n, low, high, 1);
    case layout.u8:
      if (bytes.length !== 1 + n) malformed('wrong length');
      return checked(bytes.subarray(1), n, low, high, 0xff);
    case layout.u16:
      return checked(u16(bytes, n), n, low, high, 0xffff);
    case layout.u32:
      return checked(u32(bytes, n), n, low, high, 0xffff_ffff);
    case layout.delta:
      return deltas(bytes, n, low, high);
    case layout.f64:
      return f64(bytes, n, low, high);
    default:
      return malformed(`unknown layout ${bytes[0]}`);
  }
}

function bits(bytes: Uint8Array, n: number): Uint8Array {
  if (bytes.length !== 1 + ((n + 7) >> 3)) malformed('wrong length');
  if ((n & 7) !== 0 && bytes[bytes.length - 1]! >> (n & 7) !== 0) malformed('bits after the last value');
  const out = new Uint8Array(n);
  const whole = n & ~7;
  for (let i = 0, at = 1; i < whole; i += 8, at++) {
    const b = bytes[at]!;
    out[i] = b & 1;
    out[i + 1] = (b >> 1) & 1;
    out[i + 2] = (b >> 2) & 1;
    out[i + 3] = (b >> 3) & 1;
    out[i + 4] = (b >> 4) & 1;
    out[i + 5] = (b >> 5) & 1;
    out[i + 6] = (b >> 6) & 1;
    out[i + 7] = b >> 7;
  }
  for (let i = whole; i < n; i++) out[i] = (bytes[1 + (i >> 3)]! >> (i & 7)) & 1;
  return out;
}

function u16(bytes: Uint8Array, n: number): Uint16Array {
  if (bytes.length !== 1 + 2 * n) malformed('wrong length');
  const out = new Uint16Array(n);
  for (let i = 0, at = 1; i < n; i++, at += 2) out[i] = bytes[at]! | (bytes[at + 1]! << 8);
  return out;
}

function u32(bytes: Uint8Array, n: number): Float64Array {
  if (bytes.length !== 1 + 4 * n) malformed('wrong length');
  const out = new Float64Array(n);
  for (let i = 0, at = 1; i < n; i++, at += 4) {
    out[i] = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }
  return out;
}

function f64(bytes: Uint8Array, n: number, low: number, high: number): Float64Array {
  if (bytes.length !== 1 + 8 * n) malformed('wrong length');
  const view = new DataView(bytes.buffer, bytes.byteOffset + 1);
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) out[i] = view.getFloat64(8 * i, true);
  if (low === Number.NEGATIVE_INFINITY) return out;
  for (let i = 0; i < n; i++) if (!Number.isSafeInteger(out[i])) malformed('not an integer');
  return checked(out, n, low, high, Number.POSITIVE_INFINITY);
}

function constant(bytes: Uint8Array, n: number, low: number, high: number): Numbers {
  const [value, end] = zigzag(bytes, 1);
  if (end !== bytes.length) malformed('wrong length');
  if (!(value >= low && value <= high)) malformed('value out of range');
  if (value >= 0 && value <= 0xff) return new Uint8Array(n).fill(value);
  return (isInt32(value) ? new Int32Array(n) : new Float64Array(n)).fill(value);
}

function linear(bytes: Uint8Array, n: number, low: number, high: number): Numbers {
  const [first, middle] = zigzag(bytes, 1);
  const [step, end] = zigzag(bytes, middle);
  if (end !== bytes.length) malformed('wrong length');
  const out = isInt32(first) && isInt32(first + step * (n - 1)) ? new Int32Array(n) : new Float64Array(n);
  for (let i = 0, v = first; i < n; i++, v += step) out[i] = v;
  // Monotonic, so the two ends bound the rest; beyond 2^53 they would not be exact.
  const last = out[n - 1]!;
  if (!(first >= low && first <= high && last >= low && last <= high) || !Number.isSafeInteger(last)) {
    malformed('value out of range');
  }
  return out;
}

const isInt32 = (value: number): boolean => (value | 0) === value;

/** Differences of up to 28 bits between 32-bit values; from the first value that needs more, the column is doubles. */
function deltas(bytes: Uint8Array, n: number, low: number, high: number): Numbers {
  const out = new Int32Array(n);
  let at = 1;
  let v = 0;
  let ok = true;
  for (let i = 0; i < n; i++) {
    const start = at;
    let b = bytes[at++]!;
    let z = b & 0x7f;
    if (b >= 0x80) {
      b = bytes[at++]!;
      z |= (b & 0x7f) << 7;
      if (b >= 0x80) {
        b = bytes[at++]!;
        z |= (b & 0x7f) << 14;
        if (b >= 0x80) {
          b = bytes[at++]!;
          z |= (b & 0x7f) << 21;
          if (b >= 0x80) return wideDeltas(bytes, out, i, start, v, ok, low, high);
        }
      }
    }
    const before = v;
    v += (z >>> 1) ^ -(z & 1);
    if (!isInt32(v)) return wideDeltas(bytes, out, i, start, before, ok, low, high);
    if (v < low || v > high) ok = false;
    out[i] = v;
  }
  // Reading past the end yields zero bits, so the length alone tells whether all varints were there.
  if (at !== bytes.length) malformed('wrong length');
  if (!ok) malformed('value out of range');
  return out;
}

/** The rest of such a column, from value `from` at byte `start` on. */
function wideDeltas(
  bytes: Uint8Array,
  narrow: Int32Array,
  from: number,
  start: number,
  before: number,
  inRange: boolean,
  low: number,
  high: number,
): Float64Array {
  const n = narrow.length;
  const out = new Float64Array(n);
  for (let i = 0; i < from; i++) out[i] = narrow[i]!;
  const end = bytes.length;
  let at = start;
  let v = before;
  let ok = inRange;
  for (let i = from; i < n; i++) {
    let b = bytes[at++]!;
    if (b < 0x80) v += (b >>> 1) ^ -(b & 1);
    else {
      let z = b & 0x7f;
      b = bytes[at++]!;
      z |= (b & 0x7f) << 7;
      if (b >= 0x80) {
        b = bytes[at++]!;
        z |= (b & 0x7f) << 14;
        if (b >= 0x80) {
          b = bytes[at++]!;
          z |= (b & 0x7f) << 21;
        }
      }
      if (b < 0x80) v += (z >>> 1) ^ -(z & 1);
      else {
        const [wide, end] = longVarint(bytes, at, z);
        v += wide;
        at = end;
      }
    }
    if (!(v >= low && v <= high)) ok = false;
    out[i] = v;
  }
  // Reading past the end yields zero bits, so the length alone tells whether all varints were there.
  if (at !== end) malformed('wrong length');
  if (!ok) malformed('value out of range');
  return out;
}

/** The rest of a varint whose first 28 bits are `z`: beyond what integer arithmetic holds. */
function longVarint(bytes: Uint8Array, start: number, low: number): [value: number, end: number] {
  let z = low;
  let at = start;
  for (let scale = 0x1000_0000; ; scale *= 128) {
    if (scale > 2 ** 49) malformed('varint too long');
    const b = bytes[at++]!;
    z += (b & 0x7f) * scale;
    // Past the end there is no byte, and `undefined` is not above 0x7f either.
    if (!(b >= 0x80)) break;
  }
  return [z % 2 === 0 ? z / 2 : -(z + 1) / 2, at];
}

function zigzag(bytes: Uint8Array, start: number): [value: number, end: number] {
  let z = 0;
  let at = start;
  for (let scale = 1; ; scale *= 128) {
    const b = bytes[at++];
    if (b === undefined) malformed('too short');
    if (scale > 2 ** 49) malformed('varint too long');
    z += (b & 0x7f) * scale;
    if (b < 0x80) break;
  }
  if (!Number.isSafeInteger(z)) malformed('varint too large');
  return [z % 2 === 0 ? z / 2 : -(z + 1) / 2, at];
}

/** Looks at the values only when the layout could hold one out of range. */
function checked<N extends Numbers>(out: N, n: number, low: number, high: number, most: number): N {
  if (low <= 0 && high >= most) return out;
  for (let i = 0; i < n; i++) if (!(out[i]! >= low && out[i]! <= high)) malformed('value out of range');
  return out;
}

function malformed(what: string): never {
  throw logTrouble('LOG-009', what);
}
