import { readFileSync } from 'node:fs';
import { packDocument, unpackDocument } from '../../../src/log/msgpack.js';
import { askAbout } from '../foreign.js';
import { misstated } from '../mutate/document.js';
import { rechunkedTrace } from '../rechunked.js';
import type { TortureClass } from '../torture-class.js';
import { putTogether, takeApart } from '../trace-parts.js';
import { contentOf, fsckOf } from '../verdict.js';

export const indexes: TortureClass = {
  name: 'indexes',
  doc: 'an index that says other things than the blocks, under right checksums',
  prepare(prng, workshop) {
    const { corpus } = workshop;
    const file = prng.pick(corpus.traces());
    const whole = rechunkedTrace(prng, readFileSync(file));
    const apart = takeApart(whole);
    const { value, about } = misstated(prng, unpackDocument(apart.index, 'maps'));
    const bytes = putTogether(apart, packDocument(value));
    const ask = askAbout(prng, workshop, { bytes, beside: file, events: 60 });
    return { about, inputs: { 't.xpr': bytes }, run: async () => misread(bytes, whole) ?? (await ask()) };
  },
};

/** Events are those of the blocks, or an error; what the index alone says may be wrong only if fsck says so. */
function misread(bytes: Uint8Array, original: Uint8Array): string | null {
  const whole = contentOf(original);
  let read: ReturnType<typeof contentOf>;
  try {
    read = contentOf(bytes);
  } catch {
    return null;
  }
  const wrong = read.events.findIndex((event, i) => event !== whole.events[i]);
  if (wrong >= 0) return `event ${wrong} is misread`;
  const report = fsckOf(bytes);
  const finds = !(report instanceof Error) && (report === null || report.damaged.length > 0);
  if (finds) return null;
  if (read.events.length !== whole.events.length)
    return `${read.events.length} events are read, and fsck finds nothing`;
  if (read.kinds !== whole.kinds || read.digest !== whole.digest)
    return 'kinds or digest are misread, and fsck finds nothing';
  return null;
}
