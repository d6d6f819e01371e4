/** More names than any machine has; a log that exceeds it is still read, only slower. */
const KNOWN_NAMES = 4096;

interface Known {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Device and region names of a log: a few dozen, repeated millions of times, made into texts once each. */
export class Names {
  readonly #byHash = new Map<number, Known[]>();
  #count = 0;

  /** The text of `bytes[from, to)`. @cost O(length), no allocation for a known name */
  at(bytes: Uint8Array, from: number, to: number): string {
    // Names are compared in full below: four of their bytes keep nearly all of them apart.
    const hash = to - from + (bytes[from]! << 8) + (bytes[to - 1]! << 16) + (bytes[(from + to) >>> 1]! << 24);
    const bucket = this.#byHash.get(hash);
    if (bucket !== undefined) {
      for (const known of bucket) if (same(known.bytes, bytes, from, to)) return known.text;
    }
    const own = bytes.slice(from, to);
    const text = decoder.decode(own);
    if (this.#count < KNOWN_NAMES) {
      this.#count += 1;
      if (bucket === undefined) this.#byHash.set(hash, [{ bytes: own, text }]);
      else bucket.push({ bytes: own, text });
    }
    return text;
  }
}

const decoder = new TextDecoder();

function same(known: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (known.length !== to - from) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[from + i]) return false;
  return true;
}
