import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { recordingText } from './recording.js';
import type { ConformanceSet, Row } from './row.js';

/** A change of a file's text that makes the recording wrong. */
export type Edit = (text: string) => string;

/** Copies of recordings in which one thing is wrong, and what a set says of them. */
export class Doctor {
  readonly #root = mkdtempSync(join(tmpdir(), 'xpr-doctored-'));
  readonly #fixtures: string;
  #count = 0;

  constructor(fixtures: string) {
    this.#fixtures = fixtures;
  }

  /** Rows of a set about one recording, after one edit of one of its files; none: as it was recorded. */
  async rows(set: ConformanceSet, run: string, file = '', edit: Edit | null = null): Promise<readonly Row[]> {
    this.#count += 1;
    const folder = join(this.#root, String(this.#count));
    cpSync(join(this.#fixtures, run), join(folder, run), { recursive: true });
    if (edit !== null) {
      const zipped = join(folder, run, `${file}.gz`);
      const before = existsSync(zipped)
        ? gunzipSync(readFileSync(zipped)).toString('latin1')
        : (recordingText(join(folder, run), file) ?? '');
      const after = edit(before);
      if (after === before) throw new Error(`the edit of ${run}/${file} changes nothing`);
      for (const packed of [zipped, join(folder, run, `${file}.xz`)]) rmSync(packed, { force: true });
      writeFileSync(join(folder, run, file), after, 'latin1');
    }
    const rows: Row[] = [];
    for await (const row of set.rows(folder)) rows.push(row);
    return rows;
  }

  /** The same recording, whatever is packed unpacked, so that the rest is quick. */
  unpack(runs: readonly string[]): Doctor {
    const plain = join(this.#root, 'plain');
    for (const run of runs) {
      cpSync(join(this.#fixtures, run), join(plain, run), { recursive: true });
      for (const path of readdirSync(join(plain, run), { recursive: true, encoding: 'utf8' })) {
        if (!path.endsWith('.xz')) continue;
        const name = path.slice(0, -3);
        writeFileSync(join(plain, run, name), recordingText(join(plain, run), name)!, 'latin1');
        rmSync(join(plain, run, path));
      }
    }
    return new Doctor(plain);
  }

  discharge(): void {
    rmSync(this.#root, { recursive: true });
  }
}

const at = (lines: readonly string[], pattern: RegExp, nth = 0): number => {
  const found = lines.flatMap((line, index) => (pattern.test(line) ? [index] : [])).at(nth);
  if (found === undefined) throw new Error(`no line has ${pattern}`);
  return found;
};

/** Takes a line away: the first that has the pattern, the n-th, or with -1 the last. */
export const drop =
  (pattern: RegExp, nth = 0): Edit =>
  (text) => {
    const lines = text.split('\n');
    return lines.toSpliced(at(lines, pattern, nth), 1).join('\n');
  };

/** Says a line twice. */
export const repeat =
  (pattern: RegExp, change: Edit = (line) => line): Edit =>
  (text) => {
    const lines = text.split('\n');
    const index = at(lines, pattern);
    return lines.toSpliced(index, 0, change(lines[index]!)).join('\n');
  };

/** Changes one line. */
export const change =
  (pattern: RegExp, from: string | RegExp, to: string, nth = 0): Edit =>
  (text) => {
    const lines = text.split('\n');
    const index = at(lines, pattern, nth);
    return lines.with(index, lines[index]!.replace(from, to)).join('\n');
  };

/** Lets two lines change places, but for what stands before `after` in each: time stamps, numbers. */
export const swap =
  (one: RegExp, other: RegExp, after = ''): Edit =>
  (text) => {
    const lines = text.split('\n');
    const [a, b] = [at(lines, one), at(lines, other)];
    const cut = (line: string): number => (after === '' ? 0 : line.indexOf(after));
    const [first, second] = [lines[a]!, lines[b]!];
    return lines
      .with(a, first.slice(0, cut(first)) + second.slice(cut(second)))
      .with(b, second.slice(0, cut(second)) + first.slice(cut(first)))
      .join('\n');
  };

/** Puts a line in after another. */
export const insert =
  (pattern: RegExp, line: string): Edit =>
  (text) => {
    const lines = text.split('\n');
    return lines.toSpliced(at(lines, pattern) + 1, 0, line).join('\n');
  };
