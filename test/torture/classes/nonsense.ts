import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { Prng } from '../../../src/base/prng.js';
import { kindOf, type TraceEvent } from '../../../src/events/catalogue.js';
import type { TraceHeader } from '../../../src/log/header.js';
import { TraceReader } from '../../../src/log/reader.js';
import { bytesSource, MemoryStore } from '../../../src/log/stores/memory-store.js';
import { TraceWriter } from '../../../src/log/writer.js';
import { anyEvents } from '../../log/arbitrary-events.js';
import { anyValue, nonsense } from '../../state/nonsense.js';
import { askAbout } from '../foreign.js';
import type { TortureClass } from '../torture-class.js';

export const senseless: TortureClass = {
  name: 'nonsense',
  doc: 'well-formed events that no machine made, and recordings with events changed, moved or missing',
  prepare(prng, workshop) {
    const beside = prng.pick(workshop.corpus.traces());
    const reader = TraceReader.open(bytesSource(readFileSync(beside)));
    const told =
      prng.below(2) === 0
        ? retold(prng, [...reader.readEvents()])
        : prng.below(2) === 0
          ? drawn(prng)
          : anything(prng);
    const bytes = written(reader.header, told);
    return {
      about: `${told.length} events`,
      inputs: { 't.xpr': bytes },
      run: askAbout(prng, workshop, { bytes, beside, events: told.length }),
    };
  },
};

/** Events that are likely to meet one another: few names, small numbers. */
const drawn = (prng: Prng): TraceEvent[] =>
  Array.from({ length: 1 + prng.below(300) }, (_, seq) => nonsense(prng, seq));

/** Events with any text and number a field can have. */
const anything = (prng: Prng): TraceEvent[] =>
  fc.sample(anyEvents({ maxLength: 120 }), { seed: prng.u32() | 0, numRuns: 1 })[0] ?? [];

function written(header: TraceHeader, told: readonly TraceEvent[]): Uint8Array {
  const store = new MemoryStore();
  const writer = new TraceWriter(store.create('t'), header);
  writer.appendAll(told);
  writer.finish();
  const source = store.open('t');
  return source.read(0, source.sizeBytes);
}

/** A recording with some of its events changed in a field, doubled, left out, or in another place. */
function retold(prng: Prng, events: readonly TraceEvent[]): TraceEvent[] {
  let told: readonly TraceEvent[] = events;
  for (let left = 1 + prng.below(6); left > 0 && told.length > 1; left--) {
    const [at, other] = [prng.below(told.length), prng.below(told.length)];
    const event = told[at]!;
    switch (prng.below(6)) {
      case 0:
        told = told.toSpliced(at, 1);
        break;
      case 1:
        told = told.toSpliced(other, 0, event);
        break;
      case 2:
        told = told.with(at, told[other]!).with(other, event);
        break;
      default:
        told = told.with(at, otherwise(prng, event));
    }
  }
  return renumbered(told);
}

function otherwise(prng: Prng, event: TraceEvent): TraceEvent {
  const fields = Object.entries(kindOf(event.kind).fields);
  if (fields.length === 0) return event;
  const [name, field] = prng.pick(fields);
  return { ...event, data: { ...event.data, [name]: anyValue(prng, field) } } as unknown as TraceEvent;
}

/** Numbers in order; a cause that is not before its event any more is none. */
function renumbered(told: readonly TraceEvent[]): TraceEvent[] {
  const places = new Map<number, number>();
  return told.map((event, seq) => {
    const cause = event.cause === null ? null : (places.get(event.cause) ?? null);
    places.set(event.seq, seq);
    return { ...event, seq, cause } as unknown as TraceEvent;
  });
}
