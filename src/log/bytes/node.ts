import { createHash } from 'node:crypto';
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  crc32,
  deflateRawSync,
  inflateRawSync,
} from 'node:zlib';
import type { ByteDriver } from './driver.js';

/** What Node itself has. */
export const byteDriver: ByteDriver = {
  crc32: (bytes) => crc32(bytes),
  sha256: (...parts) => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  deflate: {
    pack: (raw) => deflateRawSync(raw, { level: 1, chunkSize: oneChunk(raw) }),
    unpack: (packed, rawBytes) => inflateRawSync(packed, whole(rawBytes)),
  },
  brotli: {
    pack: (raw) =>
      brotliCompressSync(raw, {
        chunkSize: oneChunk(raw),
        params: {
          [constants.BROTLI_PARAM_QUALITY]: 1,
          [constants.BROTLI_PARAM_LGWIN]: 16,
          [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
        },
      }),
    unpack: (packed, rawBytes) => brotliDecompressSync(packed, whole(rawBytes)),
  },
};

/** Output in one piece: a second chunk would be concatenated, that is copied. */
const oneChunk = (raw: Uint8Array): number => Math.max(64, Math.min(raw.length + 1024, 1 << 20));

const whole = (rawBytes: number) => ({
  // In one piece: more than one would be joined, that is copied, with both in memory.
  chunkSize: Math.max(64, rawBytes),
  maxOutputLength: Math.max(1, rawBytes),
});
