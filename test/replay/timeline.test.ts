import { describe, expect, it } from 'vitest';
import { worldBefore } from '../../replay/seek/timeline.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { blockEvents } from '../../src/log/block-encode.js';
import { TraceReader } from '../../src/log/reader.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
import { logTrouble } from '../../src/log/trouble.js';
import { TraceWriter } from '../../src/log/writer.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv, scenarioHeader } from '../../src/scenarios/run.js';
import { type StoredWorld, storedWorld } from '../../src/state/stored.js';
import { initialWorld } from '../../src/state/world.js';

const scenario = findScenario('guest-boot-1000')!;
const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });

/** A state of this build's shape that says something no fold would. */
const forged = { ...initialWorld(env), dom0: { ...initialWorld(env).dom0, counter: 77 } };

/** A trace of two blocks with a snapshot between them that says something no fold would. */
function traceWith(stored: StoredWorld): TraceReader {
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => {
    if (events.length < 2 * blockEvents) events.push(...batch);
  });
  const store = new MemoryStore();
  const writer = new TraceWriter(store.create('t'), scenarioHeader(scenario, env, 1), {
    snapshot: () => stored,
  });
  writer.appendAll(events.slice(0, 2 * blockEvents));
  writer.finish();
  return TraceReader.open(store.open('t'));
}

/** Of this build's shape, and such that the next access of the guest finds what no fold would have made. */
const malformed = (): StoredWorld => storedWorld({ ...forged, ioreq: { '1': 5 } } as never, env);
const other = (): StoredWorld => ({ ...storedWorld(forged, env), shape: 'another' });

describe('the world at an event', () => {
  it('comes from a snapshot of its shape', () => {
    expect(worldBefore(traceWith(storedWorld(forged, env)), env, blockEvents).dom0.counter).toBe(77);
  });

  it.each([
    ['no state at all', 'nothing'],
    ['a state without its subjects', { ...storedWorld(forged, env), world: { dom0: {} } }],
    ['a state that does not bear the events after it', malformed()],
  ])('is folded anew where the snapshot holds %s', (_name, stored) => {
    const said: number[] = [];
    const reader = traceWith(stored as StoredWorld);
    reader.leftAlone = (nextSeq) => said.push(nextSeq);
    const seq = 2 * blockEvents - 1;
    expect(worldBefore(reader, env, seq)).toEqual(worldBefore(traceWith(other()), env, seq));
    expect(said).toEqual([blockEvents]);
  });

  it('comes from an earlier snapshot where the nearest cannot be read', () => {
    const reader = traceWith(storedWorld(forged, env));
    const whole = reader.snapshot.bind(reader);
    reader.snapshot = (number) => {
      if (number === 1) throw logTrouble('LOG-004', '');
      return whole(number);
    };
    expect(worldBefore(reader, env, 2 * blockEvents).dom0.counter).toBe(77);
  });

  it('is folded anew where the snapshot has another shape', () => {
    expect(worldBefore(traceWith(other()), env, blockEvents).dom0.counter).not.toBe(77);
  });
});
