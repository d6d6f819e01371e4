import { Trouble } from '../base/errors.js';
import { Block } from './block-decode.js';
import { blockDigest, headerDigest, sameBytes } from './digest.js';
import {
  checkPreamble,
  decodeFooter,
  decodeFrameContent,
  decodeFrameHeader,
  type FrameContent,
  type FrameHeader,
  footerBytes,
  frameHeaderBytes,
  frameType,
  preambleBytes,
} from './frame.js';
import { checkHeader, type Provenance, type TraceHeader } from './header.js';
import { unpackDocument } from './msgpack.js';
import { snapshotState } from './reader.js';
import type { TraceSource } from './stores/store.js';
import { TraceIndex } from './trace-index.js';
import { logTrouble } from './trouble.js';

/** One thing that is wrong with a trace. */
export interface Damage {
  /** Number of the block; null outside blocks. */
  readonly block: number | null;
  readonly offsetBytes: number;
  /** Code and text. */
  readonly reason: string;
}

/** What can be said about a trace by walking over its frames from the start, trusting neither index nor end. */
export interface Scan {
  /** Null when the header itself is damaged. */
  readonly header: TraceHeader | null;
  /** Blocks from the first on without a gap, and the snapshots between them: what can be recovered. */
  readonly index: TraceIndex;
  /** Blocks found, whole or not. */
  readonly blocks: number;
  /** Whole blocks, and the events in them, also behind a damaged one. */
  readonly good: number;
  readonly events: number;
  readonly damaged: readonly Damage[];
  /** The trace's own index or end says that `index` has all of its events: none was lost, whatever else is damaged. */
  readonly complete: boolean;
  /** The files the trace was made of, as far as its index can be read, and the events that index speaks of. */
  readonly sources: readonly Provenance[];
  readonly announced: number;
}

/**
 * Walks over a trace and checks every byte: preamble, frames, columns, digests, index, end. Damage is data; only
 * the store's own errors are thrown.
 * @cost One pass; memory is one block and the index.
 */
export function scanTrace(source: TraceSource): Scan {
  return new Scanner(source).run();
}

class Scanner {
  readonly #source: TraceSource;
  readonly #damaged: Damage[] = [];
  #header: TraceHeader | null = null;
  #index = new TraceIndex(new Uint8Array(32));
  #indexDocument: Uint8Array | null = null;
  #indexOffset = -1;
  #blocks = 0;
  #good = 0;
  #events = 0;
  #ordinal = 0;
  /** Where the last frame begins whose header could be read. */
  #lastFrameAt = -1;
  /** Running digest after the last block, null when that block could not be read. */
  #digest: Uint8Array | null = null;

  constructor(source: TraceSource) {
    this.#source = source;
  }

  run(): Scan {
    const { sizeBytes } = this.#source;
    this.#guard(null, 0, () => checkPreamble(this.#source.read(0, Math.min(preambleBytes, sizeBytes))));
    let at = preambleBytes;
    let ended = false;
    while (at < sizeBytes && !ended) {
      const next = this.#frameAt(at);
      ended = next === 'end';
      at = next === 'end' ? sizeBytes : next;
    }
    if (!ended && at === sizeBytes) this.#report(null, at, logTrouble('LOG-003', ''));
    return {
      header: this.#header,
      index: this.#index,
      blocks: this.#blocks,
      good: this.#good,
      events: this.#events,
      damaged: this.#damaged,
      complete: this.#isComplete(),
      sources: this.#stored()?.sources ?? [],
      announced: this.#stored()?.events ?? 0,
    };
  }

