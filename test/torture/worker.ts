import { classes } from './classes.js';
import { tryOnce } from './try.js';

/** What the worker tells whoever watches it, a line each; memory is the process's highest so far. */
export type Said =
  | { readonly begun: number }
  | { readonly ended: number; readonly why: string | null; readonly how: string; readonly peakKb: number };

const say = (said: Said): void => {
  process.stdout.write(`${JSON.stringify(said)}\n`);
};

/** `worker CLASS SEED FROM COUNT`: tries one after the other; the watcher ends it when one takes too long. */
const [name, seed, from, count] = process.argv.slice(2);
const chosen = classes.find((one) => one.name === name);
if (chosen === undefined) throw new Error(`no class ${name}`);
const attempt = chosen.prepare();
for (let n = Number(from); n < Number(from) + Number(count); n++) {
  say({ begun: n });
  const verdict = await tryOnce(attempt, { name: chosen.name, seed: Number(seed), n });
  say({
    ended: n,
    why: verdict.survived ? null : verdict.why,
    how: verdict.survived ? verdict.how : 'failed',
    peakKb: process.resourceUsage().maxRSS,
  });
}
