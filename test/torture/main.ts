import { parseArgs } from 'node:util';
import { table } from '../../src/tell/table.js';
import { classes } from './classes.js';
import { readToken } from './token.js';
import { tryOnce } from './try.js';
import { emptyTally, type Tally, watch } from './watch.js';

/**
 * `npm run torture -- [--minutes N] [--seed S] [--class NAME] [--replay TOKEN]`: does harm of every class until the time
 * is up, then says how often it was tried, survived and failed. The seed repeats a run but for the instants of kills.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    class: { type: 'string' },
    replay: { type: 'string' },
  },
});

/** Tries of one class before the next has its turn. */
const ROUND: Readonly<Record<string, number>> = { kills: 4, choices: 10 };

async function replayed(text: string): Promise<number> {
  const token = readToken(text);
  const chosen = classes.find(({ name }) => name === token?.name);
  if (token === null || chosen === undefined) throw new Error(`no token of this program: ${text}`);
  const verdict = await tryOnce(chosen.prepare(), token);
  console.log(verdict.survived ? `survived: ${verdict.how}` : `failed: ${verdict.why}`);
  return verdict.survived ? 0 : 1;
}

async function campaign(): Promise<number> {
  const seed = Number(values.seed);
  const end = Date.now() + Number(values.minutes) * 60_000;
  const chosen = classes.filter(({ name }) => values.class === undefined || name === values.class);
  if (chosen.length === 0)
    throw new Error(`no class ${values.class}; there are ${classes.map((one) => one.name)}`);
  const tallies = new Map<string, Tally>(chosen.map(({ name }) => [name, emptyTally()]));
  for (let round = 0; Date.now() < end; round++) {
    for (const { name } of chosen) {
      if (Date.now() >= end) break;
      const count = ROUND[name] ?? 40;
      const tally = tallies.get(name)!;
      const known = tally.failures.length;
      await watch(name, seed, round * count, count, tally);
      for (const { token, why } of tally.failures.slice(known))
        console.log(`${token}  ${why.replaceAll('\n', ' | ').slice(0, 600)}`);
    }
  }
  const rows = [...tallies].map(([name, { tried, answered, refused, failures, peakKb }]) =>
    [name, tried, answered, refused, failures.length, `${Math.round(peakKb / 1_000)} MB`].map(String),
  );
  console.log(
    table([['class', 'tried', 'answered', 'refused', 'failed', 'most memory'], ...rows]).join('\n'),
  );
  return [...tallies.values()].every(({ failures }) => failures.length === 0) ? 0 : 1;
}

process.exitCode = values.replay === undefined ? await campaign() : await replayed(values.replay);
