import { sha256 } from '@noble/hashes/sha2.js';
import { deflateSync, inflateSync } from 'fflate';
import type { ByteDriver } from './driver.js';

/** The same without Node: a page's own functions answer later, and replay does not wait. */
export const byteDriver: ByteDriver = {
  crc32: (bytes) => {
    let crc = 0xffff_ffff;
    for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
    return ~crc >>> 0;
  },
  sha256: (...parts) => {
    const hash = sha256.create();
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  deflate: {
    pack: (raw) => deflateSync(raw, { level: 1 }),
    unpack: (packed, rawBytes) => {
      // It drops without a word what does not fit, so there is room for one byte too many.
      return inflateSync(packed, { out: new Uint8Array(rawBytes + 1) });
    },
  },
  brotli: null,
};

/** Remainders of single bytes under the reversed polynomial. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb8_8320 : rest >>> 1;
  return rest;
});
