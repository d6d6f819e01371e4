import { fstatSync } from 'node:fs';
import { Trouble } from '../base/errors.js';
import { shellFile, shellWord } from '../base/shell-word.js';
import { visible } from '../base/visible.js';
import { piecesOf, readAll, writeAll } from '../log/descriptor.js';

/** Exit codes like diff(1): nothing wrong, something found, trouble; and of diagnose, nothing that could be judged. */
export type ExitCode = 0 | 1 | 2 | 3;

/** Where a command reads and writes; the process, or a test. */
export interface Console {
  /** Data. @throws {ClosedPipe} when nobody reads any more */
  out(data: string | Uint8Array): void;
  /** Talk. */
  err(text: string): void;
  /** All of standard input. */
  input(): Uint8Array;
  /** The same as it comes; without it, all at once. */
  inputPieces?(): AsyncIterable<Uint8Array>;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Runs work that Ctrl-C ends in an orderly way; without it, Ctrl-C does as it likes. */
  interruptible?<T>(work: () => T | Promise<T>): Promise<T>;
}

/** The reader of standard output went away (`xpr show … | head`): the command ends, and that is no trouble. */
export class ClosedPipe extends Error {}

let output: Console;
let quiet = false;
let transient = false;

/** Chooses the console of the command that runs. One command runs at a time. */
export function useConsole(chosen: Console): void {
  output = chosen;
  quiet = false;
  transient = false;
}

/** `--quiet`: nothing on standard error but errors. */
export function beQuiet(): void {
  quiet = true;
}

/**
 * Writes lines to standard output. What a terminal would obey, line ends among it, is shown escaped: texts out of
 * traces, logs and file names stay texts.
 */
export function print(lines: readonly string[]): void {
  sayTransient('');
  output.out(`${lines.map(shown).join('\n')}\n`);
}

/** Writes data to standard output as it is. */
export function printBytes(bytes: Uint8Array): void {
  output.out(bytes);
}

/** The same of a document in lines, as the file of it would be; only a terminal gets it escaped. */
export function printDocument(text: Uint8Array): void {
  if (!output.outIsTerminal) output.out(text);
  else output.out(new TextDecoder().decode(text).split('\n').map(visible).join('\n'));
}

export const outIsTerminal = (): boolean => output.outIsTerminal;

/** Work that leaves a file behind when it is stopped in the middle. */
export async function interruptible<T>(work: () => T | Promise<T>): Promise<T> {
  return output.interruptible === undefined ? work() : output.interruptible(work);
}

export function readInput(): Uint8Array {
  return output.input();
}

/** Standard input as it comes. */
export async function* inputPieces(): AsyncGenerator<Uint8Array> {
  if (output.inputPieces === undefined) yield output.input();
  else yield* output.inputPieces();
}

/** A line of talk for people, on standard error; escaped as `print` does. */
export function say(text: string): void {
  if (quiet) return;
  sayTransient('');
  output.err(`${shown(text)}\n`);
}

/** Usage and the like, whatever `--quiet` says. */
export function sayPlainly(lines: readonly string[]): void {
  sayTransient('');
  output.err(`${lines.map(shown).join('\n')}\n`);
}

/** Whether somebody sees a line that comes and goes: on a terminal, unless talk is not wanted. */
export const seesTransient = (): boolean => !quiet && output.errIsTerminal;

/** Shows a line that the next output of any sort takes away; the empty text takes it away at once. */
export function sayTransient(text: string): void {
  if (text === '' && !transient) return;
  output.err(`\r\u001b[K${text}`);
  transient = text !== '';
}

/** The last line of a command that found something: the next command to run, ready to be run. */
export function sayNext(...words: readonly Word[]): void {
  if (words.some((word) => typeof word === 'object' && word.file === '-')) return;
  const quoted = words.map((word) =>
    typeof word === 'object' ? shellFile(word.file) : shellWord(String(word)),
  );
  say('next:');
  say(`  xpr ${quoted.join(' ')}`);
}

/** A word of a command line; a file is never taken for an option. */
type Word = string | number | { readonly file: string };

/** One JSON document on standard output. */
export function printJson(document: unknown): void {
  print(jsonLines(document));
}

/** A value as JSON in lines. */
export const jsonLines = (document: unknown): string[] => JSON.stringify(document, null, 2).split('\n');

/** The error line and its hint, or the JSON error document. */
export function printTrouble(trouble: Trouble, json: boolean): void {
  const { code, message, file, at, expected, actual, hint } = trouble.toDocument();
  if (json) {
    const document = { schema: 'error/1', error: { code, message, file, at, expected, actual, hint } };
    try {
      printJson(document);
    } catch (error) {
      if (error instanceof ClosedPipe) throw error;
      // The disk behind standard output is full, say: the document is told where it can be.
      sayPlainly(jsonLines(document));
    }
    return;
  }
  sayTransient('');
  const where = file === null ? at : at === null ? file : `${file}:${at}`;
  output.err(`${visible(`xpr: ${code}: ${message}${where === null ? '' : ` (${where})`}`)}\n`);
  const lines = [
    expected === null ? null : `expected ${expected}`,
    actual === null ? null : `found ${actual}`,
    hint,
  ].filter((line) => line !== null);
  if (lines.length > 0) output.err(`${visible(`  hint: ${lines.join('; ')}`)}\n`);
}

/** A fault of ours: whatever is not a Trouble. */
export function printBug(error: unknown): void {
  sayTransient('');
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  output.err(`xpr: BUG: ${stack.split('\n').map(visible).join('\n')}\n`);
}

/** Colour on a terminal, nothing elsewhere or where NO_COLOR asks for it. */
export function coloured(text: string, colour: 'red' | 'yellow' | 'cyan'): string {
  if (!output.outIsTerminal || process.env['NO_COLOR'] || process.env['TERM'] === 'dumb') return text;
  mark ||= `\ue000${globalThis.crypto.randomUUID()}`;
  return `${mark}${{ red: 31, yellow: 33, cyan: 36 }[colour]}m${text}${mark}0m`;
}

/** Stands for the start of a control sequence of ours; nobody else can know it. */
let mark = '';

const shown = (line: string): string =>
  mark === '' ? visible(line) : visible(line).replaceAll(mark, '\u001b[');

/** The console of this process. Writes are synchronous, so that a closed pipe is seen at once. */
export const processConsole: Console = {
  out: (data) => pipeTo(1, typeof data === 'string' ? Buffer.from(data) : data),
  err: (text) => {
    try {
      pipeTo(2, Buffer.from(text));
    } catch {
      // Nobody hears the talk; the work goes on.
    }
  },
  input: () => readAll(0),
  inputPieces: () => piecesOf(0),
  interruptible: async (work) => (await import('./interrupt.js')).stoppable(work),
  get outIsTerminal() {
    return isTerminal(1) && process.stdout.isTTY === true;
  },
  get errIsTerminal() {
    return isTerminal(2) && process.stderr.isTTY === true;
  },
};

/** Looks at the descriptor first: making the stream costs more than a short command's whole work. */
function isTerminal(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isCharacterDevice();
  } catch {
    return false;
  }
}

function pipeTo(descriptor: number, bytes: Uint8Array): void {
  try {
    writeAll(descriptor, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') throw new ClosedPipe();
    throw error;
  }
}

/** An error of the operating system, about the file as the user named it. */
export function systemTrouble({ message, path }: NodeJS.ErrnoException, file = path): Trouble {
  // Node repeats call and path.
  const what = message.replace(/, \w+( '.*')?( -> '.*')?$/s, '');
  return new Trouble('IO-001', what, file === undefined ? {} : { file });
}
