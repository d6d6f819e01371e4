import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/events/catalogue.js';
import type { Policies } from '../../src/policy/axes.js';
import { Judge } from '../../src/rules/judge.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';

/** What ASG-016 says of a scenario under other policies, without the device's name. */
function said(name: string, policies: Partial<Policies>): readonly string[] {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, {
    seed: 1,
    policies: { ...scenario.policies, ...policies } as Policies,
    switches: {},
    platform: null,
  });
  const judge = new Judge(env);
  runScenario(scenario, env, 1, (batch: readonly TraceEvent[]) => {
    for (const event of batch) judge.see(event);
  });
  return judge.findings
    .filter(({ rule }) => rule === 'ASG-016')
    .map(({ message }) => message.replace('0000:01:00.0', 'it'));
}

const under = 'it went into quarantine under nvme of d0';
const left = 'xl took it off the list and left it in quarantine, with nvme of d0 on it';
const faulted = 'a request of it for nvme of d0 faulted in quarantine';
const swallowed = 'a request of it for nvme of d0 ended in the scratch page';
const took = 'nvme of d0 took it, which is in quarantine';

describe('a host driver in quarantine (facts/xen 7.2, facts/dom0 8.4, 12.1)', () => {
  it.each([
    ['dead-disk-after-assignable-remove', { assignable: 'xen-flag' }, [under, left, faulted]],
    ['dead-disk-after-assignable-remove', { assignable: 'xenstore' }, [under, left, faulted]],
    ['dead-disk-after-assignable-remove', { quarantine: 'scratch-page' }, [under, left, swallowed]],
    ['dead-disk-after-assignable-remove', { quarantine: 'none' }, []],
    ['dead-disk-after-assignable-remove', { assignable: 'pciback' }, []],
    // The command gives it back though pciback has let go: no word of its second burst.
    ['rebound-by-hand-in-quarantine', {}, [took, faulted]],
    ['rebound-by-hand-in-quarantine', { quarantine: 'scratch-page' }, [took, swallowed]],
    ['dma-goes-on-after-detach', {}, []],
  ] as const)('%s %o', (name, policies, expected) => {
    expect(said(name, policies)).toEqual(expected);
  });
});
