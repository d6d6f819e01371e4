import type { Prng } from '../../../src/base/prng.js';

/** Bytes as they were changed, and how. */
export interface Mutant<T> {
  readonly value: T;
  readonly about: string;
}

/** Other bytes at some places; the length stays, and at least one bit differs. */
export function flipped(prng: Prng, bytes: Uint8Array): Mutant<Uint8Array> {
  const value = bytes.slice();
  const places = new Map<number, number>();
  for (let left = 1 + (prng.below(3) === 0 ? prng.below(7) : 0); left > 0; left--) {
    // Two changes of one byte could take each other back.
    const at = prng.below(bytes.length);
    places.set(at, prng.below(3) > 0 ? 1 << prng.below(8) : 1 + prng.below(255));
  }
  for (const [at, bits] of places) value[at]! ^= bits;
  return { value, about: [...places].map(([at, bits]) => `byte ${at} ^ 0x${bits.toString(16)}`).join(', ') };
}

/** Bytes changed in any way, also in length; perhaps more than once. */
export function mangled(prng: Prng, bytes: Uint8Array): Mutant<Uint8Array> {
  let value = bytes;
  const about: string[] = [];
  for (let left = 1 + (prng.below(3) === 0 ? prng.below(6) : 0); left > 0; left--) {
    if (value.length === 0) break;
    const change = prng.pick(changes)(prng, value);
    value = change.value;
    about.push(change.about);
  }
  return { value, about: about.join(', ') };
}

type Change = (prng: Prng, bytes: Uint8Array) => Mutant<Uint8Array>;

const changes: readonly Change[] = [
  flipped,
  (prng, bytes) => {
    const value = bytes.slice();
    const at = prng.below(bytes.length);
    const width = prng.pick([1, 2, 4, 8]);
    const edge = prng.pick([0x00, 0xff, 0x7f, 0x80, 0x01]);
    value.fill(prng.below(2) === 0 ? edge : 0xff, at, at + width);
    value[prng.below(2) === 0 ? at : Math.min(at + width, value.length) - 1] = edge;
    return { value, about: `${width} bytes at ${at} to 0x${edge.toString(16)}` };
  },
  (prng, bytes) => {
    const [from, to] = range(prng, bytes.length);
    return { value: joined(bytes.subarray(0, from), bytes.subarray(to)), about: `${from}..${to} left out` };
  },
  (prng, bytes) => {
    const [from, to] = range(prng, bytes.length);
    const part = bytes.subarray(from, to);
    return {
      value: joined(bytes.subarray(0, to), part, bytes.subarray(to)),
      about: `${from}..${to} twice`,
    };
  },
  (prng, bytes) => {
    const at = prng.below(bytes.length + 1);
    const noise = Uint8Array.from({ length: 1 + prng.below(16) }, () => prng.below(256));
    return {
      value: joined(bytes.subarray(0, at), noise, bytes.subarray(at)),
      about: `${noise.length} more at ${at}`,
    };
  },
  (prng, bytes) => {
    const [from, to] = range(prng, bytes.length);
    const at = prng.below(bytes.length - (to - from) + 1);
    const value = bytes.slice();
    value.copyWithin(at, from, to);
    return { value, about: `${from}..${to} also at ${at}` };
  },
  (prng, bytes) => {
    const at = prng.below(bytes.length);
    return { value: bytes.slice(0, at), about: `cut at ${at}` };
  },
];

/** Mostly short, sometimes anything. */
function range(prng: Prng, length: number): [number, number] {
  const from = prng.below(length);
  const most = prng.below(4) === 0 ? length - from : Math.min(length - from, 64);
  return [from, from + 1 + prng.below(most)];
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
