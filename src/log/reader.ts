import type { Trouble } from '../base/errors.js';
import type { TraceEvent } from '../events/catalogue.js';
import { Block } from './block-decode.js';
import { digestText, headerDigest, sameBytes } from './digest.js';
import {
  checkPreamble,
  decodeFooter,
  decodeFrameContent,
  decodeFrameHeader,
  type FrameContent,
  type FrameType,
  footerBytes,
  frameHeaderBytes,
  frameType,
  preambleBytes,
} from './frame.js';
import { checkHeader, type Provenance, type TraceHeader } from './header.js';
import { unpackDocument } from './msgpack.js';
import { type Recovered, recoveredFrom } from './recovered.js';
import type { TraceSource } from './stores/store.js';
import { TraceIndex } from './trace-index.js';
import { atOffset, logTrouble } from './trouble.js';

/**
 * Reads a whole trace: header and index at once, blocks when asked for. Every byte it returns passed a checksum.
 * Errors carry the offset of the frame.
 */
export class TraceReader<P = unknown> {
  readonly header: TraceHeader<P>;
  readonly index: TraceIndex;
  readonly #source: TraceSource;
  #cached: { readonly number: number; readonly block: Block } | null = null;

  /**
   * @param source Stays open until `close`.
   * @throws {Trouble} LOG-001 to LOG-007, LOG-010, LOG-011, LOG-014, LOG-016; LOG-003 for a trace without an end,
   *   which `openTorn` reads.
   */
  static open<P = unknown>(source: TraceSource): TraceReader<P> {
    const { header, document } = readHeader(source);
    const indexDocument = readIndex(source);
    try {
      return new TraceReader(
        source,
        header as TraceHeader<P>,
        TraceIndex.decode(indexDocument, headerDigest(document)),
      );
    } catch (error) {
      throw atOffset(error, source.sizeBytes - footerBytes);
    }
  }

  constructor(source: TraceSource, header: TraceHeader<P>, index: TraceIndex) {
    this.#source = source;
    this.header = header;
    this.index = index;
  }

  /** The files the trace was made of, wherever its release wrote them. */
  get sources(): readonly Provenance[] {
    return [...this.header.provenance, ...this.index.sources];
  }

  /** What the trace says of the damaged one it was recovered from; null for one that was recorded to its end. */
  get recovered(): Recovered | null {
    return recoveredFrom(this.index.sources);
  }

  /** Number of events. */
  get events(): number {
    return this.index.events;
  }

  /** Running digest at the end, 64 hex digits. */
  get digest(): string {
    return digestText(this.index.digest(this.index.blocks.length - 1));
  }

  get sizeBytes(): number {
    return this.#source.sizeBytes;
  }

  /** Block by its number, from 0. @throws {Trouble} LOG-004 to LOG-011 @cost One read and one decompression. */
  block(number: number): Block {
    if (this.#cached?.number === number) return this.#cached.block;
    const { blocks } = this.index;
    const offsetBytes = blocks.at('offsetBytes', number);
    const { document, digest } = readFrame(this.#source, frameType.block, {
      offsetBytes,
      frameBytes: blocks.at('frameBytes', number),
      ordinal: blocks.at('ordinal', number),
    });
    try {
      if (!sameBytes(digest, this.index.digest(number))) throw logTrouble('LOG-013', '');
      const block = new Block(document, undefined, offsetBytes);
      if (block.firstSeq !== blocks.at('firstSeq', number) || block.count !== blocks.at('count', number)) {
        throw logTrouble('LOG-010', `block ${number} holds other events`);
      }
      this.#cached = { number, block };
      return block;
    } catch (error) {
      throw atOffset(error, offsetBytes);
    }
  }

  /** The block that holds event `seq`. @throws {Trouble} LOG-015 and as `block` */
  blockAt(seq: number): Block {
    return this.block(this.index.blockOf(seq));
  }

  /** Blocks `from` (inclusive) to `to` (exclusive), one in memory at a time. */
  *blocks(from = 0, to = this.index.blocks.length): Generator<Block> {
    for (let number = from; number < to; number++) yield this.block(number);
  }

  /** All events, block by block: what replay and rules take. */
  *batches(): Generator<readonly TraceEvent[]> {
    for (const block of this.blocks()) yield block.events();
  }

  /** Events `from` (inclusive) to `to` (exclusive), cut to what there is. */
  *readEvents(from = 0, to = this.events): Generator<TraceEvent> {
    const end = Math.min(to, this.events);
    const start = Math.max(0, from);
    if (start >= end) return;
    for (let number = this.index.blockOf(start); number < this.index.blocks.length; number++) {
      const block = this.block(number);
      if (block.firstSeq >= end) return;
      const events = block.events();
      const last = Math.min(events.length, end - block.firstSeq);
      for (let i = Math.max(0, start - block.firstSeq); i < last; i++) yield events[i]!;
    }
  }

