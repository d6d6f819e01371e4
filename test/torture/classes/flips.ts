import { readFileSync } from 'node:fs';
import { flipped } from '../mutate/bytes.js';
import type { TortureClass } from '../torture-class.js';
import { contentOf, damageFault } from '../verdict.js';

export const flips: TortureClass = {
  name: 'flips',
  doc: 'bits and bytes of a trace changed',
  prepare(prng, { corpus }) {
    const bytes = readFileSync(prng.pick(corpus.traces()));
    const { value, about } = flipped(prng, new Uint8Array(bytes));
    return {
      about,
      inputs: { 't.xpr': value },
      run: () => damageFault(value, contentOf(bytes)),
    };
  },
};
