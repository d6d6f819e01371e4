import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { visible } from '../../src/base/visible.js';
import { alone, campaign, type Plan, type Tally } from './campaign.js';
import { classes, findClass } from './classes.js';
import { repositoryAbove } from './corpus.js';
import { parseToken, type Token, tokenText } from './token.js';
import type { TortureClass } from './torture-class.js';
import type { Outcome } from './try-one.js';

// npm run torture -- --minutes N --seed S [--class NAME]… | --replay TOKEN: docs/torture.md

const usage = `usage: torture (--minutes N | --tries N) [--seed S] [--class NAME]... [--keep FOLDER] [--data FOLDER] [--patience SECONDS]
       torture --replay TOKEN [--data FOLDER]
       torture --list`;

async function main(): Promise<number> {
  let options: ReturnType<typeof read>;
  try {
    options = read();
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  if (options.list === true) {
    for (const { name, doc } of classes) say(`${name.padEnd(16)} ${doc}`);
    return 0;
  }
  const beside = join(repositoryAbove(import.meta.dirname), '../shared/data');
  const data = [options.data ?? beside].find((folder) => existsSync(folder)) ?? null;
  const patienceMs = (positive(options.patience) ?? 30) * 1000;
  if (options.replay !== undefined) return replayed(options.replay, { data, patienceMs });
  const chosen = (options.class ?? []).map(findClass);
  const minutes = positive(options.minutes);
  const tries = positive(options.tries);
  const seed = Number(options.seed ?? '1');
  if (chosen.includes(undefined)) return refuse('--class takes the name of a class: --list');
  if ((minutes === null) === (tries === null)) return refuse('--minutes or --tries, a number above 0');
  if (!Number.isInteger(seed) || seed < 0 || seed > 999_999_999)
    return refuse('--seed takes a number up to 999999999');
  const keep = resolve(options.keep ?? 'torture-failures');
  const plan: Plan = {
    seed,
    minutes,
    tries,
    patienceMs,
    data,
    keep,
    classes: chosen.length > 0 ? (chosen as TortureClass[]) : classes,
  };
  const tallies = await campaign(plan, tell);
  return summarised(tallies, keep);
}

function read() {
  return parseArgs({
    options: {
      minutes: { type: 'string' },
      tries: { type: 'string' },
      seed: { type: 'string' },
      class: { type: 'string', multiple: true },
      keep: { type: 'string' },
      data: { type: 'string' },
      patience: { type: 'string' },
      replay: { type: 'string' },
      list: { type: 'boolean' },
    },
  }).values;
}

async function replayed(text: string, plan: Pick<Plan, 'data' | 'patienceMs'>): Promise<number> {
  const token = parseToken(text);
  const found = token === null ? undefined : findClass(token.of);
  if (token === null || found === undefined) return refuse(`no token: ${text}`);
  const outcome = await alone(found, token, plan);
  if (outcome.fault !== null) tell(token, outcome);
  else say(`${text} survived (${outcome.about}), ${Math.round(outcome.peakMiB)} MiB`);
  return outcome.fault === null ? 0 : 1;
}

function tell(token: Token, { about, fault }: Outcome): void {
  say(`failed ${tokenText(token)}`);
  for (const line of `${about}\n${fault}`.split('\n')) say(`  ${line.slice(0, 2_000)}`);
}

function summarised(tallies: ReadonlyMap<string, Tally>, keep: string): number {
  const row = (name: string, ...cells: string[]): void =>
    say(name.padEnd(16) + cells.map((cell) => cell.padStart(10)).join(''));
  row('class', 'tried', 'survived', 'failed', 'seconds');
  const total: Tally = { tried: 0, failed: 0, ms: 0 };
  const cells = ({ tried, failed, ms }: Tally): string[] =>
    [tried, tried - failed, failed, Math.round(ms / 1000)].map(String);
  for (const [name, tally] of tallies) {
    row(name, ...cells(tally));
    total.tried += tally.tried;
    total.failed += tally.failed;
    total.ms += tally.ms;
  }
  row('all', ...cells(total));
  if (total.failed > 0) say(`inputs of what failed: ${keep}; --replay TOKEN makes one again`);
  return total.failed === 0 ? 0 : 1;
}

/** A number above 0; null when none is given, or it is none. */
function positive(text: string | undefined): number | null {
  const value = Number(text ?? '');
  return value > 0 && Number.isFinite(value) ? value : null;
}

function refuse(why: string): number {
  process.stderr.write(`torture: ${visible(why)}\n${usage}\n`);
  return 2;
}

function say(line: string): void {
  process.stdout.write(`${visible(line)}\n`);
}

process.exitCode = await main();
