import { produce } from 'immer';
import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { scenarios } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';
import { evolve, initialWorld, type World } from '../../src/state/world.js';

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_name, scenario) => {
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  const live = () => {
    events.length = 0;
    runScenario(scenario, env, 1, (batch) => events.push(...batch));
  };

  it('folds to one state under immer and on plain data, and immer leaves every older state alone', () => {
    live();
    const plain = initialWorld(env);
    let kept: World = initialWorld(env);
    const history: { readonly state: World; readonly text: string }[] = [];
    // One recipe a block, as everywhere where states are kept; each kept state is frozen by immer.
    const block = Math.max(1, Math.ceil(events.length / 8));
    for (let at = 0; at < events.length; at += block) {
      const part = events.slice(at, at + block);
      for (const event of part) evolve(plain, event, env);
      kept = produce(kept, (draft) => {
        for (const event of part) evolve(draft as World, event, env);
      });
      history.push({ state: kept, text: JSON.stringify(kept) });
    }
    expect(kept).toEqual(plain);
    for (const { state, text } of history) expect(JSON.stringify(state)).toBe(text);
  });
});

describe('immer', () => {
  it('freezes what it keeps, so that a recipe that writes into an old state would throw', () => {
    const frozen = produce({ list: [1] }, (draft) => void draft.list.push(2));
    expect(Object.isFrozen(frozen.list)).toBe(true);
  });
});
