import { isInput, type TraceEvent } from '../events/catalogue.js';
import { BlockEncoder } from './block-encode.js';
import { blockDigest } from './digest.js';
import { TraceReader } from './reader.js';
import type { Scan } from './scan.js';
import type { TraceSource } from './stores/store.js';
import { TraceIndex } from './trace-index.js';

/** What comes back of a trace. */
export interface Recovery {
  /** Blocks and snapshots of it; offsets are those in the source, but for the last block when there is a `tail`. */
  readonly index: TraceIndex;
  /** Document of the last block where that is shorter than in the source; null: all blocks are copied. */
  readonly tail: Uint8Array | null;
}

/**
 * What can be recovered: the events before the first damage, without the last input when what follows from it may be
 * lost. An input with half of its outcomes would be called different by every replay.
 */
export function recover(source: TraceSource, { header, index, complete }: Scan): Recovery {
  if (header === null || complete) return { index, tail: null };
  const reader = new TraceReader(source, header, index);
  for (let block = index.blocks.length - 1; block >= 0; block--) {
    const events = reader.block(block).events();
    const at = events.findLastIndex(isInput);
    if (at >= 0) return cut(reader, block, events.slice(0, at));
  }
  return { index, tail: null };
}

/** The first `whole` blocks, and of the next one these events. */
function cut(reader: TraceReader, whole: number, events: readonly TraceEvent[]): Recovery {
  const { blocks, snapshots } = reader.index;
  const index = new TraceIndex(reader.index.digest(-1));
  for (let i = 0; i < whole; i++) {
    index.addBlock({
      ...reader.block(i).summary(),
      offsetBytes: blocks.at('offsetBytes', i),
      frameBytes: blocks.at('frameBytes', i),
      ordinal: blocks.at('ordinal', i),
      digest: reader.index.digest(i),
    });
  }
  for (let i = 0; i < snapshots.length && snapshots.at('nextSeq', i) <= index.events; i++) {
    index.addSnapshot({
      offsetBytes: snapshots.at('offsetBytes', i),
      frameBytes: snapshots.at('frameBytes', i),
      ordinal: snapshots.at('ordinal', i),
      nextSeq: snapshots.at('nextSeq', i),
    });
  }
  if (events.length === 0) return { index, tail: null };
  const { document, summary } = new BlockEncoder().encode([...events]);
  const place = { offsetBytes: 0, frameBytes: 0, ordinal: 0 };
  index.addBlock({ ...summary, ...place, digest: blockDigest(reader.index.digest(whole - 1), document) });
  return { index, tail: document };
}
