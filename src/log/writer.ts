import { invariant } from '../base/assert.js';
import { Trouble } from '../base/errors.js';
import { limits } from '../base/limits.js';
import type { TraceEvent } from '../events/catalogue.js';
import { BlockEncoder, blockEvents, misplaced } from './block-encode.js';
import { type Codec, defaultCodec } from './codec.js';
import { blockDigest, digestText, headerDigest } from './digest.js';
import { encodeFooter, encodeFrame, encodePreamble, type FrameType, frameType } from './frame.js';
import { checkHeader, type Provenance, type TraceHeader } from './header.js';
import { packForeign } from './msgpack.js';
import type { TraceTarget } from './stores/store.js';
import { TraceIndex } from './trace-index.js';
import { logTrouble } from './trouble.js';

export interface WriterOptions {
  /** Default deflate. */
  readonly codec?: Codec;
  /**
   * Called at every block boundary with the sequence number of the next event; what it returns is stored as a
   * snapshot, null means none. State must be that before event `nextSeq`.
   */
  readonly snapshot?: (nextSeq: number) => unknown;
}

export interface WrittenTrace {
  readonly events: number;
  readonly blocks: number;
  readonly bytes: number;
  /** Running digest, 64 hex digits. */
  readonly digest: string;
}

/**
 * Appends events to a new trace. Memory is one open block and the index. What was appended is in the store after each
 * full block; under its name only after `finish`.
 */
export class TraceWriter {
  readonly #target: TraceTarget;
  readonly #codec: Codec;
  readonly #snapshot: ((nextSeq: number) => unknown) | undefined;
  readonly #encoder = new BlockEncoder();
  readonly #index: TraceIndex;
  #open: TraceEvent[] = [];
  #nextSeq = 0;
  #offset = 0;
  #frames = 0;
  #digest: Uint8Array;
  #done = false;

  constructor(target: TraceTarget, header: TraceHeader, options: WriterOptions = {}) {
    this.#target = target;
    this.#codec = options.codec ?? defaultCodec;
    this.#snapshot = options.snapshot;
    const document = packForeign(checkHeader(header));
    this.#digest = headerDigest(document);
    this.#index = new TraceIndex(this.#digest);
    this.#write(encodePreamble());
    this.#frame(frameType.header, document);
  }

  /** Sequence number the next event must have. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Events until the open block is full: where a batch may be cut so that a snapshot fits. */
  get eventsToBoundary(): number {
    return blockEvents - this.#open.length;
  }

  /** Adds one event; its `seq` is `nextSeq`. */
  append(event: TraceEvent): void {
    invariant(!this.#done, 'trace already finished');
    if (event.seq !== this.#nextSeq) misplaced(event.seq, this.#nextSeq);
    this.#open.push(event);
    this.#nextSeq++;
    if (this.#open.length === blockEvents) {
      this.#flush();
      const state = this.#snapshot?.(this.#nextSeq) ?? null;
      if (state !== null) this.snapshot(state);
    }
  }

  appendAll(events: Iterable<TraceEvent>): void {
    for (const event of events) this.append(event);
  }

  /**
   * Stores the state before event `nextSeq`: plain data, as the header. Only at a block boundary. A state too large to be
   * read again is left out: readers fold the events.
   */
  snapshot(state: unknown): void {
    invariant(this.#open.length === 0, 'a snapshot stands between blocks');
    const offsetBytes = this.#offset;
    const ordinal = this.#frames;
    const document = snapshotDocument(this.#nextSeq, state);
    if (document === null) return;
    this.#frame(frameType.snapshot, document);
    this.#index.addSnapshot({
      offsetBytes,
      frameBytes: this.#offset - offsetBytes,
      ordinal,
      nextSeq: this.#nextSeq,
    });
  }

  /**
   * Closes the open block, writes index and end, and makes the trace visible.
   * @param sources The files the trace was made of; no part of its digest.
   */
  finish(sources: readonly Provenance[] = []): WrittenTrace {
    invariant(!this.#done, 'trace already finished');
    if (this.#open.length > 0) this.#flush();
    this.#done = true;
    this.#index.sources = sources;
    const indexOffset = this.#offset;
    this.#frame(frameType.index, this.#index.encode());
    this.#write(encodeFooter({ indexOffset, frames: this.#frames }));
    this.#target.commit();
    return {
      events: this.#nextSeq,
      blocks: this.#index.blocks.length,
      bytes: this.#offset,
      digest: digestText(this.#digest),
    };
  }

  /** Drops the trace; does nothing after `finish`. */
  abandon(): void {
    this.#done = true;
    this.#target.abandon();
  }

  #flush(events = this.#open): void {
    this.#open = [];
    const { document, summary, excess } = this.#encoder.encode(events);
    const tooMuch = document.length > limits.blockBytes ? `${document.length} bytes` : excess;
    if (tooMuch !== null) {
      // Events with long texts or many values: blocks of fewer events, down to one.
      if (events.length === 1) throw logTrouble('LOG-011', `event ${summary.firstSeq} of ${tooMuch}`);
      const half = events.length >> 1;
      this.#flush(events.slice(0, half));
      this.#flush(events.slice(half));
      return;
    }
    this.#digest = blockDigest(this.#digest, document);
    const offsetBytes = this.#offset;
    const ordinal = this.#frames;
    this.#frame(frameType.block, document, this.#digest);
    this.#index.addBlock({
      ...summary,
      offsetBytes,
      frameBytes: this.#offset - offsetBytes,
      ordinal,
      digest: this.#digest,
    });
  }

  #frame(type: FrameType, document: Uint8Array, digest?: Uint8Array): void {
    const ordinal = this.#frames++;
    const parts = digest === undefined ? { type, ordinal, document } : { type, ordinal, document, digest };
    this.#write(encodeFrame(parts, this.#codec));
  }

  #write(bytes: Uint8Array): void {
    this.#target.write(bytes);
    this.#offset += bytes.length;
  }
}

function snapshotDocument(nextSeq: number, state: unknown): Uint8Array | null {
  try {
    return packForeign([nextSeq, state]);
  } catch (error) {
    if (error instanceof Trouble && error.code === 'LOG-011') return null;
    throw error;
  }
}
