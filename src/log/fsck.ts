import { createHash } from 'node:crypto';
import { defaultCodec } from './codec.js';
import { digestText } from './digest.js';
import { encodeFooter, encodeFrame, encodePreamble, frameType, renumberFrame } from './frame.js';
import { readHeader, TraceReader } from './reader.js';
import { recoveredSource } from './recovered.js';
import { type Recovery, recover } from './recovery.js';
import { type Damage, type Scan, scanTrace } from './scan.js';
import type { TraceSource, TraceTarget } from './stores/store.js';
import type { TraceIndex } from './trace-index.js';

/** What `xpr fsck` says about a trace. */
export interface FsckReport {
  /** Blocks found, whole or not. */
  readonly blocks: number;
  /** Events in whole blocks. */
  readonly events: number;
  /** Whole blocks. */
  readonly good: number;
  readonly damaged: readonly Damage[];
  /** Events that `repair` brings back: those before the first damaged block, up to the last whole input. */
  readonly recoverable: number;
  /** Running digest after them. */
  readonly digest: string;
}

/** Checks every byte of a trace. @throws {Trouble} LOG-012 when the store cannot read it */
export function fsck(source: TraceSource): FsckReport {
  const scan = scanTrace(source);
  return report(scan, recover(source, scan));
}

/**
 * Opens a trace that may have no end or a damaged part: a reader of the events before it, and what is wrong.
 * @throws {Trouble} as `readHeader`: without a header there is nothing to read.
 */
export function openTorn<P = unknown>(
  source: TraceSource,
): { readonly reader: TraceReader<P>; readonly report: FsckReport } {
  const { header } = readHeader(source);
  const scan = scanTrace(source);
  return {
    reader: new TraceReader(source, header as TraceReader<P>['header'], scan.index),
    report: report(scan, recover(source, scan)),
  };
}

export interface RepairOptions {
  /** Name of the source, for what the new trace says of where it came from. */
  readonly file?: string;
  /** Whether a snapshot, by its offset in the source, is true; all are taken for it unless given. */
  readonly isTrue?: (offsetBytes: number) => boolean;
}

/**
 * Writes what can be recovered of `source` as a whole trace. Blocks are copied as they are, so the digest of the
 * recovered part stays what it was; the last one ends before an input whose outcomes may be lost. The index says what
 * the source was made of, and that it was damaged.
 * @throws {Trouble} when the header is damaged: then nothing is written.
 */
export function repair(source: TraceSource, target: TraceTarget, options: RepairOptions = {}): FsckReport {
  try {
    const { document } = readHeader(source);
    const scan = scanTrace(source);
    const recovery = recover(source, scan);
    const found = report(scan, recovery);
    const { index } = recovery;
    index.sources = scan.sources;
    if (scan.damaged.length > 0) {
      const lost = Math.max(scan.announced, scan.events) - index.events;
      const recovered = {
        file: options.file ?? 'another trace',
        events: index.events,
        lost: Math.max(0, lost),
      };
      index.sources = [...scan.sources, recoveredSource(recovered, digestOf(source))];
    }
    copy(source, target, document, { ...recovery, isTrue: options.isTrue ?? (() => true) });
    target.commit();
    return found;
  } catch (error) {
    target.abandon();
    throw error;
  }
}

function report({ header, blocks, events, good, damaged }: Scan, { index }: Recovery): FsckReport {
  return {
    blocks,
    events,
    good,
    damaged,
    recoverable: header === null ? 0 : index.events,
    digest: digestText(index.digest(index.blocks.length - 1)),
  };
}

/** SHA-256 of a file, piece by piece. */
function digestOf(source: TraceSource): string {
  const hash = createHash('sha256');
  const piece = 1 << 20;
  for (let at = 0; at < source.sizeBytes; at += piece) {
    hash.update(source.read(at, Math.min(piece, source.sizeBytes - at)));
  }
  return hash.digest('hex');
}

interface Copied extends Recovery {
  readonly isTrue: (offsetBytes: number) => boolean;
}

function copy(source: TraceSource, target: TraceTarget, header: Uint8Array, recovery: Copied): void {
  const { tail, isTrue } = recovery;
  const { index } = recovery;
  index.keepSnapshots(isTrue);
  let offset = 0;
  let frames = 0;
  const write = (bytes: Uint8Array) => {
    target.write(bytes);
    offset += bytes.length;
  };
  write(encodePreamble());
  write(encodeFrame({ type: frameType.header, ordinal: frames++, document: header }, defaultCodec));
  let snapshot = 0;
  const copySnapshots = (nextSeq: number) => {
    const { snapshots } = index;
    for (; snapshot < snapshots.length && snapshots.at('nextSeq', snapshot) === nextSeq; snapshot++) {
      move(snapshots, snapshot);
    }
  };
  const move = (rows: TraceIndex['blocks'] | TraceIndex['snapshots'], row: number) => {
    const frame = source.read(rows.at('offsetBytes', row), rows.at('frameBytes', row));
    rows.set('offsetBytes', row, offset);
    rows.set('ordinal', row, frames);
    write(renumberFrame(frame, frames++));
  };
  copySnapshots(0);
  const add = (row: number, document: Uint8Array) => {
    const digest = index.digest(row);
    const frame = encodeFrame({ type: frameType.block, ordinal: frames, document, digest }, defaultCodec);
    index.blocks.set('offsetBytes', row, offset);
    index.blocks.set('frameBytes', row, frame.length);
    index.blocks.set('ordinal', row, frames++);
    write(frame);
  };
  for (let block = 0; block < index.blocks.length; block++) {
    if (tail !== null && block === index.blocks.length - 1) add(block, tail);
    else move(index.blocks, block);
    copySnapshots(index.blocks.at('firstSeq', block) + index.blocks.at('count', block));
  }
  const indexOffset = offset;
  write(encodeFrame({ type: frameType.index, ordinal: frames++, document: index.encode() }, defaultCodec));
  write(encodeFooter({ indexOffset, frames }));
}
