import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, judged } from '../command.js';
import { traces } from '../corpus.js';
import { spoilBytes } from '../mutate.js';
import { failed, type TortureClass } from '../verdict.js';

/** Bits and bytes of a trace change on their way: the change must be seen, whatever byte it meets. */
export const bits: TortureClass = {
  name: 'bits',
  doc: 'bits and bytes of a trace change; fsck must call it damaged and every reader refuse what it cannot trust',
  prepare() {
    const corpus = traces();
    return async ({ prng, folder }) => {
      const { bytes } = prng.pick(corpus);
      const spoilt =
        prng.below(2) === 0 ? flipped(bytes, prng.below(bytes.length * 8)) : spoilBytes(bytes, prng);
      const file = join(folder, 'spoilt.xpr');
      writeFileSync(file, spoilt);
      const args = ['fsck', file];
      const ran = await command(args);
      const verdict = judged(args, ran);
      if (!verdict.survived) return verdict;
      if (ran.code === 0) return failed('fsck sees no damage');
      const read = ['replay', file];
      return judged(read, await command(read));
    };
  },
};

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const spoilt = bytes.slice();
  spoilt[bit >>> 3] = spoilt[bit >>> 3]! ^ (1 << (bit & 7));
  return spoilt;
}
