import type { InputDraft, KindName, TraceEvent } from '../events/catalogue.js';
import type { Machine } from './assemble.js';
import { checkFits } from './fits.js';
import {
  type Clock,
  type Counts,
  type EventDraft,
  type Follow,
  type Format,
  type Importer,
  type MachineFact,
  type Out,
  Told,
} from './importer.js';

/** A file to read. */
export interface Source {
  /** As the user gave it, for errors and provenance. */
  readonly file: string;
  /** As events name it; the last part of `file` unless given. */
  readonly label?: string;
  readonly format: Format;
  /** Its bytes, unpacked, once. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** Something that is to become an event, in the order of its file. */
export type Item =
  | { readonly is: 'event'; readonly draft: EventDraft<KindName>; readonly told: Told; readonly atNs: number }
  | {
      readonly is: 'input';
      readonly draft: InputDraft;
      readonly follow: Follow | null;
      readonly atNs: number;
    }
  | { readonly is: 'fact'; readonly fact: MachineFact; readonly atNs: number }
  | { readonly is: 'recorded'; readonly event: TraceEvent; readonly atNs: number };

/**
 * One file on its way in: its bytes go to its importer, what that says waits here until its turn. Holds what one piece
 * of the file brought, never more.
 */
export class Feed implements Out {
  readonly source: Source;
  readonly counts: Counts = { records: 0, skipped: 0, lost: 0 };
  /** Events whose time was before that of the event before them; they stand at the later one. */
  timesBack = 0;
  clockOf: Clock | null = null;
  readonly #machine: Machine;
  readonly #importer: Importer;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #items: Item[] = [];
  #next = 0;
  #atNs = 0;
  #ended = false;

  constructor(source: Source, machine: Machine) {
    this.source = source;
    this.#machine = machine;
    this.#importer = source.format.open(this);
    this.#chunks = source.chunks()[Symbol.asyncIterator]();
  }

  /** The item whose turn is next; null when none is left. */
  peek(): Item | null {
    return this.#items[this.#next] ?? null;
  }

  take(): void {
    this.#next += 1;
  }

  /**
   * Reads on until `count` items wait, or the file has ended.
   * @throws {Trouble} whatever the importer says
   */
  async fill(count = 1): Promise<void> {
    while (!this.#ended && this.#items.length - this.#next < count) {
      if (this.#next >= this.#items.length) {
        this.#items = [];
        this.#next = 0;
      }
      const { value, done } = await this.#chunks.next();
      if (done === true) {
        this.#ended = true;
        this.#importer.end();
      } else {
        this.#importer.push(value);
      }
    }
  }

  /** Gives up on the file. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  clock(clock: Clock): void {
    this.clockOf ??= clock;
  }

  fact(fact: MachineFact): void {
    if (!this.#machine.learn(fact, this.source.file))
      this.#items.push({ is: 'fact', fact, atNs: this.#atNs });
  }

  told(fact: MachineFact): void {
    this.#items.push({ is: 'fact', fact, atNs: this.#atNs });
  }

  get file(): string {
    return this.source.label ?? this.source.file.replace(/^.*[/\\]/, '');
  }

  segment(segment: number): number | null {
    return this.#machine.segment(segment);
  }

  bridge(bridge: Parameters<Out['bridge']>[0]): number {
    return this.#machine.bridge(bridge, this.source.file);
  }

  event<K extends KindName>(draft: EventDraft<K>): Told {
    checkFits(draft.kind, draft.data);
    const told = new Told();
    this.#items.push({
      is: 'event',
      draft: draft as unknown as EventDraft<KindName>,
      told,
      atNs: this.#time(draft.atNs),
    });
    return told;
  }

  input(draft: InputDraft, follow?: Follow): void {
    checkFits(draft.kind, draft.data);
    this.#items.push({ is: 'input', draft, follow: follow ?? null, atNs: this.#time(draft.atNs) });
  }

  recorded(event: TraceEvent): void {
    this.#items.push({ is: 'recorded', event, atNs: event.atNs });
  }

  #time(atNs: number | undefined): number {
    if (atNs === undefined) return this.#atNs;
    if (atNs < this.#atNs) this.timesBack += 1;
    else this.#atNs = atNs;
    return this.#atNs;
  }
}
