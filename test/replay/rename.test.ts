import { describe, expect, it } from 'vitest';
import { whatIf } from '../../replay/run/what-if.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import type { RecordObject } from '../../src/events/field.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';

const scenario = findScenario('two-bridges-swapped')!;
const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });

/** As the structure's members without the union around them. */
function flat(event: TraceEvent): TraceEvent {
  if (event.kind !== 'hypercall.issued') return event;
  const { pci, ...rest } = event.data.args;
  if (typeof pci !== 'object' || pci === null) return event;
  return { ...event, data: { ...event.data, args: { ...rest, ...(pci as RecordObject) } } };
}

describe('names of devices under another numbering', () => {
  it('are found in a domctl whether its arguments are flat or not', () => {
    const events: TraceEvent[] = [];
    runScenario(scenario, env, 1, (batch) => {
      events.push(...batch);
    });
    const other = { ...env.policies, 'segments.dom0': 'firmware' } as const;
    const nested = whatIf(env, other, [events]);
    const told = whatIf(env, other, [events.map(flat)]);
    expect(nested.changed).toBeGreaterThan(0);
    expect(told.changed).toBe(nested.changed);
  });
});
