import { describe, expect, it } from 'vitest';
import { acrossReleases, releasesOf } from '../../replay/run/releases.js';
import { whatIf } from '../../replay/run/what-if.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { changeNames, changeOf, hasChange, projects } from '../../src/policy/has.js';
import { scenarios } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';

/** Events above which a scenario waits for the nightly run, which takes all of them. */
const MOST_EVENTS = process.env['XPR_EVERY_SCENARIO'] === '1' ? Number.POSITIVE_INFINITY : 80;

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_, scenario) => {
  it('ends otherwise from one release to the next only by changes of the table', (test) => {
    const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
    const events: TraceEvent[] = [];
    runScenario(scenario, env, 1, (some) => events.push(...some));
    if (events.length > MOST_EVENTS) return test.skip();
    for (const project of projects) {
      const carries = (release: string, name: Parameters<typeof changeOf>[0]): boolean =>
        hasChange(
          { ...env, switches: { ...env.switches, [project]: release } as never },
          project,
          changeOf(name),
        );
      const ranges = acrossReleases(env, project, (other) => whatIf(env, env.policies, [events], other));
      expect(ranges[0]?.from).toBe(releasesOf(project)[0]);
      expect(ranges.at(-1)?.to).toBe(releasesOf(project).at(-1));
      for (const [i, { from, by }] of ranges.entries()) {
        if (i === 0) continue;
        const before = ranges[i - 1]!.to;
        // Every step has a reason, and every reason is a row that came or went there.
        expect([from, by.length > 0]).toEqual([from, true]);
        const moved = changeNames(project).filter((name) => carries(before, name) !== carries(from, name));
        for (const { name, gone } of by) {
          expect(moved).toContain(name);
          expect(carries(before, name)).toBe(gone);
        }
      }
    }
  }, 900_000);
});
