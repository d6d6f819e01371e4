import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './corpus.js';
import { tokenText } from './token.js';
import type { Said } from './worker.js';

/** Tries of one class, counted. */
export interface Tally {
  tried: number;
  answered: number;
  refused: number;
  readonly failures: { readonly token: string; readonly why: string }[];
  peakKb: number;
}

export const emptyTally = (): Tally => ({ tried: 0, answered: 0, refused: 0, failures: [], peakKb: 0 });

/** A try may take so long; the slowest honest one (a long scenario there and back) takes a few seconds. */
const MOST_MS = 60_000;
/** A process that has grown so far met something that is not bounded. The program itself takes about 150 MB. */
const MOST_KB = 450_000;

/**
 * Runs tries of a class in a process of its own and watches it: one that hangs, dies or grows is a failure of the try
 * it was at, and the run goes on behind it.
 */
export async function watch(
  name: string,
  seed: number,
  from: number,
  count: number,
  tally: Tally,
): Promise<void> {
  for (let next = from; next < from + count; )
    next = await runWorker(name, seed, next, from + count - next, tally);
}

/** @returns the number of the first try that was not made */
async function runWorker(
  name: string,
  seed: number,
  from: number,
  count: number,
  tally: Tally,
): Promise<number> {
  const args = [join(root, 'dist/test/torture/worker.js'), name, seed, from, count].map(String);
  const child = spawn(process.execPath, ['--max-old-space-size=700', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors = (errors + data.toString('utf8')).slice(-2_000);
  });
  let at: number | null = null;
  let next = from;
  let hung = false;
  const fail = (n: number, why: string): void => {
    tally.failures.push({ token: tokenText({ name, seed, n }), why });
  };
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, MOST_MS);
  };
  wait();
  const exited = new Promise<number | null>((resolve) => {
    child.on('close', (code) => resolve(code));
  });
  for await (const line of createInterface(child.stdout)) {
    const said = JSON.parse(line) as Said;
    wait();
    if ('begun' in said) {
      at = said.begun;
      continue;
    }
    at = null;
    next = said.ended + 1;
    tally.tried += 1;
    if (said.why !== null) fail(said.ended, said.why);
    else if (said.how === 'answered') tally.answered += 1;
    else tally.refused += 1;
    if (said.peakKb > MOST_KB && tally.peakKb <= MOST_KB) fail(said.ended, `${said.peakKb} kB of memory`);
    tally.peakKb = Math.max(tally.peakKb, said.peakKb);
    if (said.peakKb > MOST_KB) child.kill('SIGKILL');
  }
  const code = await exited;
  clearTimeout(timer);
  if (at !== null) {
    tally.tried += 1;
    fail(at, hung ? `no end after ${MOST_MS / 1_000} s` : `the process ended with ${code}: ${errors}`);
    return at + 1;
  }
  if (next === from && code !== 0) throw new Error(`the worker of ${name} did not start: ${errors}`);
  return next;
}
