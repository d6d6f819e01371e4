import { Trouble } from '../../src/base/errors.js';
import { Block } from '../../src/log/block-decode.js';
import type { BlockSummary } from '../../src/log/block-encode.js';
import { defaultCodec } from '../../src/log/codec.js';
import { blockDigest, headerDigest } from '../../src/log/digest.js';
import {
  decodeFrameContent,
  decodeFrameHeader,
  encodeFooter,
  encodeFrame,
  encodePreamble,
  frameHeaderBytes,
  frameType,
  preambleBytes,
} from '../../src/log/frame.js';
import { TraceIndex } from '../../src/log/trace-index.js';
import { joined } from './mutate/bytes.js';

/** A frame between header and index. */
export type Part =
  /** `summary` is what the index says of the block where its document does not say it. */
  | { readonly is: 'block'; readonly document: Uint8Array; readonly summary: BlockSummary }
  | { readonly is: 'snapshot'; readonly document: Uint8Array; readonly nextSeq: number };

/** A trace taken apart into its documents, unpacked. */
export interface Parts {
  readonly header: Uint8Array;
  readonly parts: readonly Part[];
  readonly index: Uint8Array;
}

/** Takes a whole trace apart. */
export function takeApart(bytes: Uint8Array): Parts {
  const frames: { readonly type: number; readonly document: Uint8Array }[] = [];
  for (let at = preambleBytes; frames.at(-1)?.type !== frameType.index; ) {
    const header = decodeFrameHeader(bytes.subarray(at, at + frameHeaderBytes));
    at += frameHeaderBytes;
    const { document } = decodeFrameContent(header, bytes.subarray(at, at + header.storedBytes));
    frames.push({ type: header.type, document });
    at += header.storedBytes;
  }
  const header = frames[0]!.document;
  const index = frames.at(-1)!.document;
  const { snapshots } = TraceIndex.decode(index, headerDigest(header));
  let snapshot = 0;
  const parts = frames.slice(1, -1).map(({ type, document }): Part => {
    if (type === frameType.block) return { is: 'block', document, summary: new Block(document).summary() };
    return { is: 'snapshot', document, nextSeq: snapshots.at('nextSeq', snapshot++) };
  });
  return { header, parts, index };
}

/**
 * Puts a trace together with right sizes, ordinals, checksums and digests, whatever its documents say: what a reader
 * finds wrong with it is wrong in their meaning.
 * @param index In place of the one that fits.
 */
export function putTogether(
  given: Pick<Parts, 'header' | 'parts'>,
  index: Uint8Array | null = null,
): Uint8Array {
  const out: Uint8Array[] = [encodePreamble()];
  let offsetBytes = preambleBytes;
  let ordinal = 0;
  const write = (frame: Uint8Array) => {
    const row = { offsetBytes, frameBytes: frame.length, ordinal };
    out.push(frame);
    offsetBytes += frame.length;
    ordinal += 1;
    return row;
  };
  write(encodeFrame({ type: frameType.header, ordinal, document: given.header }, defaultCodec));
  let digest = headerDigest(given.header);
  const fitting = new TraceIndex(digest);
  for (const part of given.parts) {
    const { document } = part;
    if (part.is === 'snapshot') {
      const row = write(encodeFrame({ type: frameType.snapshot, ordinal, document }, defaultCodec));
      fitting.addSnapshot({ ...row, nextSeq: part.nextSeq });
    } else {
      digest = blockDigest(digest, document);
      const row = write(encodeFrame({ type: frameType.block, ordinal, document, digest }, defaultCodec));
      fitting.addBlock({ ...summaryOf(part), ...row, digest });
    }
  }
  const { offsetBytes: indexOffset } = write(
    encodeFrame({ type: frameType.index, ordinal, document: index ?? fitting.encode() }, defaultCodec),
  );
  out.push(encodeFooter({ indexOffset, frames: ordinal }));
  return joined(...out);
}

function summaryOf({ document, summary }: Part & { readonly is: 'block' }): BlockSummary {
  try {
    return new Block(document).summary();
  } catch (error) {
    if (error instanceof Trouble) return summary;
    throw error;
  }
}
