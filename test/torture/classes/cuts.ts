import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, judged } from '../command.js';
import { traces } from '../corpus.js';
import { answered, failed, refused, type TortureClass } from '../verdict.js';

/** A trace ends too early: what is read of it is a beginning, and a repaired one says so and replays. */
export const cuts: TortureClass = {
  name: 'cuts',
  doc: 'a trace is cut; what is recovered must be a beginning of it, and must replay without a difference',
  prepare() {
    const corpus = traces();
    return async ({ prng, folder }) => {
      const { bytes } = prng.pick(corpus);
      const [whole, cut, mended] = ['whole.xpr', 'cut.xpr', 'mended.xpr'].map((name) => join(folder, name));
      writeFileSync(whole!, bytes);
      writeFileSync(cut!, bytes.subarray(0, prng.below(bytes.length)));
      const repair = ['fsck', cut!, '--repair', mended!];
      const verdict = judged(repair, await command(repair));
      if (!verdict.survived) return verdict;
      if (!existsSync(mended!)) return refused;
      const before = await lines(whole!);
      const after = await lines(mended!);
      if (!after.every((line, i) => line === before[i])) return failed('the repaired trace is no beginning');
      const replay = ['replay', mended!, '--json'];
      const ran = await command(replay);
      const { mismatched } =
        ran.code === 2 ? { mismatched: 0 } : (JSON.parse(ran.out) as { mismatched: number });
      return mismatched === 0
        ? answered
        : failed(`the repaired trace replays with ${mismatched} differences`);
    };
  },
};

async function lines(file: string): Promise<string[]> {
  return (await command(['show', file, '--json'])).out.split('\n').filter((line) => line !== '');
}
