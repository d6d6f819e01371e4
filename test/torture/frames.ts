import { blockDigest, headerDigest } from '../../src/log/digest.js';
import {
  decodeFooter,
  decodeFrameContent,
  decodeFrameHeader,
  encodeFooter,
  encodeFrame,
  encodePreamble,
  type FrameType,
  footerBytes,
  frameHeaderBytes,
  frameType,
  preambleBytes,
} from '../../src/log/frame.js';
import { joined } from './mutate.js';

/** A frame taken out of its file. */
export interface Frame {
  readonly type: FrameType;
  readonly document: Uint8Array;
}

/** The frames of a whole trace, in order. */
export function framesOf(bytes: Uint8Array): Frame[] {
  const { frames } = decodeFooter(bytes.subarray(bytes.length - footerBytes));
  const out: Frame[] = [];
  let at = preambleBytes;
  for (let n = 0; n < frames; n++) {
    const header = decodeFrameHeader(bytes.subarray(at, at + frameHeaderBytes));
    const stored = bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + header.storedBytes);
    out.push({ type: header.type, document: decodeFrameContent(header, stored).document });
    at += frameHeaderBytes + header.storedBytes;
  }
  return out;
}

/** A trace of these frames with every checksum and digest right: only what they say can be wrong. */
export function traceOf(frames: readonly Frame[]): Uint8Array {
  const parts: Uint8Array[] = [encodePreamble()];
  let digest = headerDigest(frames[0]?.document ?? new Uint8Array());
  let indexOffset = preambleBytes;
  let offset = preambleBytes;
  frames.forEach(({ type, document }, ordinal) => {
    if (type === frameType.block) digest = blockDigest(digest, document);
    const frame = encodeFrame(
      type === frameType.block ? { type, ordinal, document, digest } : { type, ordinal, document },
      'deflate',
    );
    if (type === frameType.index) indexOffset = offset;
    offset += frame.length;
    parts.push(frame);
  });
  return joined(...parts, encodeFooter({ indexOffset, frames: frames.length }));
}
