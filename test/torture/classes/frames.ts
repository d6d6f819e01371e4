import { readFileSync } from 'node:fs';
import { askAbout } from '../foreign.js';
import { rechunked } from '../rechunked.js';
import type { TortureClass } from '../torture-class.js';
import { type Part, putTogether, takeApart } from '../trace-parts.js';

export const frames: TortureClass = {
  name: 'frames',
  doc: 'frames of one or two traces left out, doubled, exchanged, under right checksums and digests',
  prepare(prng, workshop) {
    const { corpus } = workshop;
    const beside = prng.pick(corpus.traces());
    const long = prng.below(20) === 0;
    const one = long ? takeApart(readFileSync(corpus.longTrace())) : rechunked(prng, readFileSync(beside));
    const other = takeApart(readFileSync(prng.pick(corpus.traces())));
    let parts: readonly Part[] = one.parts;
    const about: string[] = [];
    for (let left = 1 + prng.below(3); left > 0; left--) {
      const [at, from] = [prng.below(parts.length + 1), prng.below(parts.length + 1)];
      switch (prng.below(4)) {
        case 0:
          parts = parts.toSpliced(at, 1);
          about.push(`${at} left out`);
          break;
        case 1:
          parts = parts.toSpliced(at, 0, ...parts.slice(from, from + 1));
          about.push(`${from} again at ${at}`);
          break;
        case 2:
          parts = parts.toSpliced(at, 0, ...other.parts.slice(0, 1));
          about.push(`a stranger at ${at}`);
          break;
        default:
          parts = parts.toSpliced(at, 1).toSpliced(from, 0, ...parts.slice(at, at + 1));
          about.push(`${at} moved to ${from}`);
      }
    }
    const header = prng.below(3) === 0 ? other.header : one.header;
    const bytes = putTogether({ header, parts }, prng.below(3) === 0 ? one.index : null);
    return {
      about: about.join(', '),
      inputs: { 't.xpr': bytes },
      run: askAbout(prng, workshop, { bytes, beside, events: long ? 12_000 : 60 }),
    };
  },
};
