import { describe, expect, it } from 'vitest';
import { whatIf } from '../../replay/run/what-if.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import type { Policies } from '../../src/policy/axes.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';

/** Steps of a scenario's life cycle in which a device sent something, under other policies. */
function requests(name: string, policies: Partial<Policies>): readonly string[] {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => events.push(...batch));
  const { steps } = whatIf(env, { ...env.policies, ...policies }, [events]);
  return steps.flatMap(({ title, report }) => report.dma.map((line) => `${title}: ${line}`));
}

const disk = 'dead-disk-after-assignable-remove';
const boot = 'the system boots: 0000:01:00.0 memory of d0';
const removed = 'assignable-remove 0000:01:00.0: 0000:01:00.0';
const cards = 'two-guests-behind-one-pci-bridge';

describe('requests of devices stand under the command they follow', () => {
  it.each([
    [disk, {}, [boot, boot, `${removed} fault: no entry`, `${removed} fault: no entry`]],
    [
      disk,
      { quarantine: 'scratch-page' },
      [boot, boot, ...Array(2).fill(`${removed} swallowed by the scratch page`)],
    ],
    [disk, { assignable: 'pciback' }, [boot, boot, `${removed} memory of d0`, `${removed} memory of d0`]],
    [
      disk,
      { iommu: 'off' },
      [boot, boot, `${removed} memory of d0`, `${removed} memory of d0`].map(
        (line) => `${line}, untranslated`,
      ),
    ],
    [
      cards,
      {},
      [
        'd1 connects: 0000:07:01.0 memory of d1',
        'd2 connects: 0000:07:01.0 fault: not in the tables of d2',
        'd2 connects: 0000:07:01.0 memory of d2',
        'detach d2 0000:07:02.0: 0000:07:01.0 fault: no entry',
      ],
    ],
    [
      'pte-write-access-is-not-set',
      { iommu: 'off' },
      Array(13).fill('d1 connects: 0000:04:00.0 not sent: no bus mastering'),
    ],
  ] as const)('%s %o', (name, policies, expected) => {
    expect(requests(name, policies)).toEqual(expected);
  });
});
