import type { EventSeq, TraceNs } from '../base/brand.js';
import { Trouble } from '../base/errors.js';
import { limits } from '../base/limits.js';
import type { DataOf, InputDraft, TraceEvent } from '../events/catalogue.js';
import type { RecordObject } from '../events/field.js';
import type { Provenance, TraceHeader } from '../log/header.js';
import { Engine } from '../models/engine.js';
import { functionId } from '../pci/function-id.js';
import type { Platform } from '../platform/platform.js';
import type { Env } from '../state/env.js';
import { envOf } from '../state/trace-env.js';
import { evolve } from '../state/world.js';
import { type Contradictions, Machine } from './assemble.js';
import { Feed, type Item, type Source } from './feed.js';
import { type Counts, type MachineFact, Told } from './importer.js';

/** What several files make together. */
export interface Merged {
  readonly header: TraceHeader<Platform>;
  /** Numbered events in batches, once. Reads the files as it is asked. */
  events(): AsyncGenerator<readonly TraceEvent[]>;
  /** Of each file, in the order given; whole when the events have been read. */
  counts(): readonly FileCounts[];
  /** What one of our own traces says of where it came from; null when there is none. */
  readonly recordedSources: readonly Provenance[] | null;
}

/** What became of one file. */
export interface FileCounts extends Counts {
  readonly file: string;
  readonly format: string;
  readonly timesBack: number;
}

const BATCH = 4_096;

/**
 * Makes one trace of several files: each is read far enough for its facts about the machine, which give the header;
 * then their events are taken in the order of time, numbered, and handed to the models where those decide.
 * @param ahead Events of each file that are waited for before the header is made.
 * @param contradictions Whether files that say different things about the machine are refused.
 * @throws {Trouble} IMP-002, IMP-005, IMP-006, and whatever the importers say, with the file named
 * @cost Memory: `ahead` events and one piece of each file
 */
export async function merge(
  sources: readonly Source[],
  ahead: number = limits.importAheadEvents,
  contradictions: Contradictions = 'refused',
): Promise<Merged> {
  const machine = new Machine(contradictions);
  const feeds = sources.map((source) => new Feed(source, machine));
  const first = feeds.filter(({ source }) => source.format.describesMachine === true);
  for (const feed of [...first, ...feeds.filter((one) => !first.includes(one))])
    await named(feed, () => feed.fill(ahead));
  const header = machine.close(sources.map(({ file }) => file));
  return {
    header,
    recordedSources: machine.recordedSources,
    events: () => merged(feeds, header, contradictions),
    counts: () =>
      feeds.map((feed) => ({
        file: feed.file,
        format: feed.source.format.name,
        ...feed.counts,
        timesBack: feed.timesBack,
      })),
  };
}

async function* merged(
  feeds: readonly Feed[],
  header: TraceHeader,
  contradictions: Contradictions,
): AsyncGenerator<readonly TraceEvent[]> {
  const zeroNs = contradictions === 'told' ? near(zeros(feeds)) : zeros(feeds);
  const numbering = new Numbering(header);
  try {
    for (;;) {
      let best: Feed | null = null;
      let bestNs = Number.POSITIVE_INFINITY;
      for (let i = 0; i < feeds.length; i++) {
        const item = feeds[i]!.peek();
        if (item === null || zeroNs[i]! + item.atNs >= bestNs) continue;
        best = feeds[i]!;
        bestNs = zeroNs[i]! + item.atNs;
      }
      if (best === null) break;
      const feed = best;
      numbering.take(feed.peek()!, time(bestNs, feed));
      feed.take();
      if (feed.peek() === null) await named(feed, () => feed.fill());
      if (numbering.events.length >= BATCH) yield numbering.taken();
    }
    yield numbering.taken();
  } finally {
    for (const feed of feeds) await feed.close();
  }
}

/** What each file's times count from, in nanoseconds of the trace. */
function zeros(feeds: readonly Feed[]): number[] {
  const never = Number.POSITIVE_INFINITY;
  const earliest = { wall: never, boot: never, linux: never, tsc: never };
  for (const { clockOf: clock } of feeds)
    if (clock !== null && clock.is !== 'own') earliest[clock.is] = Math.min(earliest[clock.is], clock.zeroUs);
  return feeds.map(({ clockOf: clock }) =>
    clock === null || clock.is === 'own' ? 0 : (clock.zeroUs - earliest[clock.is]) * 1_000,
  );
}

/** Some 52 days: what is further from the first log is of another time, and then nobody knows how they lie. */
const FAR_NS = 2 ** 52;

