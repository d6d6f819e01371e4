import { layout } from './number-encode.js';
import { logTrouble } from './trouble.js';

/**
 * Reads `n` values of a number column into `out`, exact.
 *
 * @param low Smallest value allowed; integers are demanded unless `low` is -Infinity.
 * @throws {Trouble} LOG-009: unknown layout, too few or too many bytes, a value outside `low..high`.
 * @cost O(n), no allocation; about 1 ns a value for the fixed layouts, 2 ns for varints.
 */
export function decodeNumbers(
  bytes: Uint8Array,
  n: number,
  out: Float64Array,
  low = 0,
  high = Number.MAX_SAFE_INTEGER,
): void {
  if (n === 0) {
    if (bytes.length !== 0) malformed('bytes in an empty column');
    return;
  }
  if (bytes.length < 2) malformed('too short');
  switch (bytes[0]) {
    case layout.constant:
      constant(bytes, n, out, low, high);
      return;
    case layout.linear:
      linear(bytes, n, out, low, high);
      return;
    case layout.bits:
      if (bytes.length !== 1 + ((n + 7) >> 3)) malformed('wrong length');
      if ((n & 7) !== 0 && bytes[bytes.length - 1]! >> (n & 7) !== 0) malformed('bits after the last value');
      for (let i = 0; i < n; i++) out[i] = (bytes[1 + (i >> 3)]! >> (i & 7)) & 1;
      if (low > 0 || high < 1) inRange(out, n, low, high);
      return;
    case layout.u8:
      if (bytes.length !== 1 + n) malformed('wrong length');
      for (let i = 0; i < n; i++) out[i] = bytes[1 + i]!;
      if (low > 0 || high < 0xff) inRange(out, n, low, high);
      return;
    case layout.u16:
      if (bytes.length !== 1 + 2 * n) malformed('wrong length');
      for (let i = 0, at = 1; i < n; i++, at += 2) out[i] = bytes[at]! | (bytes[at + 1]! << 8);
      if (low > 0 || high < 0xffff) inRange(out, n, low, high);
      return;
    case layout.u32:
      if (bytes.length !== 1 + 4 * n) malformed('wrong length');
      for (let i = 0, at = 1; i < n; i++, at += 4) {
        out[i] = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
      }
      if (low > 0 || high < 0xffff_ffff) inRange(out, n, low, high);
      return;
    case layout.delta:
      deltas(bytes, n, out, low, high);
      return;
    case layout.f64: {
      if (bytes.length !== 1 + 8 * n) malformed('wrong length');
      const view = new DataView(bytes.buffer, bytes.byteOffset + 1);
      for (let i = 0; i < n; i++) out[i] = view.getFloat64(8 * i, true);
      if (low !== Number.NEGATIVE_INFINITY) {
        inRange(out, n, low, high);
        for (let i = 0; i < n; i++) if (!Number.isSafeInteger(out[i])) malformed('not an integer');
      }
      return;
    }
    default:
      malformed(`unknown layout ${bytes[0]}`);
  }
}

function constant(bytes: Uint8Array, n: number, out: Float64Array, low: number, high: number): void {
  const [value, end] = zigzag(bytes, 1);
  if (end !== bytes.length) malformed('wrong length');
  out.fill(value, 0, n);
  inRange(out, 1, low, high);
}

function linear(bytes: Uint8Array, n: number, out: Float64Array, low: number, high: number): void {
  const [first, middle] = zigzag(bytes, 1);
  const [step, end] = zigzag(bytes, middle);
  if (end !== bytes.length) malformed('wrong length');
  for (let i = 0, v = first; i < n; i++, v += step) out[i] = v;
  inRange(out, 1, low, high);
  // Monotonic, so the two ends bound the rest; beyond 2^53 they would not be exact.
  const last = out[n - 1]!;
  if (!(last >= low && last <= high) || !Number.isSafeInteger(last)) malformed('value out of range');
}

function deltas(bytes: Uint8Array, n: number, out: Float64Array, low: number, high: number): void {
  const end = bytes.length;
  let at = 1;
  let v = 0;
  let ok = true;
  for (let i = 0; i < n; i++) {
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
          for (let scale = 0x1000_0000; b >= 0x80; scale *= 128) {
            if (scale > 2 ** 49) malformed('varint too long');
            b = bytes[at++]!;
            z += (b & 0x7f) * scale;
          }
        }
      }
      v += z % 2 === 0 ? z / 2 : -(z + 1) / 2;
    }
    if (!(v >= low && v <= high)) ok = false;
    out[i] = v;
  }
  // Reading past the end yields zero bits, so the length alone tells whether all varints were there.
  if (at !== end) malformed('wrong length');
  if (!ok) malformed('value out of range');
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

function inRange(out: Float64Array, n: number, low: number, high: number): void {
  for (let i = 0; i < n; i++) if (!(out[i]! >= low && out[i]! <= high)) malformed('value out of range');
}

function malformed(what: string): never {
  throw logTrouble('LOG-009', what);
}
