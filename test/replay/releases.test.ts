import { describe, expect, it } from 'vitest';
import { acrossReleases, releasesOf } from '../../replay/run/releases.js';
import { whatIf } from '../../replay/run/what-if.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { changeNames, changeOf, hasChange, type Project, projects } from '../../src/policy/has.js';
import type { Switches } from '../../src/policy/switches.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';
import type { Env } from '../../src/state/env.js';

interface Recorded {
  readonly env: Env;
  readonly events: readonly TraceEvent[];
  /** Everything that happens under other releases, as text. */
  run(switches: Switches): string;
}

function recorded(name: string): Recorded {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (some) => events.push(...some));
  return {
    env,
    events,
    run(switches) {
      const out: string[] = [];
      whatIf(env, env.policies, [events], {
        switches,
        append: (some) => out.push(...some.map(({ kind, by, data }) => JSON.stringify([kind, by, data]))),
        deviceModels: scenario.deviceModels?.({ ...env, switches }) ?? [],
      });
      return out.join('\n');
    },
  };
}

const across = ({ env, events }: Recorded, project: Project) =>
  acrossReleases(env, project, (other) => whatIf(env, env.policies, [events], other));

const small = [
  'two-bridges-swapped',
  'xen-without-pci',
  'removal-behind-smmuv3-stops-xen',
  'stable-update-renumbers',
  'vmd-truncated-domain',
  'virtual-function-without-its-pf',
  'failed-to-add-passthrough-or-msi',
];

describe.each(small)('%s under every modelled release', (name) => {
  const trace = recorded(name);

  it.each(projects)(
    'of %s ends otherwise exactly where the table has a change that explains it',
    (project) => {
      const ranges = across(trace, project);
      const all = releasesOf(project);
      let before: string | null = null;
      for (const release of all) {
        // Every release by itself, nothing remembered.
        const text = trace.run({ ...trace.env.switches, [project]: release } as Switches);
        const starts = ranges.some(({ from }) => from === release);
        expect([release, before === null || text !== before]).toEqual([release, starts]);
        before = text;
      }
      for (const [i, { from, by }] of ranges.entries()) {
        if (i === 0) continue;
        expect(by.length).toBeGreaterThan(0);
        const previous = ranges[i - 1]!.to;
        for (const { name: change, gone } of by) {
          const has = (release: string): boolean =>
            hasChange(
              { ...trace.env, switches: { ...trace.env.switches, [project]: release } as Switches },
              project,
              changeOf(change),
            );
          expect([has(previous), has(from)]).toEqual([gone, !gone]);
        }
      }
    },
  );
});

describe('the change that makes a difference', () => {
  it.each<[string, Project, readonly (readonly [string, readonly string[]])[]]>([
    ['xen-without-pci', 'xen', [['4.21.0', ['arm-knows-pci', 'arm-pci-by-iommu-alone']]]],
    ['stable-update-renumbers', 'linux', [['6.1.136', ['segments-by-ida']]]],
    [
      'permission-survives-detach',
      'xen',
      ['4.17.6', '4.18.0', '4.18.6', '4.19.0', '4.19.4', '4.20.0', '4.20.2'].map(
        (release) => [release, ['libxl-whole-bar-addresses']] as const,
      ),
    ],
  ])('for %s, %s: %j', (name, project, expected) => {
    const found = across(recorded(name), project)
      .slice(1)
      .map(({ from, by }) => [from, by.map(({ name: change }) => change).sort()]);
    expect(found).toEqual(expected);
  });

  it('runs a set of changes once, however many releases have it', () => {
    const trace = recorded('two-bridges-swapped');
    const sets = new Set(
      releasesOf('xen').map((release) =>
        changeNames('xen')
          .filter((change) =>
            hasChange(
              { ...trace.env, switches: { ...trace.env.switches, xen: release } as Switches },
              'xen',
              changeOf(change),
            ),
          )
          .join(),
      ),
    );
    let runs = 0;
    acrossReleases(trace.env, 'xen', (other) => {
      runs += other.toggled === undefined ? 1 : 0;
      return whatIf(trace.env, trace.env.policies, [trace.events], other);
    });
    expect(runs).toBe(sets.size);
  });
});
