import { limits } from '../base/limits.js';
import { byteDriver } from './bytes/node.js';
import { type Codec, codecs, compress, decompress } from './codec.js';
import { digestBytes } from './digest.js';
import { logTrouble } from './trouble.js';

/** First bytes of a trace file, chosen like PNG's: not text, and broken by every transfer that is not binary. */
const magic = Uint8Array.of(0x89, 0x78, 0x70, 0x72, 0x0d, 0x0a, 0x1a, 0x0a);
const formatVersion = 1;
/** Magic, version, reserved, CRC. */
export const preambleBytes = 16;
export const frameHeaderBytes = 24;
/** End mark, offset of the index, number of frames, CRC. */
export const footerBytes = 24;
const endMark = Uint8Array.of(0x45, 0x78, 0x70, 0x72, 0x65, 0x6e, 0x64, 0x0a);

/** What a frame holds; the number is the letter in the file. */
export const frameType = { header: 0x48, block: 0x42, snapshot: 0x53, index: 0x49 } as const;
export type FrameType = (typeof frameType)[keyof typeof frameType];
const frameTypes: ReadonlySet<number> = new Set(Object.values(frameType));

/** The 24 bytes before each frame's content. */
export interface FrameHeader {
  readonly type: FrameType;
  readonly codec: number;
  /** Position among the frames of the file, from 0: a frame moved or doubled is noticed. */
  readonly ordinal: number;
  readonly storedBytes: number;
  readonly rawBytes: number;
  readonly crc: number;
}

/** What a new frame is made of. */
export interface FrameParts {
  readonly type: FrameType;
  readonly ordinal: number;
  readonly document: Uint8Array;
  /** Blocks only: the running digest after them. */
  readonly digest?: Uint8Array;
}

/** A whole frame as bytes: header, a block's digest, the document, compressed when that makes it smaller. */
export function encodeFrame({ type, ordinal, document, digest }: FrameParts, codec: Codec): Uint8Array {
  const packed = compress(codec, document);
  const smaller = packed.length < document.length && document.length <= mostUnpacked(type, packed.length);
  const content = smaller ? packed : document;
  const prefixBytes = digest?.length ?? 0;
  const frame = new Uint8Array(frameHeaderBytes + prefixBytes + content.length);
  const stored = frame.subarray(frameHeaderBytes);
  if (digest !== undefined) stored.set(digest);
  stored.set(content, prefixBytes);
  const view = new DataView(frame.buffer);
  view.setUint8(0, type);
  view.setUint8(1, smaller ? codecs[codec] : codecs.none);
  view.setUint32(4, ordinal, true);
  view.setUint32(8, stored.length, true);
  view.setUint32(12, document.length, true);
  view.setUint32(16, byteDriver.crc32(stored), true);
  view.setUint32(20, byteDriver.crc32(frame.subarray(0, 20)), true);
  return frame;
}

/** Bytes that packed content may unpack to. */
function mostUnpacked(type: FrameType, packedBytes: number): number {
  const isSingle = type === frameType.header || type === frameType.index;
  const free = isSingle ? limits.singleDocumentBytes : limits.smallDocumentBytes;
  return Math.max(free, packedBytes * limits.frameRatio);
}

/** The same frame at another place among the frames of a file. */
export function renumberFrame(frame: Uint8Array, ordinal: number): Uint8Array {
  const copy = frame.slice();
  const view = new DataView(copy.buffer);
  view.setUint32(4, ordinal, true);
  view.setUint32(20, byteDriver.crc32(copy.subarray(0, 20)), true);
  return copy;
}

/**
 * Checks the 24 bytes of a frame header.
 * @throws {Trouble} LOG-004, LOG-005, LOG-011
 */
