import { levels } from '../../../replay/diff/levels.js';
import { exportNames } from '../../exporters/registry.js';
import { formats } from '../../importers/registry.js';
import { axes } from '../../policy/axes.js';
import { shownValues, switchTable } from '../../policy/switches.js';
import { rules } from '../../rules/index.js';
import { scenarios } from '../../scenarios/index.js';
import type { Verb } from '../verb.js';

/**
 * What the last word of a command line may become.
 * @param words The words after `xpr`, the last of them the one that is being typed.
 * @returns Whole words that begin with it, in the order of the help; none where a file may stand.
 */
export function completions(verbs: readonly Verb[], words: readonly string[]): readonly string[] {
  const typed = words.at(-1) ?? '';
  return candidates(verbs, words.slice(0, -1), typed).filter((word) => word.startsWith(typed));
}

function candidates(verbs: readonly Verb[], before: readonly string[], typed: string): readonly string[] {
  const verbAt = before.findIndex((word) => !word.startsWith('-'));
  if (verbAt < 0) return typed.startsWith('-') ? GENERAL : names(verbs).concat('help');
  const name = before[verbAt]!;
  if (name === 'help') return names(verbs);
  const verb = verbs.find((one) => nameOf(one) === name);
  if (verb === undefined) return [];
  const given = before.slice(verbAt + 1);
  const last = given.at(-1);
  const pending = last === undefined ? undefined : optionOf(verb, last);
  if (pending?.value === true) return valuesOf(pending.long, typed);
  if (typed.startsWith('-') && !given.includes('--')) return flagsLeft(verb, given);
  return argumentsOf(name, argumentsGiven(verb, given));
}

const GENERAL = ['--help', '--version', '--quiet'];
const nameOf = ({ usage }: Verb): string => usage.split(' ')[0]!;
const names = (all: readonly Verb[]): string[] => all.map(nameOf);

interface Option {
  readonly long: string;
  readonly words: readonly string[];
  /** It takes a value. */
  readonly value: boolean;
  readonly many: boolean;
}

const optionsOf = ({ options }: Verb): Option[] =>
  options.map(([flags, , many]) => {
    const words = flags.split(/, | /).filter((word) => word.startsWith('-'));
    return { long: words.at(-1)!, words, value: flags.includes('<'), many: many !== undefined };
  });

const optionOf = (verb: Verb, word: string): Option | undefined =>
  optionsOf(verb).find(({ words }) => words.includes(word));

/** Flags that may still be given, by their long names. */
const flagsLeft = (verb: Verb, given: readonly string[]): string[] => [
  ...optionsOf(verb)
    .filter(({ words, many }) => many || !words.some((word) => given.includes(word)))
    .map(({ long }) => long),
  '--help',
];

/** How many arguments that are no options stand before the word being typed. */
function argumentsGiven(verb: Verb, given: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < given.length; i++) {
    const word = given[i]!;
    if (!word.startsWith('-') || word === '-') count += 1;
    else if (optionOf(verb, word)?.value === true) i += 1;
  }
  return count;
}

const ruleCodes = (): string[] => rules.map(({ code }) => code);
const ruleFamilies = (): string[] => [...new Set(ruleCodes().map((code) => code.split('-')[0]!))];

function argumentsOf(verb: string, at: number): readonly string[] {
  if (at === 0) {
    if (verb === 'record' || verb === 'scenarios') return scenarios.map(({ name }) => name);
    if (verb === 'rules') return [...ruleFamilies(), ...ruleCodes()];
    if (verb === 'policies') return [...Object.keys(axes), ...Object.keys(switchTable)];
    if (verb === 'completion') return ['bash', 'zsh', 'fish'];
  }
  if (at === 1 && (verb === 'show' || verb === 'explain')) return ['first', 'last', ...ruleCodes()];
  return [];
}

function valuesOf(option: string, typed: string): readonly string[] {
  switch (option) {
    case '--policy':
      return pairs(axes, typed);
    case '--switch':
      return pairs(switchTable, typed);
    case '--rule':
      return [...ruleFamilies(), ...ruleCodes()];
    case '--level':
      return levels;
    case '--to':
      return exportNames;
    case '--format':
      return formats.map(({ name }) => name);
    case '--names':
      return ['dom0', 'xen'];
    case '--at':
    case '--diff':
      return ['first', 'last', ...ruleCodes()];
    default:
      return [];
  }
}

type Choice = Parameters<typeof shownValues>[0];

/** `name=` until there is one, then `name=value`. */
function pairs(table: Readonly<Record<string, Choice>>, typed: string): readonly string[] {
  const name = typed.includes('=') ? typed.slice(0, typed.indexOf('=')) : null;
  if (name === null) return Object.keys(table).map((one) => `${one}=`);
  return Object.hasOwn(table, name) ? shownValues(table[name]!).map((value) => `${name}=${value}`) : [];
}
