import { Packr } from 'msgpackr';
import { invariant } from '../base/assert.js';
import { Trouble } from '../base/errors.js';
import { arrayIndex, DocumentWeight } from './document-weight.js';
import { logTrouble } from './trouble.js';

// Records (shared structures) stay off: a document using them decodes wrongly, without an error, in another process.
const packr = new Packr({ useRecords: false, int64AsType: 'number' });
/** For objects of more than 65,535 keys; its sizes differ in small maps too, so every other document has the first's. */
const widePackr = new Packr({ useRecords: false, int64AsType: 'number', variableMapSize: true });

/** Deepest nesting of a document; records of 16 levels take three each. */
const depthLimit = 96;

/** One self-contained MessagePack document. */
export function packDocument(value: unknown): Uint8Array {
  try {
    return packr.pack(value);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('variableMapSize')) throw error;
    return widePackr.pack(value);
  }
}

/** The same, checked to be readable again: for values that callers built. @throws {Trouble} LOG-011 */
export function packForeign(value: unknown): Uint8Array {
  const bytes = packDocument(value);
  try {
    checkDocument(bytes, 'maps');
  } catch (error) {
    if (error instanceof Trouble && error.code === 'LOG-011') throw error;
    invariant(false, `value cannot be stored: ${(error as Error).message}`);
  }
  return bytes;
}

/** Whether a document may hold maps: header and snapshots do, blocks and index have no use for them. */
export type Maps = 'maps' | 'no maps';

/**
 * Reads one document that fills `bytes`. Binary parts are views into `bytes`.
 * @throws {Trouble} LOG-007 with the offset inside the document, LOG-011
 */
export function unpackDocument(bytes: Uint8Array, maps: Maps): unknown {
  checkDocument(bytes, maps);
  // A plain Uint8Array in, so that binary parts come out plain too and not as Node's Buffer.
  return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/**
 * Walks a document without allocating: every length fits, nesting is bounded, keys are texts, no extension types, and
 * what it will take in memory. The decoder allocates by announced length before it reads, so a forged length must be
 * caught here.
 */
function checkDocument(bytes: Uint8Array, maps: Maps): void {
  const end = new Walk(bytes, maps).value(0, 0);
  if (end !== bytes.length) bad(end, 'bytes after the document');
}

class Walk {
  readonly #bytes: Uint8Array;
  readonly #maps: Maps;
  readonly #weight = new DocumentWeight();

  constructor(bytes: Uint8Array, maps: Maps) {
    this.#bytes = bytes;
    this.#maps = maps;
  }

  /** The value at `start`; the offset behind it. */
  value(start: number, depth: number): number {
    if (depth > depthLimit) bad(start, 'nested too deeply');
    if (start >= this.#bytes.length) bad(start, 'document ends early');
    this.#weight.value();
    const head = this.#bytes[start]!;
    const at = start + 1;
    if (head < 0x80 || head >= 0xe0) return at;
    if (head < 0x90) return this.#entries(start, at, head & 15, depth);
    if (head < 0xa0) return this.#items(at, head & 15, depth);
    if (head < 0xc0) return this.#text(at, head & 31);
    switch (head) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return at;
      case 0xc4:
        return this.#binary(at + 1, this.#length(at, 1));
      case 0xc5:
        return this.#binary(at + 2, this.#length(at, 2));
      case 0xc6:
        return this.#binary(at + 4, this.#length(at, 4));
      case 0xd9:
        return this.#text(at + 1, this.#length(at, 1));
      case 0xda:
        return this.#text(at + 2, this.#length(at, 2));
      case 0xdb:
        return this.#text(at + 4, this.#length(at, 4));
      case 0xcc:
      case 0xd0:
        return this.#skip(at, 1);
      case 0xcd:
      case 0xd1:
        return this.#skip(at, 2);
      case 0xca:
      case 0xce:
      case 0xd2:
        return this.#wideNumber(at, 4);
      case 0xcb:
      case 0xcf:
      case 0xd3:
        return this.#wideNumber(at, 8);
      case 0xdc:
        return this.#items(at + 2, this.#length(at, 2), depth);
      case 0xdd:
        return this.#items(at + 4, this.#length(at, 4), depth);
      case 0xde:
        return this.#entries(start, at + 2, this.#length(at, 2), depth);
      case 0xdf:
        return this.#entries(start, at + 4, this.#length(at, 4), depth);
      default:
        return bad(start, `unsupported type 0x${head.toString(16)}`);
    }
  }

  #items(start: number, count: number, depth: number): number {
    if (count > this.#bytes.length - start) bad(start, 'announces more items than bytes are left');
    this.#weight.array();
    let at = start;
    for (let i = 0; i < count; i++) at = this.value(at, depth + 1);
    return at;
  }

  /** Keys are texts: the decoder throws at an array or a map in their place, and guesses at anything else. */
  #entries(head: number, start: number, count: number, depth: number): number {
    if (this.#maps === 'no maps') bad(head, 'a map where none belongs');
    if (count * 2 > this.#bytes.length - start) bad(start, 'announces more items than bytes are left');
    let highest = -1;
    let at = start;
    for (let i = 0; i < count; i++) {
      const first = this.#bytes[at] ?? 0;
      const isText = (first >= 0xa0 && first < 0xc0) || (first >= 0xd9 && first <= 0xdb);
      if (!isText) bad(at, 'key of a map that is no text');
      const end = this.value(at, depth + 1);
      highest = Math.max(highest, this.#index(at, end));
      at = this.value(end, depth + 1);
    }
    this.#weight.map(count, highest);
    return at;
  }

  /** The array index that the key between these offsets is, or -1. */
  #index(start: number, end: number): number {
    const last = this.#bytes[end - 1]!;
    if (last < 0x30 || last > 0x39 || end - start > 15) return -1;
    const size = this.#bytes[start]!;
    const from = start + (size < 0xc0 ? 1 : 1 + (1 << (size - 0xd9)));
    return arrayIndex(String.fromCharCode(...this.#bytes.subarray(from, end)));
  }

  #text(start: number, sizeBytes: number): number {
    const end = this.#skip(start, sizeBytes);
    this.#weight.text(sizeBytes);
    return end;
  }

  #binary(start: number, sizeBytes: number): number {
    this.#weight.view();
    return this.#skip(start, sizeBytes);
  }

  #wideNumber(start: number, sizeBytes: number): number {
    this.#weight.wideNumber();
    return this.#skip(start, sizeBytes);
  }

  #skip(start: number, sizeBytes: number): number {
    if (sizeBytes > this.#bytes.length - start) bad(start, 'document ends early');
    return start + sizeBytes;
  }

  #length(at: number, width: 1 | 2 | 4): number {
    if (at + width > this.#bytes.length) bad(at, 'document ends early');
    let n = 0;
    for (let i = 0; i < width; i++) n = n * 256 + this.#bytes[at + i]!;
    return n;
  }
}

function bad(at: number, what: string): never {
  throw logTrouble('LOG-007', `${what} (byte ${at} of the content)`);
}
