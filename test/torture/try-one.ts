import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findClass } from './classes.js';
import { prngOf, type Token } from './token.js';
import type { Trial } from './torture-class.js';
import type { Workshop } from './workshop.js';

/** What came of a try. */
export interface Outcome {
  readonly about: string;
  /** What went wrong; null when it survived. */
  readonly fault: string | null;
  /** Bytes of its largest input. */
  readonly inputBytes: number;
  /** The most memory the process has had so far. */
  readonly peakMiB: number;
}

/** Makes the try of a token in this process. */
export async function tryOne(workshop: Workshop, token: Token): Promise<Outcome> {
  let about = 'while it was made';
  let fault: string | null;
  let inputBytes = 0;
  try {
    const trial = await prepared(workshop, token);
    about = trial.about.slice(0, 600);
    inputBytes = Math.max(0, ...Object.values(trial.inputs).map((bytes) => bytes.length));
    workshop.clear();
    fault = await trial.run();
  } catch (error) {
    fault = `an exception: ${error instanceof Error ? error.stack : String(error)}`;
  }
  return { about, fault, inputBytes, peakMiB: process.resourceUsage().maxRSS / 1024 };
}

/** Writes the inputs of a try into a folder, and does not make it. */
export async function keepInputs(workshop: Workshop, token: Token, folder: string): Promise<void> {
  const { inputs } = await prepared(workshop, token);
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(inputs)) writeFileSync(join(folder, name), bytes);
}

async function prepared(workshop: Workshop, token: Token): Promise<Trial> {
  workshop.clear();
  const found = findClass(token.of);
  if (found === undefined) throw new Error(`no class ${token.of}`);
  return found.prepare(prngOf(token), workshop);
}
