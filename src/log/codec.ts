import { assertNever } from '../base/assert.js';
import type { Packing } from './bytes/driver.js';
import { byteDriver } from './bytes/node.js';
import { logTrouble } from './trouble.js';

/** Compressors by the number that stands in a frame; 3 is kept for zstd, which Node 20 does not have. */
export const codecs = { none: 0, brotli: 1, deflate: 2 } as const;
export type Codec = keyof typeof codecs;

/** As small and as fast to write as brotli at its fastest, and twice as fast to read. */
export const defaultCodec: Codec = 'deflate';

export function compress(codec: Codec, raw: Uint8Array): Uint8Array {
  return codec === 'none' ? raw : packingOf(codec).pack(raw);
}

/**
 * @param rawBytes Size to expect; never more is produced.
 * @throws {Trouble} LOG-005 for a compressor that is unknown, or unknown here, LOG-006
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
  const packing = packingOf(codec === codecs.brotli ? 'brotli' : 'deflate');
  let raw: Uint8Array;
  try {
    raw = packing.unpack(stored, rawBytes);
  } catch (error) {
    throw logTrouble('LOG-006', (error as Error).message);
  }
  if (raw.length !== rawBytes) throw logTrouble('LOG-006', 'sizes do not match');
  return raw;
}

function packingOf(codec: Exclude<Codec, 'none'>): Packing {
  switch (codec) {
    case 'deflate':
      return byteDriver.deflate;
    case 'brotli':
      if (byteDriver.brotli !== null) return byteDriver.brotli;
      throw logTrouble('LOG-005', 'Brotli cannot be unpacked in a page', {
        expected: 'raw deflate, as xpr writes it',
        hint: 'xpr export --to ndjson and xpr import write the trace anew',
      });
    default:
      return assertNever(codec, 'codec');
  }
}
