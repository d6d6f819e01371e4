import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateRawSync,
  inflateRawSync,
} from 'node:zlib';
import { assertNever } from '../base/assert.js';
import { logTrouble } from './trouble.js';

/** Compressors by the number that stands in a frame; 3 is kept for zstd, which Node 20 does not have. */
export const codecs = { none: 0, brotli: 1, deflate: 2 } as const;
export type Codec = keyof typeof codecs;

/** As small and as fast to write as brotli at its fastest, and twice as fast to read. */
export const defaultCodec: Codec = 'deflate';

export function compress(codec: Codec, raw: Uint8Array): Uint8Array {
  // Output in one piece: a second chunk would be concatenated, that is copied.
  const chunkSize = Math.max(64, Math.min(raw.length + 1024, 1 << 20));
  switch (codec) {
    case 'none':
      return raw;
    case 'deflate':
      return deflateRawSync(raw, { level: 1, chunkSize });
    case 'brotli':
      return brotliCompressSync(raw, {
        chunkSize,
        params: {
          [constants.BROTLI_PARAM_QUALITY]: 1,
          [constants.BROTLI_PARAM_LGWIN]: 16,
          [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
        },
      });
    default:
      return assertNever(codec, 'codec');
  }
}

/**
 * @param rawBytes Size to expect; never more is produced.
 * @throws {Trouble} LOG-005 for an unknown compressor, LOG-006
 */
export function decompress(codec: number, stored: Uint8Array, rawBytes: number): Uint8Array {
  if (codec === codecs.none) {
    if (stored.length !== rawBytes) throw logTrouble('LOG-006', 'sizes do not match');
    return stored;
  }
  if (codec !== codecs.brotli && codec !== codecs.deflate) {
    throw logTrouble('LOG-005', `unknown compressor ${codec}`, {
      hint: 'the trace was written by a newer version of xpr',
    });
  }
  const options = {
    // In one piece: more than one would be joined, that is copied, with both in memory.
    chunkSize: Math.max(64, rawBytes),
    maxOutputLength: Math.max(1, rawBytes),
  };
  let raw: Uint8Array;
  try {
    raw = codec === codecs.brotli ? brotliDecompressSync(stored, options) : inflateRawSync(stored, options);
  } catch (error) {
    throw logTrouble('LOG-006', (error as Error).message);
  }
  if (raw.length !== rawBytes) throw logTrouble('LOG-006', 'sizes do not match');
  return raw;
}
