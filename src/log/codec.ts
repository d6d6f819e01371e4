import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { logTrouble } from './trouble.js';

/** Compressors by the number that stands in a frame; 2 is kept for zstd, which Node 20 does not have. */
export const codecs = { none: 0, brotli: 1 } as const;
export type Codec = keyof typeof codecs;

export function compress(codec: Codec, raw: Uint8Array): Uint8Array {
  if (codec === 'none') return raw;
  return brotliCompressSync(raw, {
    // Output in one piece: a second chunk would be concatenated, that is copied.
    chunkSize: Math.max(64, Math.min(raw.length + 1024, 1 << 20)),
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 1,
      [constants.BROTLI_PARAM_LGWIN]: 18,
      [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
    },
  });
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
  if (codec !== codecs.brotli) {
    throw logTrouble('LOG-005', `unknown compressor ${codec}`, {
      hint: 'the trace was written by a newer version of xpr',
    });
  }
  let raw: Uint8Array;
  try {
    raw = brotliDecompressSync(stored, {
      chunkSize: Math.max(64, Math.min(rawBytes, 1 << 20)),
      maxOutputLength: Math.max(1, rawBytes),
    });
  } catch (error) {
    throw logTrouble('LOG-006', (error as Error).message);
  }
  if (raw.length !== rawBytes) throw logTrouble('LOG-006', 'sizes do not match');
  return raw;
}
