import { describe, expect, it } from 'vitest';
import { worldBefore } from '../../replay/seek/timeline.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { blockEvents } from '../../src/log/block-encode.js';
import { TraceReader } from '../../src/log/reader.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
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

describe('the world at an event', () => {
  it('comes from a snapshot of its shape', () => {
    expect(worldBefore(traceWith(storedWorld(forged, env)), env, blockEvents).dom0.counter).toBe(77);
  });

  it('is folded anew where the snapshot has another shape', () => {
    expect(
      worldBefore(traceWith({ ...storedWorld(forged, env), shape: 'another' }), env, blockEvents).dom0
        .counter,
    ).not.toBe(77);
  });
});
