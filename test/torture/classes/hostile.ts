import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { askAbout } from '../foreign.js';
import { flipped } from '../mutate/bytes.js';
import type { TortureClass } from '../torture-class.js';
import { commandFault } from '../verdict.js';

export const hostile: TortureClass = {
  name: 'hostile',
  doc: 'files that an earlier release did not survive, as they are and changed a little',
  share: 0.2,
  prepare(prng, workshop) {
    const file = prng.pick(
      workshop.corpus.hostile().length > 0 ? workshop.corpus.hostile() : workshop.corpus.traces(),
    );
    const given = new Uint8Array(readFileSync(file));
    const bytes = prng.below(3) === 0 ? flipped(prng, given).value : given;
    const beside = workshop.corpus.traces()[0]!;
    const asked = askAbout(prng, workshop, { bytes, beside, events: 100 });
    return {
      about: basename(file),
      inputs: { [basename(file)]: bytes },
      run: async () => {
        if (file.endsWith('.xpr')) return asked();
        const out = workshop.path('out.xpr');
        const ran = await workshop.xpr(['import', workshop.put(basename(file), bytes), '-o', out]);
        const fault = commandFault(ran);
        if (fault !== null || ran.code !== 0) return fault;
        for (const verb of ['show', 'replay', 'findings', 'state']) {
          const answer = commandFault(await workshop.xpr([verb, out]));
          if (answer !== null) return answer;
        }
        return null;
      },
    };
  },
};
