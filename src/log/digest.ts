import { hexPad } from '../base/hex.js';
import { byteDriver } from './bytes/node.js';

/**
 * The running digest of a log: the SHA-256 of the header document, then for each block the SHA-256 of the digest so
 * far followed by the block's document. It sees neither compressor nor snapshots, and can be taken up at any block.
 */
export function headerDigest(document: Uint8Array): Uint8Array {
  return sha256(document);
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return byteDriver.sha256(bytes);
}

export function blockDigest(before: Uint8Array, document: Uint8Array): Uint8Array {
  return byteDriver.sha256(before, document);
}

export const digestBytes = 32;

export function digestText(digest: Uint8Array): string {
  return Array.from(digest, (byte) => hexPad(byte, 2)).join('');
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
