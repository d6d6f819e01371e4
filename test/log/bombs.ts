import { brotliCompressSync, constants, crc32, deflateRawSync } from 'node:zlib';
import { BlockEncoder } from '../../src/log/block-encode.js';
import { blockDigest, headerDigest } from '../../src/log/digest.js';
import { encodeFooter, encodeFrame, encodePreamble, type FrameType, frameType } from '../../src/log/frame.js';
import { packDocument, unpackDocument } from '../../src/log/msgpack.js';
import { TraceIndex } from '../../src/log/trace-index.js';
import { sampleEvents, sampleHeader } from './sample.js';

/** Documents of a trace; what is left out is as a small good one has it. */
export interface Forgery {
  readonly header?: Uint8Array;
  readonly snapshot?: Uint8Array;
  readonly block?: Uint8Array;
  readonly index?: Uint8Array;
  readonly codec?: 'none' | 'deflate' | 'brotli';
}

const events = 40;

/** A trace with foreign documents and right checksums, digests and index, as somebody makes who has read docs/format.md. */
export function forge(forgery: Forgery): Uint8Array {
  const codec = forgery.codec ?? 'deflate';
  const encoded = new BlockEncoder().encode([...sampleEvents(events)]);
  const header = forgery.header ?? packDocument(sampleHeader);
  const block = forgery.block ?? encoded.document;
  const start = headerDigest(header);
  const digest = blockDigest(start, block);
  const index = new TraceIndex(start);
  const parts: Uint8Array[] = [encodePreamble()];
  let offsetBytes = parts[0]!.length;
  let ordinal = 0;
  const add = (type: FrameType, document: Uint8Array, prefix?: Uint8Array) => {
    const frame = forgeFrame(type, ordinal++, document, codec, prefix);
    const place = { offsetBytes, frameBytes: frame.length, ordinal: ordinal - 1 };
    parts.push(frame);
    offsetBytes += frame.length;
    return place;
  };
  add(frameType.header, header);
  if (forgery.snapshot !== undefined)
    index.addSnapshot({ ...add(frameType.snapshot, forgery.snapshot), nextSeq: 0 });
  index.addBlock({ ...encoded.summary, ...add(frameType.block, block, digest), digest });
  const { offsetBytes: indexOffset } = add(frameType.index, forgery.index ?? index.encode());
  parts.push(encodeFooter({ indexOffset, frames: ordinal }));
  return Uint8Array.from(Buffer.concat(parts));
}

/** A frame packed as well as can be, whatever our own writer would do. */
function forgeFrame(
  type: FrameType,
  ordinal: number,
  document: Uint8Array,
  codec: 'none' | 'deflate' | 'brotli',
  prefix: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const packed =
    codec === 'none'
      ? document
      : codec === 'deflate'
        ? deflateRawSync(document, { level: 9 })
        : brotliCompressSync(document, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
  const content = Buffer.concat([prefix, packed]);
  const frame = Buffer.concat([
    encodeFrame({ type, ordinal, document: new Uint8Array(0) }, 'none').subarray(0, 24),
    content,
  ]);
  frame[1] = { none: 0, brotli: 1, deflate: 2 }[codec];
  frame.writeUInt32LE(content.length, 8);
  frame.writeUInt32LE(document.length, 12);
  frame.writeUInt32LE(crc32(content), 16);
  frame.writeUInt32LE(crc32(frame.subarray(0, 20)), 20);
  return frame;
}

/** `count` times the same bytes after a 32-bit array head. */
export function arrayOf(item: readonly number[], count: number): Uint8Array {
  const bytes = new Uint8Array(5 + item.length * count);
  bytes[0] = 0xdd;
  new DataView(bytes.buffer).setUint32(1, count);
  for (let i = 0; i < count; i++) bytes.set(item, 5 + i * item.length);
  return bytes;
}

/** MessagePack of a value whose place `hole` (a text) is taken by `filling`. */
function around(value: unknown, filling: Uint8Array): Uint8Array {
  const whole = Buffer.from(packDocument(value));
  const mark = Buffer.from(packDocument('hole'));
  const at = whole.indexOf(mark);
  return Buffer.concat([whole.subarray(0, at), filling, whole.subarray(at + mark.length)]);
}

export const headerWith = (platform: Uint8Array): Uint8Array =>
  around({ ...sampleHeader, platform: 'hole' }, platform);
export const snapshotWith = (state: Uint8Array): Uint8Array => around([0, 'hole'], state);

type Table = [kind: string, rows: number, fields: [name: string, type: string, column: unknown][]];

/** The sample block with other arguments in its hypercalls, or a text in place of who did it. */
export function blockWith(spoil: (parts: unknown[], args: unknown[]) => unknown): Uint8Array {
  const parts = unpackDocument(
    new BlockEncoder().encode([...sampleEvents(events)]).document,
    'no maps',
  ) as unknown[];
  const table = (parts[3] as Table[]).find(([kind]) => kind === 'hypercall.issued')!;
  const field = table[2].find(([name]) => name === 'args')!;
  field[2] = spoil(parts, field[2] as unknown[]) ?? field[2];
  return packDocument(parts);
}

/** A number column of one value, repeated. */
export function constant(value: number): Uint8Array {
  const bytes = [0];
  let z = value * 2;
  for (; z >= 128; z = Math.floor(z / 128)) bytes.push((z % 128) + 128);
  return Uint8Array.from([...bytes, z]);
}

/** Arguments with one key, whose column this is. */
export const argsOf = (args: unknown[], key: string, column: unknown): unknown[] => [
  args[0],
  null,
  null,
  [[[key]], constant(0), [[column]]],
  null,
];
/** Arrays of `length` times the element, nested by giving another of these. */
export const arrays = (length: number, elements: unknown): unknown[] => [
  constant(6),
  null,
  null,
  null,
  [constant(length), elements],
];
export const nulls: unknown[] = [constant(0), null, null, null, null];
