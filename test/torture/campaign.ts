import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type Token, tokenText } from './token.js';
import type { TortureClass } from './torture-class.js';
import { TrialProcess } from './trial-process.js';
import type { Outcome } from './try-one.js';

/** What is to be done. */
export interface Plan {
  readonly seed: number;
  readonly classes: readonly TortureClass[];
  /** One bound of the two; with `tries`, a class has its share of them. */
  readonly minutes: number | null;
  readonly tries: number | null;
  /** How long a try may take. */
  readonly patienceMs: number;
  /** As `Corpus`. */
  readonly data: string | null;
  /** Where inputs of tries that failed are kept, a folder for each. */
  readonly keep: string;
}

export interface Tally {
  tried: number;
  failed: number;
  ms: number;
}

/** Most memory a process may have had that was given inputs of up to a million bytes. */
const MOST_MIB = 300;
const SMALL_BYTES = 1 << 20;

/** Makes tries of all classes in turn. @returns What came of each class. */
export async function campaign(
  plan: Plan,
  failed: (token: Token, outcome: Outcome) => void,
): Promise<Map<string, Tally>> {
  const tallies = new Map(plan.classes.map(({ name }) => [name, { tried: 0, failed: 0, ms: 0 }]));
  const process = new TrialProcess(plan.data);
  const until = performance.now() + (plan.minutes ?? 0) * 60_000;
  for (;;) {
    const next = nextOf(plan, tallies, performance.now() < until);
    if (next === null) break;
    const tally = tallies.get(next.name)!;
    const token = { of: next.name, seed: plan.seed, n: tally.tried };
    const from = performance.now();
    const outcome = await tried(process, next, token, plan);
    tally.ms += performance.now() - from;
    tally.tried += 1;
    if (outcome.fault === null) continue;
    tally.failed += 1;
    await keep(token, outcome, plan);
    failed(token, outcome);
  }
  process.stop();
  return tallies;
}

/** The class whose turn it is: with minutes the one that had the least time so far, with tries one that has some left. */
function nextOf(plan: Plan, tallies: ReadonlyMap<string, Tally>, isTimeLeft: boolean): TortureClass | null {
  const { tries } = plan;
  if (tries !== null) {
    const left = plan.classes.filter(
      ({ name, share = 1 }) => tallies.get(name)!.tried < Math.ceil(tries * share),
    );
    return left[0] ?? null;
  }
  if (!isTimeLeft) return null;
  return plan.classes.reduce((least, one) =>
    tallies.get(one.name)!.ms < tallies.get(least.name)!.ms ? one : least,
  );
}

/**
 * One try. What took too long or too much memory beside others is made again in a process of its own, and only that
 * counts: a process that has made many tries holds more than the last one needs.
 */
async function tried(process: TrialProcess, of: TortureClass, token: Token, plan: Plan): Promise<Outcome> {
  const outcome = await process.make(token, plan.patienceMs);
  if (!isOver(of, outcome) && !isLate(outcome)) return outcome;
  process.stop();
  return alone(of, token, plan);
}

/** A try in a process that makes nothing else. */
export async function alone(
  of: TortureClass,
  token: Token,
  plan: Pick<Plan, 'data' | 'patienceMs'>,
): Promise<Outcome> {
  const own = new TrialProcess(plan.data);
  const outcome = await own.make(token, plan.patienceMs);
  own.stop();
  if (!isOver(of, outcome)) return outcome;
  return { ...outcome, fault: `it took ${Math.round(outcome.peakMiB)} MiB of memory` };
}

const isLate = ({ fault }: Outcome): boolean => fault?.startsWith('it has not ended') === true;

const isOver = (of: TortureClass, { fault, peakMiB, inputBytes }: Outcome): boolean =>
  fault === null && of.keepsMuch !== true && inputBytes <= SMALL_BYTES && peakMiB > MOST_MIB;

async function keep(token: Token, outcome: Outcome, { keep, data, patienceMs }: Plan): Promise<void> {
  const folder = join(keep, tokenText(token).replaceAll(':', '-'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'why.txt'), `${tokenText(token)}\n${outcome.about}\n${outcome.fault}\n`);
  const own = new TrialProcess(data);
  await own.keep(token, folder, patienceMs);
  own.stop();
}
