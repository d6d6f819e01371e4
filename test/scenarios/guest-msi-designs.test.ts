import { describe, expect, it } from 'vitest';
import { whatIf } from '../../replay/run/what-if.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';

function record(name: string) {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => events.push(...batch));
  return { env, events };
}

/** Rules a design gives on the recorded inputs. */
function rulesUnder(name: string, policies: Readonly<Record<string, string>>): string[] {
  const { env, events } = record(name);
  const result = whatIf(env, { ...env.policies, ...policies }, [events]);
  return [...new Set(result.findings.map(({ rule }) => rule))];
}

describe('the three designs of 2017 on one run (facts/arm-msi-iommu 5.3, 9)', () => {
  it.each([
    ['M1 with a mapped doorbell: the attack is found', {}, ['MSI-004', 'MSI-001', 'MSI-003']],
    [
      'M1 without a mapping: no attack, and no interrupt either',
      { doorbell: 'unmapped-smmu-abort' },
      ['MSI-002'],
    ],
    [
      'M3: no attack; vectors that share an address lose their interrupts',
      { 'guest-msi': 'fault', doorbell: 'unmapped-smmu-abort' },
      ['MSI-002'],
    ],
    ['an ITS: the DeviceID of the attacker owns no such event', { msi: 'its' }, ['MSI-004']],
  ])('%s', (_name, policies, expected) => {
    expect(rulesUnder('msi-forged-event', policies)).toEqual(expected);
  });

  it('in an NWL bridge no mapping helps: the doorbell stands before the SMMU', () => {
    expect(rulesUnder('nwl-shared-doorbell', { doorbell: 'unmapped-smmu-abort' })).toEqual([
      'MSI-004',
      'MSI-001',
      'MSI-003',
    ]);
    expect(rulesUnder('nwl-shared-doorbell', { 'nwl-doorbell': 'behind-smmu' })).not.toContain('MSI-003');
  });
});
