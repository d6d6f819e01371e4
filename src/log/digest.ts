import { createHash } from 'node:crypto';

/**
 * The running digest of a log: the SHA-256 of the header document, then for each block the SHA-256 of the digest so
 * far followed by the block's document. It sees neither compressor nor snapshots, and can be taken up at any block.
 */
export function headerDigest(document: Uint8Array): Uint8Array {
  return sha256(document);
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

export function blockDigest(before: Uint8Array, document: Uint8Array): Uint8Array {
  return createHash('sha256').update(before).update(document).digest();
}

export const digestBytes = 32;

export function digestText(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('hex');
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
