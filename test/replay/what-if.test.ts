import { describe, expect, it } from 'vitest';
import { whatIf } from '../../replay/run/what-if.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';
import { choosePolicies } from '../../src/state/trace-env.js';

function run(name: string, policies: Record<string, string>) {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => events.push(...batch));
  return whatIf(env, choosePolicies(policies, env.policies), [events]);
}

const codes = ({ findings }: ReturnType<typeof run>): string[] => [
  ...new Set(findings.map(({ rule }) => rule)),
];

describe('what-if', () => {
  it('changes nothing under the recorded design', () => {
    expect(run('two-bridges-swapped', {})).toMatchObject({ changed: 0, firstDivergence: null, accesses: [] });
  });

  it('finds nothing wrong once Dom0 tells Xen its numbers', () => {
    const result = run('two-bridges-swapped', { 'segments.xen': 'told-by-dom0' });
    expect(codes(result)).toEqual([]);
    expect(result.changed).toBeGreaterThan(0);
  });

  it('finds nothing wrong once Xen writes its numbers into the tree of Dom0', () => {
    expect(codes(run('iommu-on-passthrough-off', { 'pci-passthrough': 'on' }))).toEqual([]);
  });

  it('says per access who answered in each run', () => {
    const { accesses } = run('two-bridges-swapped', { 'segments.xen': 'told-by-dom0' });
    const lost = accesses.find(({ recorded }) => recorded.includes('no interrupt'));
    expect(lost?.variant).toContain('interrupt');
  });

  it('lets names follow their meaning when the other design numbers Dom0 otherwise', () => {
    // Under the counter rule the bridge bound again is segment 2: its add must say 2, not the recorded number.
    const result = run('stable-update-renumbers', { 'segments.dom0': 'counter' });
    expect(result.findings.some(({ rule, message }) => rule === 'SEG-002' && message.includes('0002:'))).toBe(
      true,
    );
  });
});
