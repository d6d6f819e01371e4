import { join } from 'node:path';
import { Corpus, repositoryAbove } from './corpus.js';
import type { Token } from './token.js';
import { keepInputs, tryOne } from './try-one.js';
import { Workshop } from './workshop.js';

// The process in which tries are made, so that one that never ends, takes all memory or crashes takes nothing with it.

/** What the campaign asks for. */
export interface Order {
  readonly token: Token;
  /** Folder for the inputs; null makes the try. */
  readonly keep: string | null;
}

const data = process.argv[2] === undefined || process.argv[2] === '' ? null : process.argv[2];
const corpus = new Corpus(repositoryAbove(import.meta.dirname), data);
const workshop = new Workshop(corpus, join(import.meta.dirname, '../../src/cli/main.js'));
// Names in command lines are meant in there.
process.chdir(workshop.folder);

process.on('message', async ({ token, keep }: Order) => {
  if (keep === null) process.send!(await tryOne(workshop, token));
  else {
    await keepInputs(workshop, token, keep);
    process.send!('kept');
  }
});
process.send!('ready');
process.on('disconnect', () => {
  workshop.close();
  process.exit(0);
});
