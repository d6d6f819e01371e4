import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Figure } from './log.js';

/** One figure of both builds: the median of the rounds, and how ours stands to theirs. */
export interface Compared {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly theirs: number;
  readonly ratio: number;
}

/**
 * Runs the benches of two builds in turns, each in a process of its own, so that what else the machine does meanwhile
 * meets both.
 * @param dir Another checkout, built.
 */
export function beside(dir: string, events: number, rounds: number): Compared[] {
  const ours: Figure[][] = [];
  const theirs: Figure[][] = [];
  for (let round = 0; round < rounds; round++) {
    const turns = [
      () => ours.push(figuresOf(process.argv[1]!, events)),
      () => theirs.push(figuresOf(join(dir, 'dist/test/bench/main.js'), events)),
    ];
    // The one that is first in a round is second in the next.
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) turn();
  }
  return compared(ours, theirs);
}

/** Figures that both have, by their place among those of one name. */
export function compared(
  ours: readonly (readonly Figure[])[],
  theirs: readonly (readonly Figure[])[],
): Compared[] {
  const others = byName(theirs);
  return [...byName(ours)].flatMap(([key, { name, unit, values }]) => {
    const other = others.get(key);
    if (other === undefined) return [];
    const [mine, its] = [median(values), median(other.values)];
    return [{ name, unit, ours: mine, theirs: its, ratio: mine / its }];
  });
}

interface Series {
  readonly name: string;
  readonly unit: string;
  readonly values: number[];
}

function byName(runs: readonly (readonly Figure[])[]): Map<string, Series> {
  const series = new Map<string, Series>();
  for (const run of runs) {
    let above = '';
    for (const { name, value, unit } of run) {
      // An indented figure belongs to the one above it.
      if (!name.startsWith(' ')) above = name;
      const key = `${above} / ${name}`;
      const one = series.get(key) ?? { name, unit, values: [] };
      one.values.push(value);
      series.set(key, one);
    }
  }
  return series;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function figuresOf(main: string, events: number): Figure[] {
  const args = [main, '--json', '--events', String(events)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`${main} ended with ${status}: ${stderr}`);
  return (JSON.parse(stdout) as { readonly figures: Figure[] }).figures;
}
