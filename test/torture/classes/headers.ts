import { readFileSync } from 'node:fs';
import { packDocument, unpackDocument } from '../../../src/log/msgpack.js';
import { askAbout } from '../foreign.js';
import { misstated } from '../mutate/document.js';
import type { TortureClass } from '../torture-class.js';
import { putTogether, takeApart } from '../trace-parts.js';

export const headers: TortureClass = {
  name: 'headers',
  doc: 'headers that say something else: platform, policies, switches, provenance',
  prepare(prng, workshop) {
    const beside = prng.pick(workshop.corpus.traces());
    const { header, parts } = takeApart(readFileSync(beside));
    const { value, about } = misstated(prng, unpackDocument(header, 'maps'));
    const bytes = putTogether({ header: packDocument(value), parts });
    return {
      about,
      inputs: { 't.xpr': bytes },
      run: askAbout(prng, workshop, { bytes, beside, events: 60 }),
    };
  },
};