export function decodeFrameHeader(bytes: Uint8Array): FrameHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, frameHeaderBytes);
  if (view.getUint32(20, true) !== byteDriver.crc32(bytes.subarray(0, 20)))
    throw logTrouble('LOG-004', 'frame header');
  const type = view.getUint8(0);
  const codec = view.getUint8(1);
  const storedBytes = view.getUint32(8, true);
  const rawBytes = view.getUint32(12, true);
  if (!frameTypes.has(type)) throw logTrouble('LOG-005', `unknown frame type 0x${type.toString(16)}`);
  if (view.getUint16(2, true) !== 0) throw logTrouble('LOG-005', 'reserved bytes are not zero');
  if (storedBytes > limits.blockBytes || rawBytes > limits.blockBytes) {
    throw logTrouble('LOG-011', `a frame of ${Math.max(storedBytes, rawBytes)} bytes`, {
      expected: `at most ${limits.blockBytes}`,
    });
  }
  return {
    type: type as FrameType,
    codec,
    ordinal: view.getUint32(4, true),
    storedBytes,
    rawBytes,
    crc: view.getUint32(16, true),
  };
}

export interface FrameContent {
  readonly document: Uint8Array;
  /** Running digest that a block frame carries; empty in other frames. */
  readonly digest: Uint8Array;
}

/** Content of a frame, checked and decompressed. @throws {Trouble} LOG-004, LOG-005, LOG-006, LOG-011 */
export function decodeFrameContent(header: FrameHeader, stored: Uint8Array): FrameContent {
  if (byteDriver.crc32(stored) !== header.crc) throw logTrouble('LOG-004', 'frame content');
  const prefixBytes = header.type === frameType.block ? digestBytes : 0;
  const mostBytes = mostUnpacked(header.type, stored.length - prefixBytes);
  if (header.codec !== codecs.none && header.rawBytes > mostBytes) {
    throw logTrouble('LOG-011', `a frame that unpacks to ${header.rawBytes} bytes`, {
      expected: `at most ${mostBytes}`,
    });
  }
  if (stored.length < prefixBytes) throw logTrouble('LOG-005', 'block without a digest');
  return {
    document: decompress(header.codec, stored.subarray(prefixBytes), header.rawBytes),
    digest: stored.subarray(0, prefixBytes),
  };
}

export function encodePreamble(): Uint8Array {
  const bytes = new Uint8Array(preambleBytes);
  bytes.set(magic);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, formatVersion, true);
  view.setUint32(12, byteDriver.crc32(bytes.subarray(0, 12)), true);
  return bytes;
}

/** @throws {Trouble} LOG-001, LOG-002, LOG-003, LOG-004 */
export function checkPreamble(bytes: Uint8Array): void {
  const common = Math.min(bytes.length, magic.length);
  for (let i = 0; i < common; i++) if (bytes[i] !== magic[i]) throw logTrouble('LOG-001', '');
  if (bytes.length === 0) throw logTrouble('LOG-001', 'it is empty');
  if (bytes.length < preambleBytes) throw logTrouble('LOG-003', '');
  const view = new DataView(bytes.buffer, bytes.byteOffset, preambleBytes);
  if (view.getUint32(12, true) !== byteDriver.crc32(bytes.subarray(0, 12)))
    throw logTrouble('LOG-004', 'preamble');
  const version = view.getUint16(8, true);
  if (version !== formatVersion || view.getUint16(10, true) !== 0) {
    throw logTrouble('LOG-002', '', { expected: `format ${formatVersion}`, actual: `format ${version}` });
  }
}

/** What the last bytes of a whole file say. */
export interface Footer {
  readonly indexOffset: number;
  readonly frames: number;
}

export function encodeFooter({ indexOffset, frames }: Footer): Uint8Array {
  const bytes = new Uint8Array(footerBytes);
  bytes.set(endMark);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, indexOffset % 2 ** 32, true);
  view.setUint32(12, Math.floor(indexOffset / 2 ** 32), true);
  view.setUint32(16, frames, true);
  view.setUint32(20, byteDriver.crc32(bytes.subarray(0, 20)), true);
  return bytes;
}

/** @throws {Trouble} LOG-003 when this is no footer at all, LOG-004 */
export function decodeFooter(bytes: Uint8Array): Footer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, footerBytes);
  const crcHolds = view.getUint32(20, true) === byteDriver.crc32(bytes.subarray(0, 20));
  const marked = endMark.every((byte, i) => bytes[i] === byte);
  // A footer with one wrong byte is damage; anything further from a footer is a missing end.
  if (!crcHolds) throw marked ? logTrouble('LOG-004', 'footer') : logTrouble('LOG-003', '');
  if (!marked) throw logTrouble('LOG-003', '');
  return {
    indexOffset: view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32,
    frames: view.getUint32(16, true),
  };
}
