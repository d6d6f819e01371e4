import type { Prng } from '../../src/base/prng.js';
import { BlockEncoder } from '../../src/log/block-encode.js';
import { packDocument } from '../../src/log/msgpack.js';
import { TraceReader } from '../../src/log/reader.js';
import { bytesSource } from '../../src/log/stores/memory-store.js';
import type { Platform } from '../../src/platform/platform.js';
import { storedWorld } from '../../src/state/stored.js';
import { envOf } from '../../src/state/trace-env.js';
import { evolve, initialWorld } from '../../src/state/world.js';
import { type Part, type Parts, putTogether, takeApart } from './trace-parts.js';

/**
 * A short trace as a long one is built: several blocks, and snapshots of the state between them, so that every sort of
 * frame is there and a try stays quick.
 */
export function rechunked(prng: Prng, bytes: Uint8Array): Parts {
  const reader = TraceReader.open<Platform>(bytesSource(bytes));
  const env = envOf(reader.header);
  const events = [...reader.readEvents()];
  const encoder = new BlockEncoder();
  const world = initialWorld(env);
  const parts: Part[] = [];
  for (let from = 0; from < events.length; ) {
    const chunk = events.slice(from, from + 1 + prng.below(Math.min(events.length, 400)));
    const { document, summary } = encoder.encode(chunk);
    parts.push({ is: 'block', document, summary });
    for (const event of chunk) evolve(world, event, env);
    from += chunk.length;
    if (prng.below(3) > 0 || parts.length === 1) {
      const snapshot = packDocument([from, storedWorld(world, env)]);
      parts.push({ is: 'snapshot', document: snapshot, nextSeq: from });
    }
  }
  const { header, index } = takeApart(bytes);
  return { header, parts, index };
}

/** The same as a file. */
export const rechunkedTrace = (prng: Prng, bytes: Uint8Array): Uint8Array =>
  putTogether(rechunked(prng, bytes));
