import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readFileSync, readSync } from 'node:fs';
import { constants, createGunzip, gunzipSync } from 'node:zlib';
import { Trouble } from '../base/errors.js';
import { pipedInput } from './input.js';

/** Enough to tell formats apart. */
const HEAD_BYTES = 64 << 10;

/** A file to import: looked at, read whole, or streamed; unpacked on the way when it is gzip. */
export interface ImportSource {
  /** As the user gave it. */
  readonly file: string;
  /** First bytes of the content. */
  readonly head: Uint8Array;
  /** The whole content. */
  bytes(): Uint8Array;
  /** The content in pieces, as often as asked. Memory does not grow with the file. */
  chunks(): AsyncIterable<Uint8Array>;
  /** SHA-256 of the file as it is; reads it unless it was read before. */
  sha256(): Promise<string>;
}

/** @throws {Trouble} IMP-003 damaged gzip; whatever opening the file says */
export function importSource(file: string): ImportSource {
  const piped = pipedInput(file);
  return piped === null ? onDisk(file) : inMemory(file, piped);
}

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

function inMemory(file: string, raw: Uint8Array): ImportSource {
  const content = isGzip(raw) ? guard(file, () => gunzipSync(raw)) : raw;
  return {
    file,
    head: content.subarray(0, HEAD_BYTES),
    bytes: () => content,
    async *chunks() {
      yield content;
    },
    sha256: async () => createHash('sha256').update(raw).digest('hex'),
  };
}

function onDisk(file: string): ImportSource {
  const start = readHead(file);
  const packed = isGzip(start);
  let known: string | null = null;
  return {
    file,
    head: packed ? guard(file, () => unpackHead(start)) : start,
    bytes: () => {
      const raw = readFileSync(file);
      known = createHash('sha256').update(raw).digest('hex');
      return packed ? guard(file, () => gunzipSync(raw)) : raw;
    },
    async *chunks() {
      const hash = createHash('sha256');
      const raw = createReadStream(file, { highWaterMark: 256 << 10 });
      raw.on('data', (chunk) => hash.update(chunk));
      try {
        yield* packed ? raw.pipe(createGunzip({ chunkSize: 128 << 10 })) : raw;
      } catch (error) {
        throw damaged(file, error);
      }
      known = hash.digest('hex');
    },
    sha256: async () => {
      if (known !== null) return known;
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
      return hash.digest('hex');
    },
  };
}

function readHead(file: string): Uint8Array {
  const handle = openSync(file, 'r');
  try {
    const bytes = new Uint8Array(HEAD_BYTES);
    return bytes.subarray(0, readSync(handle, bytes, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(handle);
  }
}

/** What the first packed bytes hold: the stream is cut, which is no error here. */
const unpackHead = (start: Uint8Array): Uint8Array =>
  gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, HEAD_BYTES);

function guard<T>(file: string, unpack: () => T): T {
  try {
    return unpack();
  } catch (error) {
    throw damaged(file, error);
  }
}

function damaged(file: string, error: unknown): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === undefined || !code.startsWith('Z_')) return error;
  return new Trouble('IMP-003', 'the gzip file is damaged or cut off', {
    file,
    actual: error instanceof Error ? error.message : String(error),
    hint: 'gzip -t says where',
  });
}