  /** The trace's own index; null where it cannot be read. */
  #stored(): TraceIndex | null {
    if (this.#indexDocument === null) return null;
    try {
      return TraceIndex.decode(this.#indexDocument, this.#index.digest(-1));
    } catch (error) {
      if (error instanceof Trouble) return null;
      throw error;
    }
  }

  /** The end stands behind as many frames as it names, the last of them where it says that the index is. */
  #endFits(): boolean {
    const { sizeBytes } = this.#source;
    if (sizeBytes < footerBytes) return false;
    const bytes = this.#source.read(sizeBytes - footerBytes, footerBytes);
    if (!isFooter(bytes)) return false;
    const { indexOffset, frames } = decodeFooter(bytes);
    return frames === this.#ordinal && indexOffset === this.#lastFrameAt;
  }

  #isComplete(): boolean {
    if (this.#damaged.length === 0) return true;
    if (this.#endFits() && this.#damaged.every(({ block }) => block === null)) return true;
    const stored = this.#stored();
    if (stored === null) return false;
    const last = this.#index.blocks.length - 1;
    return stored.events === this.#index.events && sameBytes(stored.digest(last), this.#index.digest(last));
  }

  /** Handles what stands at `at`; the offset to go on at, beyond the file's end when it is cut. */
  #frameAt(at: number): number | 'end' {
    const { sizeBytes } = this.#source;
    if (at + frameHeaderBytes > sizeBytes) {
      this.#report(null, at, logTrouble('LOG-003', ''));
      return sizeBytes + 1;
    }
    const bytes = this.#source.read(at, frameHeaderBytes);
    const atEnd = at + footerBytes === sizeBytes;
    if (atEnd || isFooter(bytes)) {
      if (this.#guard(null, at, () => this.#checkEnd(bytes, at))) return 'end';
      if (atEnd) return 'end';
    }
    let header: FrameHeader;
    try {
      header = decodeFrameHeader(bytes);
      if (header.ordinal < this.#ordinal) throw logTrouble('LOG-005', 'frame out of order');
    } catch (error) {
      // What the frame was is unknown; most are blocks.
      this.#report(this.#ordinal === 0 ? null : this.#blocks++, at, error);
      this.#digest = null;
      return this.#resynchronise(at + 1);
    }
    const end = at + frameHeaderBytes + header.storedBytes;
    if (end > sizeBytes) {
      this.#report(header.type === frameType.block ? this.#blocks++ : null, at, logTrouble('LOG-003', ''));
      return sizeBytes + 1;
    }
    this.#ordinal = header.ordinal + 1;
    this.#lastFrameAt = at;
    this.#content(at, header, this.#source.read(at + frameHeaderBytes, header.storedBytes));
    return end;
  }

  #content(at: number, header: FrameHeader, stored: Uint8Array): void {
    switch (header.type) {
      case frameType.header:
        this.#guard(null, at, () => {
          if (header.ordinal !== 0) throw logTrouble('LOG-005', 'a second header');
          const { document } = decodeFrameContent(header, stored);
          this.#header = checkHeader(unpackDocument(document, 'maps'));
          this.#digest = headerDigest(document);
          this.#index = new TraceIndex(this.#digest);
        });
        return;
      case frameType.block: {
        const before = this.#digest;
        const number = this.#blocks++;
        this.#digest = null;
        this.#guard(number, at, () => this.#block(at, header, decodeFrameContent(header, stored), before));
        return;
      }
      case frameType.snapshot:
        this.#guard(null, at, () => this.#snapshot(at, header, decodeFrameContent(header, stored).document));
        return;
      case frameType.index:
        this.#guard(null, at, () => {
          this.#indexDocument = decodeFrameContent(header, stored).document;
          this.#indexOffset = at;
        });
    }
  }

  #block(at: number, header: FrameHeader, content: FrameContent, before: Uint8Array | null): void {
    const block = new Block(content.document);
    block.check();
    const continues = this.#header !== null && block.firstSeq === this.#index.events;
    const base = continues ? this.#index.digest(this.#index.blocks.length - 1) : before;
    if (base !== null && !sameBytes(blockDigest(base, content.document), content.digest)) {
      throw logTrouble('LOG-013', '');
    }
    // Behind damage a jump is expected; without any, events are missing.
    if (!continues && this.#damaged.length === 0) {
      throw logTrouble('LOG-010', `events before ${block.firstSeq} are missing`);
    }
    this.#digest = content.digest.slice();
    this.#good++;
    this.#events += block.count;
    if (!continues) return;
    this.#index.addBlock({
      ...block.summary(),
      offsetBytes: at,
      frameBytes: frameHeaderBytes + header.storedBytes,
      ordinal: header.ordinal,
      digest: this.#digest,
    });
  }

  #snapshot(at: number, header: FrameHeader, document: Uint8Array): void {
    const parts = unpackDocument(document, 'maps');
    const nextSeq: unknown = Array.isArray(parts) ? parts[0] : null;
    if (typeof nextSeq !== 'number') throw logTrouble('LOG-007', 'not a snapshot');
    snapshotState(document, nextSeq);
    if (nextSeq !== this.#index.events && this.#damaged.length > 0) return;
    if (nextSeq !== this.#index.events) throw logTrouble('LOG-010', 'snapshot of another position');
    const frameBytes = frameHeaderBytes + header.storedBytes;
    this.#index.addSnapshot({ offsetBytes: at, frameBytes, ordinal: header.ordinal, nextSeq });
  }

  #checkEnd(bytes: Uint8Array, at: number): void {
    const footer = decodeFooter(bytes);
    if (at + footerBytes !== this.#source.sizeBytes) {
      this.#report(null, at + footerBytes, logTrouble('LOG-014', ''));
    }
    if (this.#damaged.length > 0) return;
    const document = this.#indexDocument;
    if (document === null || footer.indexOffset !== this.#indexOffset || footer.frames !== this.#ordinal) {
      throw logTrouble('LOG-010', 'end mark does not point at the index');
    }
    const stored = TraceIndex.decode(document, this.#index.digest(-1));
    // Only the index has them.
    this.#index.sources = stored.sources;
    if (!sameBytes(stored.encode(), this.#index.encode())) {
      throw logTrouble('LOG-010', 'it says other things than the blocks', {
        at: { offsetBytes: this.#indexOffset },
      });
    }
  }

  /** Offset of the next whole frame header or end; beyond the file when there is none. */
  #resynchronise(from: number): number {
    const { sizeBytes } = this.#source;
    const window = 1 << 16;
    for (let start = from; start < sizeBytes; start += window) {
      const bytes = this.#source.read(start, Math.min(window + frameHeaderBytes, sizeBytes - start));
      for (let i = 0; i < window && i + frameHeaderBytes <= bytes.length; i++) {
        const type = bytes[i]!;
        const isStart = type === 0x42 || type === 0x53 || type === 0x49 || type === 0x48;
        if (start + i + footerBytes === sizeBytes) return start + i;
        if (isStart && bytes[i + 1]! < 8 && bytes[i + 2] === 0 && bytes[i + 3] === 0) {
          const candidate = bytes.subarray(i, i + frameHeaderBytes);
          if (isFrameHeader(candidate, this.#ordinal)) return start + i;
        }
      }
    }
    return sizeBytes + 1;
  }

  #guard(block: number | null, offsetBytes: number, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      this.#report(block, offsetBytes, error);
      return false;
    }
  }

  #report(block: number | null, offsetBytes: number, error: unknown): void {
    if (!(error instanceof Trouble) || error.code === 'LOG-012') throw error;
    this.#damaged.push({ block, offsetBytes, reason: `${error.code}: ${error.message}` });
  }
}

function isFooter(bytes: Uint8Array): boolean {
  try {
    decodeFooter(bytes);
    return true;
  } catch {
    return false;
  }
}

function isFrameHeader(bytes: Uint8Array, ordinal: number): boolean {
  try {
    return decodeFrameHeader(bytes).ordinal >= ordinal;
  } catch {
    return false;
  }
}