/** Of logs that may be of different times, those too far from the first begin together with it. */
const near = (zeroNs: readonly number[]): number[] => zeroNs.map((ns) => (ns < FAR_NS ? ns : 0));

function time(ns: number, { source }: Feed): TraceNs {
  if (Number.isSafeInteger(ns) && ns >= 0) return ns as TraceNs;
  throw new Trouble('IMP-006', 'a time is too far from the first one', {
    file: source.file,
    expected: 'at most 2^53 nanoseconds, some 104 days',
    actual: `${ns} ns`,
    hint: 'the files are of different times, or a time in one of them is wrong',
  });
}

async function named(feed: Feed, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw error instanceof Trouble ? error.inFile(feed.source.file) : error;
  }
}

/** Gives events their numbers, once, and lets the models decide where a source leaves that to them. */
class Numbering {
  events: TraceEvent[] = [];
  readonly #env: Env;
  #nextSeq = 0;
  /** Holds the world that all events so far have made. */
  #engine: Engine;

  constructor(header: TraceHeader) {
    this.#env = envOf(header);
    this.#engine = new Engine(this.#env);
  }

  taken(): readonly TraceEvent[] {
    const { events } = this;
    this.events = [];
    return events;
  }

  take(item: Item, atNs: TraceNs): void {
    switch (item.is) {
      case 'recorded':
        this.#nextSeq += 1;
        this.events.push(item.event);
        return;
      case 'fact':
        this.#decide({ ...telling(item.fact), atNs });
        return;
      case 'event': {
        const { kind, by, origin, cause, data } = item.draft;
        const seq = this.#nextSeq++ as EventSeq;
        item.told.seq = seq;
        const event = { seq, atNs, kind, origin, by, cause: cause?.seq ?? null, data: numbered(data) };
        this.events.push(event as unknown as TraceEvent);
        evolve(this.#engine.state, event as unknown as TraceEvent, this.#env);
        return;
      }
      case 'input': {
        const events = this.#decide({ ...item.draft, atNs });
        for (const next of item.follow?.(events) ?? []) this.#decide({ ...next, atNs });
        return;
      }
    }
  }

  #decide(draft: InputDraft): readonly TraceEvent[] {
    // An engine numbers what follows from its own inputs; others have come in between.
    if (this.#engine.nextSeq !== this.#nextSeq)
      this.#engine = new Engine(this.#env, this.#engine.state, this.#nextSeq);
    const events = this.#engine.step(draft);
    this.#nextSeq = this.#engine.nextSeq;
    for (const event of events) this.events.push(event);
    return events;
  }
}

/** The payload with the numbers of the events it names. */
function numbered(data: object): object {
  const fields = Object.entries(data);
  if (!fields.some(([, value]) => value instanceof Told)) return data;
  return Object.fromEntries(fields.map(([name, value]) => [name, value instanceof Told ? value.seq : value]));
}

/** The event that tells a fact the header cannot tell any more, or never does. */
function telling(fact: MachineFact): InputDraft {
  const told = (
    data: Partial<DataOf<'machine.told'>> & Pick<DataOf<'machine.told'>, 'what'>,
  ): InputDraft => ({
    kind: 'machine.told',
    by: 'xpr',
    origin: 'observed',
    data: { of: '', function: null, text: '', details: {}, ...data },
  });
  switch (fact.is) {
    case 'platform':
      return told({ what: 'platform', text: fact.platform.name });
    case 'header':
      return told({ what: 'platform', text: fact.header.platform.name });
    case 'name':
      return told({ what: 'name', text: fact.name });
    case 'arch':
      return told({ what: 'arch', text: fact.arch });
    case 'function':
      return told({
        what: 'function',
        of: fact.name,
        function: functionId(fact.bridge, fact.bdf),
        details: registersOf(fact.config),
      });
    case 'window': {
      const { space, prefetchable, pciAddress, sizeBytes } = fact.window;
      return told({ what: 'window', details: { space, prefetchable, pciAddress, sizeBytes } });
    }
    case 'x86':
      return told({ what: 'tables', text: JSON.stringify(fact.facts) });
    case 'release':
      return told({ what: 'release', of: fact.of, text: fact.release });
    case 'command-line':
      return told({ what: 'command-line', of: fact.of, text: fact.text });
  }
}

/** Dwords that are not 0, by offset. */
function registersOf(config: Uint8Array): RecordObject {
  const view = new DataView(config.buffer, config.byteOffset, config.byteLength);
  const registers: Record<string, number> = {};
  for (let at = 0; at + 4 <= config.length; at += 4) {
    const value = view.getUint32(at, true);
    if (value !== 0) registers[String(at)] = value;
  }
  return registers;
}
