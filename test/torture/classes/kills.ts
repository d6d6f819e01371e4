import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { command, judged } from '../command.js';
import { root } from '../corpus.js';
import { answered, failed, type TortureClass } from '../verdict.js';

const MAIN = join(root, 'dist/src/cli/main.js');
const long = ['dsm-full-reinitialisation', 'q35-full-machine-boot', 'who-owns-the-hardware'] as const;

/** A recorder dies at any instant: the trace of that name is whole or not there, and no other file suffers. */
export const kills: TortureClass = {
  name: 'kills',
  doc: 'a recording process is killed at a random instant; the final file is whole or absent, what is left beside it can be recovered or says why not',
  prepare() {
    return async ({ prng, folder }) => {
      const trace = join(folder, 'out.xpr');
      const child = spawn(process.execPath, [MAIN, 'record', prng.pick(long), '-o', trace], {
        stdio: 'ignore',
      });
      const ended = once(child, 'exit');
      const timer = setTimeout(() => child.kill('SIGKILL'), 60 + prng.below(1_500));
      await ended;
      clearTimeout(timer);
      if (existsSync(trace)) {
        const args = ['fsck', trace];
        const ran = await command(args);
        if (ran.code !== 0) return failed('the final file is not whole');
      }
      for (const left of readdirSync(folder).filter((name) => name !== 'out.xpr')) {
        const args = ['fsck', join(folder, left), '--repair', join(folder, 'mended.xpr')];
        const verdict = judged(args, await command(args));
        if (!verdict.survived) return verdict;
      }
      return answered;
    };
  },
};
