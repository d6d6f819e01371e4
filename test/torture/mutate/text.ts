import type { Prng } from '../../../src/base/prng.js';
import type { Mutant } from './bytes.js';
import { edgeTexts } from './numbers.js';

/** Text changed as a broken or hostile writer would: in its lines, its words and its numbers. */
export function misspelt(prng: Prng, text: string): Mutant<string> {
  let lines = text.split('\n');
  const about: string[] = [];
  for (let left = 1 + (prng.below(2) === 0 ? prng.below(12) : 0); left > 0; left--) {
    const at = prng.below(lines.length);
    const change = prng.pick(changes);
    lines = change(prng, lines, at);
    about.push(`${change.name} at line ${at + 1}`);
  }
  return { value: lines.join('\n'), about: about.join(', ') };
}

type Change = (prng: Prng, lines: readonly string[], at: number) => string[];

const NUMBER = /0x[0-9a-f]+|[0-9]+/gi;
const WORD = /[A-Za-z_][A-Za-z0-9_.-]*/g;

/** What a terminal, a path, an object or a parser may stumble over. */
const nasty: readonly string[] = [
  '\u001b[2J',
  '\u202e',
  '\u0000',
  '\ufeff',
  '\r',
  '\t',
  '"',
  '\\',
  '{',
  '[',
  '__proto__',
  'constructor',
  '../../..',
  '/',
  '\ud83d\ude00',
  ' ',
  '%s%n',
];

function number(prng: Prng, lines: readonly string[], at: number): string[] {
  return lines.with(at, replaceOne(prng, lines[at]!, NUMBER, prng.pick(edgeTexts)));
}

function word(prng: Prng, lines: readonly string[], at: number): string[] {
  const other = prng.pick(lines).match(WORD) ?? [];
  const by = other.length > 0 && prng.below(2) === 0 ? prng.pick(other) : prng.pick(nasty);
  return lines.with(at, replaceOne(prng, lines[at]!, WORD, by));
}

function mark(prng: Prng, lines: readonly string[], at: number): string[] {
  const line = lines[at]!;
  const place = prng.below(line.length + 1);
  return lines.with(at, `${line.slice(0, place)}${prng.pick(nasty)}${line.slice(place)}`);
}

function cut(prng: Prng, lines: readonly string[], at: number): string[] {
  return lines.with(at, lines[at]!.slice(0, prng.below(lines[at]!.length + 1)));
}

function spliced(prng: Prng, lines: readonly string[], at: number): string[] {
  const [line, other] = [lines[at]!, prng.pick(lines)];
  const place = prng.below(line.length + 1);
  return lines.with(at, line.slice(0, place) + other.slice(prng.below(other.length + 1)));
}

function missing(_prng: Prng, lines: readonly string[], at: number): string[] {
  return lines.length > 1 ? lines.toSpliced(at, 1) : [...lines];
}

function twice(prng: Prng, lines: readonly string[], at: number): string[] {
  return lines.toSpliced(prng.below(lines.length + 1), 0, lines[at]!);
}

function swapped(prng: Prng, lines: readonly string[], at: number): string[] {
  const other = prng.below(lines.length);
  return lines.with(at, lines[other]!).with(other, lines[at]!);
}

function long(prng: Prng, lines: readonly string[], at: number): string[] {
  return lines.with(at, lines[at]! + prng.pick(nasty).repeat(1 << prng.below(15)));
}

function nested(prng: Prng, lines: readonly string[], at: number): string[] {
  const depth = 1 << prng.below(14);
  const value =
    prng.below(2) === 0 ? ['['.repeat(depth), ']'.repeat(depth)] : ['{"a":'.repeat(depth), '}'.repeat(depth)];
  return lines.with(at, replaceOne(prng, lines[at]!, NUMBER, `${value[0]}1${value[1]}`));
}

const changes: readonly Change[] = [
  number,
  number,
  number,
  word,
  word,
  mark,
  cut,
  spliced,
  missing,
  twice,
  swapped,
  long,
  nested,
];

/** One of the matches replaced; the text as it is when there is none. */
function replaceOne(prng: Prng, text: string, pattern: RegExp, by: string): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const match = prng.pick(matches);
  return text.slice(0, match.index) + by + text.slice(match.index + match[0].length);
}
