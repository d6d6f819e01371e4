import { readFileSync } from 'node:fs';
import { flipped } from '../mutate/bytes.js';
import { rechunkedTrace } from '../rechunked.js';
import type { TortureClass } from '../torture-class.js';
import { commandFault, contentOf, damageFault } from '../verdict.js';

export const bits: TortureClass = {
  name: 'bits',
  doc: 'bits and bytes of a trace changed',
  prepare(prng, workshop) {
    const plain = new Uint8Array(readFileSync(prng.pick(workshop.corpus.traces())));
    const bytes = prng.below(3) === 0 ? rechunkedTrace(prng, plain) : plain;
    const { value, about } = flipped(prng, bytes);
    const verb = prng.pick(['replay', 'findings', 'info', 'state', 'show', 'check']);
    return {
      about,
      inputs: { 't.xpr': value },
      run: async () => {
        const fault = damageFault(value, contentOf(bytes));
        if (fault !== null) return fault;
        const file = workshop.put('t.xpr', value);
        const checked = await workshop.xpr(['fsck', file]);
        if (checked.code === 0) return 'xpr fsck finds nothing wrong';
        return commandFault(checked) ?? commandFault(await workshop.xpr([verb, file]));
      },
    };
  },
};
