import { readFileSync } from 'node:fs';
import { packDocument, unpackDocument } from '../../../src/log/msgpack.js';
import { askAbout } from '../foreign.js';
import { mangled } from '../mutate/bytes.js';
import { misstated } from '../mutate/document.js';
import type { TortureClass } from '../torture-class.js';
import { putTogether, takeApart } from '../trace-parts.js';

export const blocks: TortureClass = {
  name: 'blocks',
  doc: 'blocks that say something else, under right checksums and digests',
  prepare(prng, workshop) {
    const beside = prng.pick(workshop.corpus.traces());
    const { header, parts } = takeApart(readFileSync(beside));
    const at = prng.below(Math.max(1, parts.length));
    const part = parts[at];
    const wire = prng.below(5) === 0;
    const change =
      part === undefined
        ? { value: new Uint8Array(), about: 'no block' }
        : wire
          ? mangled(prng, part.document)
          : misstated(prng, unpackDocument(part.document, 'maps'));
    const document = wire || part === undefined ? (change.value as Uint8Array) : packDocument(change.value);
    const bytes = putTogether({
      header,
      parts: part === undefined ? parts : parts.with(at, { ...part, document }),
    });
    return {
      about: `part ${at}: ${change.about}`,
      inputs: { 't.xpr': bytes },
      run: askAbout(prng, workshop, { bytes, beside, events: 60 }),
    };
  },
};
