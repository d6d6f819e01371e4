import { serverLegend, serverNames } from '../../../replay/explain/server-names.js';
import { presentChange } from '../../../replay/run/present-divergence.js';
import { type WhatIf, whatIf } from '../../../replay/run/what-if.js';
import { Trouble } from '../../base/errors.js';
import { Recorder } from '../../machine/recorder.js';
import type { Policies } from '../../policy/axes.js';
import { findScenario } from '../../scenarios/index.js';
import { choosePolicies } from '../../state/trace-env.js';
import { table } from '../../tell/table.js';
import { accessesJson, accessTable } from '../access-table.js';
import { choices, required } from '../choices.js';
import { print, printJson, sayNext } from '../io.js';
import { type DesignRun, hasLifeCycle, lifeCycleJson, lifeCycleTable } from '../life-cycle-table.js';
import { chooseOutput, type Output, outputKinds } from '../output.js';
import { findingJson } from '../present-finding.js';
import { batches, type OpenTrace, wholeTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), async (trace) => {
    const variants = chosenVariants(options, trace);
    if (typeof options['output'] === 'string' && variants.length !== 1) {
      throw new Trouble('CLI-007', '-o takes exactly one variant', { actual: `${variants.length} variants` });
    }
    const output =
      typeof options['output'] === 'string'
        ? chooseOutput(options['output'], outputKinds.trace, { inputs: [trace.file], options })
        : null;
    const results =
      output === null
        ? variants.map(({ policies }) => runVariant(trace, policies))
        : [await keepVariant(trace, variants[0]!.policies, output)];
    const titles = variants.map((variant) => titleOf(variant, trace));
    const runs = designRuns(results, titles, trace);
    if (options['json'] === true) {
      printJson({
        schema: 'what-if/1',
        variants: results.map((result) => variantJson(result, trace)),
        accesses: accessesJson(results, titles),
        ...(runs === null ? {} : { steps: lifeCycleJson(runs) }),
      });
    } else if (output?.isStandard !== true) {
      print(
        table([
          ['design', 'inputs changed', 'first difference', 'findings'],
          ...results.map((one, i) => row(one, titles[i]!)),
        ]),
      );
      if (runs !== null) print(['', ...lifeCycleTable(runs)]);
      const accesses = runs === null ? accessTable(results, titles, trace) : null;
      if (accesses !== null) print(['', ...accesses]);
      const legend = accesses === null ? null : serverLegend(accesses.join('\n'), serverNames(trace.reader));
      if (legend !== null) print(['', legend]);
    }
    if (output !== null) sayNext('diff', { file: trace.file }, { file: output.name });
    else if (results.some(({ changed }) => changed > 0)) suggestVariant(results, trace);
    return results.every(({ changed }) => changed === 0) ? 0 : 1;
  });

const RECORDED = '(as recorded)';

/** The designs beside each other, the recorded one among them; null for a recording without commands of the toolstack. */
function designRuns(
  results: readonly WhatIf[],
  titles: readonly string[],
  trace: OpenTrace,
): readonly DesignRun[] | null {
  if (!hasLifeCycle(results)) return null;
  const runs = results.map((result, i) => ({ title: titles[i]!, result }));
  if (titles.some((title) => title.endsWith(RECORDED))) return runs;
  return [{ title: RECORDED, result: runVariant(trace, trace.env.policies) }, ...runs];
}

/** `--policy`s together are one variant, each `--variant` one more. @throws {Trouble} CLI-008 when none is named */
function chosenVariants(options: Readonly<Record<string, unknown>>, { env }: OpenTrace): Variant[] {
  const together = choices(options['policy']);
  const variants = ((options['variant'] ?? []) as readonly string[]).map((text) => choices([text]));
  if (Object.keys(together).length > 0) variants.unshift(together);
  if (variants.length === 0 || variants.some((chosen) => Object.keys(chosen).length === 0)) {
    throw new Trouble('CLI-008', 'no design to compare with', {
      hint: 'give --policy axis=value; xpr policies lists them',
    });
  }
  return variants.map((chosen) => ({ chosen, policies: choosePolicies(chosen, env.policies) }));
}

/** A design and the choices the user named for it. */
interface Variant {
  readonly chosen: Readonly<Record<string, string>>;
  readonly policies: Policies;
}

function runVariant(trace: OpenTrace, policies: Policies): WhatIf {
  const result = whatIf(trace.env, policies, batches(trace), { deviceModels: modelsOf(trace, policies) });
  wholeTrace(result.events, trace);
  return result;
}

/** The same, recorded. */
function keepVariant(trace: OpenTrace, policies: Policies, output: Output): Promise<WhatIf> {
  return output.write((target) => {
    const env = { ...trace.env, policies };
    const recorder = new Recorder(target, { ...trace.reader.header, policies }, env);
    const result = whatIf(trace.env, policies, batches(trace), {
      append: (events) => recorder.append(events),
      deviceModels: modelsOf(trace, policies),
    });
    wholeTrace(result.events, trace);
    recorder.finish(undefined, trace.reader.index.sources);
    return result;
  });
}

/** The device models of a built-in scenario, which answer anew under the other design; none for other traces. */
function modelsOf({ env, reader }: OpenTrace, policies: Policies) {
  const { scenario } = reader.header;
  const found = scenario === null ? undefined : findScenario(scenario);
  return found?.deviceModels?.({ ...env, policies }) ?? [];
}

/** The choices in which a variant differs from the recording. */
function changedChoices(policies: Policies, { env }: OpenTrace): Record<string, string> {
  return Object.fromEntries(
    Object.entries(policies).filter(([name, value]) => env.policies[name as keyof Policies] !== value),
  );
}

const variantJson = (result: WhatIf, trace: OpenTrace): Record<string, unknown> => ({
  policies: changedChoices(result.policies, trace),
  findings: result.findings.map((finding) => findingJson(finding, trace.env.platform)),
  changed: result.changed,
  firstDivergence: result.firstDivergence === null ? null : presentChange(result.firstDivergence, trace),
});

/** How to keep the first design that changes something, to be compared. */
function suggestVariant(results: readonly WhatIf[], trace: OpenTrace): void {
  const first = results.find(({ changed }) => changed > 0)!;
  const chosen = Object.entries(changedChoices(first.policies, trace));
  const output = `${trace.file.replace(/\.xpr$/, '')}-other.xpr`;
  sayNext(
    'what-if',
    { file: trace.file },
    ...chosen.flatMap(([name, value]) => ['--policy', `${name}=${value}`]),
    '-o',
    { file: output },
  );
}

/** A design by the choices that set it apart from the recording; without any, by the choices that were named. */
function titleOf({ chosen, policies }: Variant, trace: OpenTrace): string {
  const text = (choices: Readonly<Record<string, string>>): string =>
    Object.entries(choices)
      .map((pair) => pair.join('='))
      .join(' ');
  return text(changedChoices(policies, trace)) || `${text(chosen)} ${RECORDED}`;
}

function row(result: WhatIf, title: string): string[] {
  const first = result.firstDivergence;
  const codes = [...new Set(result.findings.map(({ rule }) => rule))];
  return [
    title,
    String(result.changed),
    first === null ? '-' : `#${first.seq} ${first.kind} ${first.field}`,
    codes.length === 0 ? 'none' : `${result.findings.length}: ${codes.join(' ')}`,
  ];
}
