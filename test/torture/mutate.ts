import type { Prng } from '../../src/base/prng.js';

/** Values that decoders like least. */
const nasty: readonly unknown[] = [
  null,
  -1,
  0,
  1,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  Number.NaN,
  1e300,
  '',
  'constructor',
  '__proto__',
  '\u001b[31m\u202e',
  'x'.repeat(70_000),
  [],
  {},
  true,
  new Uint8Array(3),
];

/** One byte or a few changed, never to what they were. */
export function spoilBytes(bytes: Uint8Array, prng: Prng): Uint8Array {
  const spoilt = bytes.slice();
  for (let n = 1 + prng.below(3); n > 0 && spoilt.length > 0; n--) {
    const at = prng.below(spoilt.length);
    spoilt[at] = spoilt[at]! ^ (1 + prng.below(255));
  }
  return spoilt;
}

/** A piece left out, doubled, put elsewhere or overwritten. */
export function spoilPieces(bytes: Uint8Array, prng: Prng): Uint8Array {
  if (bytes.length < 2) return spoilBytes(bytes, prng);
  const from = prng.below(bytes.length);
  const length = 1 + prng.below(Math.min(bytes.length - from, 1 + prng.below(4096)));
  const piece = bytes.subarray(from, from + length);
  const [before, after] = [bytes.subarray(0, from), bytes.subarray(from + length)];
  switch (prng.below(5)) {
    case 0:
      return joined(before, after);
    case 1:
      return joined(before, piece, piece, after);
    case 2: {
      const at = prng.below(bytes.length);
      return joined(bytes.subarray(0, at), piece, bytes.subarray(at));
    }
    case 3:
      return bytes.slice(0, from);
    default:
      return spoilBytes(bytes, prng);
  }
}

/** Text with a token of it replaced by a nasty one. */
export function spoilText(bytes: Uint8Array, prng: Prng): Uint8Array {
  const text = new TextDecoder().decode(bytes);
  const tokens = [...text.matchAll(/[\w.-]+/g)];
  if (tokens.length === 0) return spoilPieces(bytes, prng);
  const { index, 0: token } = prng.pick(tokens);
  const other = prng.pick([
    '',
    '-1',
    '99999999999999999999',
    '0xffffffffffffffffffff',
    'constructor',
    '__proto__',
    '\u001b]0;x\u0007',
    '\u202e',
    '\u0000',
    'a'.repeat(5_000),
    prng.pick(tokens)[0],
    token.repeat(3),
    '{'.repeat(300),
    '\n\n',
  ]);
  return new TextEncoder().encode(text.slice(0, index) + other + text.slice(index + token.length));
}

/** A decoded document with one place of it changed, at any depth. */
export function spoilDocument(document: unknown, prng: Prng, depth = 0): unknown {
  if (document instanceof Map && document.size > 0) {
    const key: unknown = prng.pick([...document.keys()]);
    const copy = new Map<unknown, unknown>(document);
    const action = prng.below(8);
    if (action === 0) copy.delete(key);
    else if (action === 1) copy.set(prng.pick(nasty), copy.get(key));
    else copy.set(key, spoilDocument(copy.get(key), prng, depth + 1));
    return copy;
  }
  const isPlain = document instanceof Object && !(document instanceof Uint8Array);
  if (isPlain && (depth < 2 || prng.below(4) !== 0)) {
    const keys = Object.keys(document);
    if (keys.length > 0) {
      const key = prng.pick(keys);
      const copy = (Array.isArray(document) ? [...document] : { ...document }) as Record<string, unknown>;
      const action = prng.below(8);
      if (action === 0) delete copy[key];
      else if (action === 1 && Array.isArray(copy)) (copy as unknown as unknown[]).push(copy[Number(key)]);
      else copy[key] = spoilDocument(copy[key], prng, depth + 1);
      return copy;
    }
  }
  if (document instanceof Uint8Array && document.length > 0 && prng.below(2) === 0)
    return spoilPieces(document, prng);
  if (typeof document === 'number' && prng.below(2) === 0)
    return document + prng.pick([1, -1, 255, 2 ** 31, -document * 2]);
  return prng.pick(nasty);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
