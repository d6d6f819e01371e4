import type { FieldValue } from './field.js';
import type { Message, Wording } from './message.js';
import { gistOf, readTemplate, type Template, template, withoutDevice } from './template.js';

/** A message a line was recognised as. */
export interface Found<Id extends string = string> {
  readonly id: Id;
  readonly message: Message;
  readonly wording: Wording;
  readonly fields: ReadonlyMap<string, FieldValue>;
  /** `exact`: the line is the message. `within`: it holds it. `numbers`: its words are. `similar`: about its words. */
  readonly how: 'exact' | 'within' | 'numbers' | 'similar';
  /** 0 to 1; 1 for all but `similar`. */
  readonly similarity: number;
  /** How many letters of the line are the message's own. */
  readonly weight: number;
}

interface Entry<Id extends string> {
  readonly id: Id;
  readonly message: Message;
  readonly wording: Wording;
  readonly template: Template;
}

/** A shorter message is looked for as a whole line only: its few words stand in many others. */
const LIGHT = 12;

/** Below this, two texts have a few words in common and no more. */
const SIMILAR = 0.62;

/** Finds messages in lines. @cost a line: its words looked up, then one or two patterns */
export class MessageIndex<Id extends string> {
  readonly #entries: Entry<Id>[] = [];
  readonly #byAnchor = new Map<string, Entry<Id>[]>();
  readonly #unanchored: Entry<Id>[] = [];
  readonly #byGist = new Map<string, Entry<Id>>();

  constructor(catalogue: Readonly<Record<Id, Message>>) {
    for (const [id, message] of Object.entries(catalogue) as [Id, Message][]) {
      for (const text of message.texts) {
        const wording = typeof text === 'string' ? { text } : text;
        const entry = { id, message, wording, template: template(wording.text, message.ofDevice === true) };
        this.#entries.push(entry);
        const { anchor, gist } = entry.template;
        if (anchor === null) this.#unanchored.push(entry);
        else this.#byAnchor.set(anchor, [...(this.#byAnchor.get(anchor) ?? []), entry]);
        if (!this.#byGist.has(gist)) this.#byGist.set(gist, entry);
      }
    }
  }

  /** The message a line is, or holds; null when it is none. The longest one where several fit. */
  find(line: string): Found<Id> | null {
    const candidates = this.#candidates(line);
    return this.#longest(candidates, line, 'whole') ?? this.#longest(candidates, line, 'within');
  }

  /** How much of a line a message is, for whoever puts broken lines together: 0 for none, more for more words. */
  score(line: string): number {
    const found = this.find(line);
    return found === null ? 0 : found.weight + (found.how === 'exact' ? 0.5 : 0);
  }

  /** As `find`; then with numbers left out of account; then by likeness. Best first, at most `most`. */
  alike(line: string, most = 3): readonly Found<Id>[] {
    const found = this.find(line);
    if (found !== null) return [found];
    const gist = gistOf(withoutDevice(line));
    const same = this.#byGist.get(gist);
    if (same !== undefined) return [loose(same, 'numbers', 1)];
    const words = pairsOf(gist);
    return this.#entries
      .map((entry) => ({ entry, similarity: likeness(words, pairsOf(entry.template.gist)) }))
      .filter(({ similarity }) => similarity >= SIMILAR)
      .sort((a, b) => b.similarity - a.similarity || (a.entry.id < b.entry.id ? -1 : 1))
      .filter(({ entry }, i, all) => all.findIndex((other) => other.entry.id === entry.id) === i)
      .slice(0, most)
      .map(({ entry, similarity }) => loose(entry, 'similar', similarity));
  }

  #candidates(line: string): readonly Entry<Id>[] {
    const words = new Set(line.toLowerCase().match(/[a-z]{3,}/g) ?? []);
    const entries = [...this.#unanchored];
    for (const word of words) {
      const anchored = this.#byAnchor.get(word);
      if (anchored !== undefined) entries.push(...anchored);
    }
    return entries;
  }

  #longest(candidates: readonly Entry<Id>[], line: string, where: 'whole' | 'within'): Found<Id> | null {
    let best: Found<Id> | null = null;
    for (const { id, message, wording, template: of } of candidates) {
      const { weight } = of;
      if ((best !== null && weight <= best.weight) || (where === 'within' && weight < LIGHT)) continue;
      const fields = readTemplate(of, line, where);
      if (fields === null) continue;
      const how = where === 'whole' ? 'exact' : 'within';
      best = { id, message, wording, fields, how, similarity: 1, weight };
    }
    return best;
  }
}

function loose<Id extends string>(
  entry: Entry<Id>,
  how: 'numbers' | 'similar',
  similarity: number,
): Found<Id> {
  const { id, message, wording, template: of } = entry;
  return { id, message, wording, fields: new Map(), how, similarity, weight: of.weight };
}

/** Words and pairs of neighbouring words; numbers count for nothing. */
function pairsOf(gist: string): ReadonlyMap<string, number> {
  const words = gist.split(' ').filter((word) => word !== '#' && word !== '');
  const pieces = new Map<string, number>();
  words.forEach((word, i) => {
    pieces.set(word, (pieces.get(word) ?? 0) + 1);
    if (i > 0) {
      const pair = `${words[i - 1]} ${word}`;
      pieces.set(pair, (pieces.get(pair) ?? 0) + 1);
    }
  });
  return pieces;
}

/** Dice's coefficient of two bags. */
function likeness(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let shared = 0;
  let total = 0;
  for (const [piece, n] of a) {
    shared += Math.min(n, b.get(piece) ?? 0);
    total += n;
  }
  for (const n of b.values()) total += n;
  return total === 0 ? 0 : (2 * shared) / total;
}
