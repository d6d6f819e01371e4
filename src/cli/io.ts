import type { Trouble } from '../base/errors.js';

/** Exit codes like diff(1): nothing wrong, something found, trouble. */
export type ExitCode = 0 | 1 | 2;

/** Writes data to standard output. A reader that went away ends the program quietly. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Talk for people, on standard error. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** One JSON document on standard output. */
export function printJson(document: unknown): void {
  print(JSON.stringify(document, null, 2));
}

/** The error line and its hint, or the JSON error document. */
export function printTrouble(trouble: Trouble, json: boolean): void {
  const { file, expected, actual, hint } = trouble.detail;
  const position = trouble.position();
  if (json) {
    printJson({
      schema: 'error/1',
      error: {
        code: trouble.code,
        message: trouble.message,
        file: file ?? null,
        at: position,
        expected: expected ?? null,
        actual: actual ?? null,
        hint: hint ?? null,
      },
    });
    return;
  }
  const where = file === undefined ? position : position === null ? file : `${file}:${position}`;
  const facts = [
    expected === undefined ? null : `expected ${expected}`,
    actual === undefined ? null : `found ${actual}`,
  ].filter((fact) => fact !== null);
  say(`xpr: ${trouble.code}: ${trouble.message}${where === null ? '' : ` (${where})`}`);
  const lines = [...facts, ...(hint === undefined ? [] : [hint])];
  if (lines.length > 0) say(`  hint: ${lines.join('; ')}`);
}

/** A closed pipe (`xpr show … | head`) is no trouble. */
export function endQuietlyOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 2);
  });
}
