import { Packr } from 'msgpackr';
import { invariant } from '../base/assert.js';
import { logTrouble } from './trouble.js';

// Records (shared structures) stay off: a document using them decodes wrongly, without an error, in another process.
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

/** Deepest nesting of a document; records of 16 levels take three each. */
const depthLimit = 96;

/** One self-contained MessagePack document. */
export function packDocument(value: unknown): Uint8Array {
  return packr.pack(value);
}

/** The same, checked to be readable again: for values that callers built. */
export function packForeign(value: unknown): Uint8Array {
  const bytes = packDocument(value);
  try {
    checkDocument(bytes);
  } catch (error) {
    invariant(false, `value cannot be stored: ${(error as Error).message}`);
  }
  return bytes;
}

/**
 * Reads one document that fills `bytes`. Binary parts are views into `bytes`.
 * @throws {Trouble} LOG-007 with the offset inside the document.
 */
export function unpackDocument(bytes: Uint8Array): unknown {
  checkDocument(bytes);
  // A plain Uint8Array in, so that binary parts come out plain too and not as Node's Buffer.
  return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/**
 * Walks a document without allocating: every length fits, nesting is bounded, keys are texts, no extension types. The decoder
 * allocates by announced length before it reads, so a forged length must be caught here.
 */
function checkDocument(bytes: Uint8Array): void {
  const end = value(bytes, 0, 0);
  if (end !== bytes.length) bad(end, 'bytes after the document');
}

function value(bytes: Uint8Array, start: number, depth: number): number {
  if (depth > depthLimit) bad(start, 'nested too deeply');
  if (start >= bytes.length) bad(start, 'document ends early');
  const head = bytes[start]!;
  const at = start + 1;
  if (head < 0x80 || head >= 0xe0) return at;
  if (head < 0x90) return entries(bytes, at, head & 15, depth);
  if (head < 0xa0) return items(bytes, at, head & 15, depth);
  if (head < 0xc0) return skip(bytes, at, head & 31);
  switch (head) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at;
    case 0xc4:
    case 0xd9:
      return skip(bytes, at + 1, length(bytes, at, 1));
    case 0xc5:
    case 0xda:
      return skip(bytes, at + 2, length(bytes, at, 2));
    case 0xc6:
    case 0xdb:
      return skip(bytes, at + 4, length(bytes, at, 4));
    case 0xcc:
    case 0xd0:
      return skip(bytes, at, 1);
    case 0xcd:
    case 0xd1:
      return skip(bytes, at, 2);
    case 0xca:
    case 0xce:
    case 0xd2:
      return skip(bytes, at, 4);
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return skip(bytes, at, 8);
    case 0xdc:
      return items(bytes, at + 2, length(bytes, at, 2), depth);
    case 0xdd:
      return items(bytes, at + 4, length(bytes, at, 4), depth);
    case 0xde:
      return entries(bytes, at + 2, length(bytes, at, 2), depth);
    case 0xdf:
      return entries(bytes, at + 4, length(bytes, at, 4), depth);
    default:
      return bad(start, `unsupported type 0x${head.toString(16)}`);
  }
}

function items(bytes: Uint8Array, start: number, count: number, depth: number): number {
  if (count > bytes.length - start) bad(start, 'announces more items than bytes are left');
  let at = start;
  for (let i = 0; i < count; i++) at = value(bytes, at, depth + 1);
  return at;
}

/** Keys are texts: the decoder throws at an array or a map in their place, and guesses at anything else. */
function entries(bytes: Uint8Array, start: number, count: number, depth: number): number {
  if (count * 2 > bytes.length - start) bad(start, 'announces more items than bytes are left');
  let at = start;
  for (let i = 0; i < count; i++) {
    const head = bytes[at] ?? 0;
    const isText = (head >= 0xa0 && head < 0xc0) || (head >= 0xd9 && head <= 0xdb);
    if (!isText) bad(at, 'key of a map that is no text');
    at = value(bytes, value(bytes, at, depth + 1), depth + 1);
  }
  return at;
}

function skip(bytes: Uint8Array, start: number, sizeBytes: number): number {
  if (sizeBytes > bytes.length - start) bad(start, 'document ends early');
  return start + sizeBytes;
}

function length(bytes: Uint8Array, at: number, width: 1 | 2 | 4): number {
  if (at + width > bytes.length) bad(at, 'document ends early');
  let n = 0;
  for (let i = 0; i < width; i++) n = n * 256 + bytes[at + i]!;
  return n;
}

function bad(at: number, what: string): never {
  throw logTrouble('LOG-007', `${what} (byte ${at} of the content)`);
}