  /** @throws {Trouble} LOG-015 and as `block` */
  eventAt(seq: number): TraceEvent {
    const block = this.blockAt(seq);
    return block.events()[seq - block.firstSeq]!;
  }

  /** The last snapshot that holds no event from `seq` on; null when there is none. @throws {Trouble} as `snapshot` */
  snapshotBefore(seq: number): { readonly nextSeq: number; readonly state: unknown } | null {
    const { snapshots } = this.index;
    const number = snapshots.lastNotAbove('nextSeq', seq);
    return number < 0 ? null : this.snapshot(number);
  }

  /** A snapshot by its number, from 0. @throws {Trouble} LOG-004 to LOG-007, LOG-010, LOG-011 */
  snapshot(number: number): { readonly nextSeq: number; readonly state: unknown } {
    const { snapshots } = this.index;
    const offsetBytes = snapshots.at('offsetBytes', number);
    const nextSeq = snapshots.at('nextSeq', number);
    const { document } = readFrame(this.#source, frameType.snapshot, {
      offsetBytes,
      frameBytes: snapshots.at('frameBytes', number),
      ordinal: snapshots.at('ordinal', number),
    });
    try {
      return { nextSeq, state: snapshotState(document, nextSeq) };
    } catch (error) {
      throw atOffset(error, offsetBytes);
    }
  }

  /** Told when the snapshot before event `nextSeq` is not used. @param _why null: it is of another shape */
  leftAlone(_nextSeq: number, _why: Trouble | null): void {}

  close(): void {
    this.#source.close();
  }
}

/** The state inside a snapshot's document. @throws {Trouble} LOG-007, LOG-010 */
export function snapshotState(document: Uint8Array, nextSeq: number): unknown {
  const parts = unpackDocument(document, 'maps');
  if (!Array.isArray(parts) || parts.length !== 2 || parts[0] !== nextSeq) {
    throw logTrouble('LOG-010', 'snapshot of another position');
  }
  return parts[1];
}

/** Preamble and header of a trace, torn or not. */
export function readHeader(source: TraceSource): { header: TraceHeader; document: Uint8Array; end: number } {
  try {
    checkPreamble(source.read(0, Math.min(preambleBytes, source.sizeBytes)));
  } catch (error) {
    throw atOffset(error, 0);
  }
  try {
    if (source.sizeBytes < preambleBytes + frameHeaderBytes) throw logTrouble('LOG-003', '');
    const frame = decodeFrameHeader(source.read(preambleBytes, frameHeaderBytes));
    if (frame.type !== frameType.header || frame.ordinal !== 0)
      throw logTrouble('LOG-005', 'no header frame');
    const end = preambleBytes + frameHeaderBytes + frame.storedBytes;
    if (end > source.sizeBytes) throw logTrouble('LOG-003', '');
    const { document } = decodeFrameContent(
      frame,
      source.read(preambleBytes + frameHeaderBytes, frame.storedBytes),
    );
    return { header: checkHeader(unpackDocument(document, 'maps')), document, end };
  } catch (error) {
    throw atOffset(error, preambleBytes);
  }
}

/** Document of the index, found through the footer. */
function readIndex(source: TraceSource): Uint8Array {
  const footerAt = source.sizeBytes - footerBytes;
  let offsetBytes: number;
  let frames: number;
  try {
    if (footerAt < preambleBytes) throw logTrouble('LOG-003', '');
    ({ indexOffset: offsetBytes, frames } = decodeFooter(source.read(footerAt, footerBytes)));
    if (offsetBytes < preambleBytes || offsetBytes + frameHeaderBytes > footerAt) {
      throw logTrouble('LOG-010', 'end mark points outside the trace');
    }
  } catch (error) {
    throw atOffset(error, footerAt);
  }
  const frameBytes = footerAt - offsetBytes;
  return readFrame(source, frameType.index, { offsetBytes, frameBytes, ordinal: frames - 1 }).document;
}

interface FramePlace {
  readonly offsetBytes: number;
  readonly frameBytes: number;
  readonly ordinal: number;
}

/** Content of the frame at a place the index or footer gave; whatever differs from that place is an error. */
function readFrame(source: TraceSource, type: FrameType, place: FramePlace): FrameContent {
  const { offsetBytes, frameBytes, ordinal } = place;
  try {
    if (frameBytes < frameHeaderBytes || offsetBytes + frameBytes > source.sizeBytes) {
      throw logTrouble('LOG-010', 'frame lies outside the trace');
    }
    const bytes = source.read(offsetBytes, frameBytes);
    const header = decodeFrameHeader(bytes);
    if (
      header.type !== type ||
      header.ordinal !== ordinal ||
      header.storedBytes !== frameBytes - frameHeaderBytes
    ) {
      throw logTrouble('LOG-010', 'another frame stands there');
    }
    return decodeFrameContent(header, bytes.subarray(frameHeaderBytes));
  } catch (error) {
    throw atOffset(error, offsetBytes);
  }
}
