import { describe, expect, it } from 'vitest';
import { worldBefore } from '../../replay/seek/timeline.js';
import { creator } from '../../src/base/release.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { blockEvents } from '../../src/log/block-encode.js';
import { TraceReader } from '../../src/log/reader.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
import { TraceWriter } from '../../src/log/writer.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv, scenarioHeader } from '../../src/scenarios/run.js';

const scenario = findScenario('guest-boot-1000')!;
const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });

/** A trace of two blocks with a snapshot between them that says something no fold would. */
function traceBy(writtenBy: string): TraceReader {
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => {
    if (events.length < 2 * blockEvents) events.push(...batch);
  });
  const store = new MemoryStore();
  const header = { ...scenarioHeader(scenario, env, 1), creator: writtenBy };
  const writer = new TraceWriter(store.create('t'), header, { snapshot: () => ({ from: 'snapshot' }) });
  writer.appendAll(events.slice(0, 2 * blockEvents));
  writer.finish();
  return TraceReader.open(store.open('t'));
}

describe('the world at an event', () => {
  it('comes from a snapshot of this release', () => {
    expect(worldBefore(traceBy(creator), env, blockEvents)).toEqual({ from: 'snapshot' });
  });

  it('is folded anew where another release wrote the snapshot', () => {
    expect(Object.keys(worldBefore(traceBy('xpr 0.0.1'), env, blockEvents))).toContain('xen');
  });
});
