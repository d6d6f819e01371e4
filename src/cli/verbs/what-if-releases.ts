import { presentChange } from '../../../replay/run/present-divergence.js';
import { acrossReleases, type ReleaseRange } from '../../../replay/run/releases.js';
import { whatIf } from '../../../replay/run/what-if.js';
import { changeOf, type Project, projects } from '../../policy/has.js';
import { findScenario } from '../../scenarios/index.js';
import { table } from '../../tell/table.js';
import { type ExitCode, print, printJson } from '../io.js';
import { batches, type OpenTrace, wholeTrace } from '../trace-file.js';

/** `what-if --releases`: where the recorded inputs end otherwise from one release to the next, and by which change. */
export function releases(trace: OpenTrace, options: Readonly<Record<string, unknown>>): ExitCode {
  const { env, reader } = trace;
  const scenario = reader.header.scenario === null ? undefined : findScenario(reader.header.scenario);
  const found = projects.map((project) => ({
    project,
    ranges: acrossReleases(env, project, (other) => {
      const result = whatIf(env, env.policies, batches(trace), {
        ...other,
        deviceModels: scenario?.deviceModels?.({ ...env, switches: other.switches ?? env.switches }) ?? [],
      });
      wholeTrace(result.events, trace);
      return result;
    }),
  }));
  if (options['json'] === true) {
    printJson({
      schema: 'what-if-releases/1',
      projects: found.map(({ project, ranges }) => ({
        project,
        ranges: ranges.map((range) => rangeJson(range, trace)),
      })),
    });
  } else {
    print(
      table([
        ['release', 'inputs changed', 'first difference', 'by'],
        ...found.flatMap(({ project, ranges }) => ranges.map((range) => row(project, range))),
      ]),
    );
  }
  return found.every(({ ranges }) => ranges.length <= 1) ? 0 : 1;
}

function row(project: Project, { from, to, result, by }: ReleaseRange): string[] {
  const first = result.firstDivergence;
  return [
    `${project} ${from === to ? from : `${from} to ${to}`}`,
    String(result.changed),
    first === null ? '-' : `#${first.seq} ${first.kind} ${first.field}`,
    by
      .map(({ name, gone }) => `${gone ? 'without ' : ''}${name} (${changeOf(name).commit ?? 'no commit'})`)
      .join(', '),
  ];
}

const rangeJson = ({ from, to, result, by }: ReleaseRange, trace: OpenTrace): Record<string, unknown> => ({
  from,
  to,
  changed: result.changed,
  firstDivergence: result.firstDivergence === null ? null : presentChange(result.firstDivergence, trace),
  by: by.map(({ name, gone }) => ({ name, commit: changeOf(name).commit, doc: changeOf(name).doc, gone })),
});
