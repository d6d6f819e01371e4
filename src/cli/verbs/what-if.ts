import { serverLegend, serverNames } from '../../../replay/explain/server-names.js';
import { presentChange } from '../../../replay/run/present-divergence.js';
import { type WhatIf, whatIf, whatIfTurns } from '../../../replay/run/what-if.js';
import { Trouble } from '../../base/errors.js';
import { Recorder } from '../../machine/recorder.js';
import { isSwitchName } from '../../policy/switches.js';
import { deviceModelsOf } from '../../scenarios/device-models.js';
import type { Env } from '../../state/env.js';
import { choosePolicies, otherSwitches } from '../../state/trace-env.js';
import { table } from '../../tell/table.js';
import { accessesJson, accessTable, toldUpTo } from '../access-table.js';
import { choices, required } from '../choices.js';
import { print, printJson, sayNext } from '../io.js';
import { type DesignRun, hasLifeCycle, lifeCycleJson, lifeCycleTable } from '../life-cycle-table.js';
import { chooseOutput, type Output, outputKinds } from '../output.js';
import { findingsJson } from '../present-finding.js';
import { batches, type OpenTrace, wholeTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';
import { releases } from './what-if-releases.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), async (trace) => {
    if (options['releases'] === true) return releases(trace, options);
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
        ? variants.map((variant) => runVariant(trace, variant))
        : [await keepVariant(trace, variants[0]!, output)];
    const titles = variants.map((variant) => titleOf(variant, trace));
    const runs = designRuns(results, titles, trace);
    if (options['json'] === true) {
      printJson({
        schema: 'what-if/1',
        variants: results.map((result) => variantJson(result, trace)),
        accesses: accessesJson(results, titles),
        accessesUpTo: toldUpTo(results),
        ...(runs === null ? {} : { steps: lifeCycleJson(runs), stepsInAll: runs[0]!.result.stepsInAll }),
      });
    } else if (output?.isStandard !== true) {
      print(
        table([
          ['design', 'inputs changed', 'first difference', 'findings'],
          ...results.map((one, i) => row(one, titles[i]!)),
        ]),
      );
      if (runs !== null) {
        const { steps, stepsInAll } = runs[0]!.result;
        const rest = stepsInAll > steps.length ? [`and ${stepsInAll - steps.length} more steps`] : [];
        print(['', ...lifeCycleTable(runs), ...rest]);
      }
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
  return [{ title: RECORDED, result: runVariant(trace, trace.env) }, ...runs];
}

/** `--policy`s and `--switch`es together are one variant, each `--variant` one more. @throws {Trouble} CLI-008 when none is named */
function chosenVariants(options: Readonly<Record<string, unknown>>, { env }: OpenTrace): Variant[] {
  const policies = choosePolicies(choices(options['policy']), env.policies);
  const switches = otherSwitches(choices(options['switch']), env);
  const together = { ...choices(options['policy']), ...choices(options['switch']) };
  const variants: Variant[] = ((options['variant'] ?? []) as readonly string[]).map((text) => {
    const chosen = choices([text]);
    const isRelease = ([name]: [string, string]): boolean => isSwitchName(name);
    const entries = Object.entries(chosen);
    return {
      chosen,
      policies: choosePolicies(Object.fromEntries(entries.filter((one) => !isRelease(one))), env.policies),
      switches: otherSwitches(Object.fromEntries(entries.filter(isRelease)), env),
    };
  });
  if (Object.keys(together).length > 0) variants.unshift({ chosen: together, policies, switches });
  if (variants.length === 0 || variants.some(({ chosen }) => Object.keys(chosen).length === 0)) {
    throw new Trouble('CLI-008', 'no design to compare with', {
      hint: 'give --policy axis=value, --switch name=value or --releases; xpr policies lists them',
    });
  }
  return variants;
}

/** A design and the choices the user named for it. */
interface Variant extends Design {
  readonly chosen: Readonly<Record<string, string>>;
}

/** What a run can be under other than the recording was. */
type Design = Pick<Env, 'policies' | 'switches'>;

function runVariant(trace: OpenTrace, { policies, switches }: Design): WhatIf {
  const deviceModels = deviceModelsOf(trace.reader.header, trace.env, { policies, switches });
  const result = whatIf(trace.env, policies, batches(trace), { switches, deviceModels });
  wholeTrace(result.events, trace);
  return result;
}

/** The same, recorded. */
function keepVariant(trace: OpenTrace, { policies, switches }: Design, output: Output): Promise<WhatIf> {
  return output.write(async (target) => {
    const env = { ...trace.env, policies, switches };
    const recorder = new Recorder(target, { ...trace.reader.header, policies, switches }, env);
    const turns = whatIfTurns(trace.env, policies, batches(trace), {
      append: (events) => recorder.append(events),
      switches,
      deviceModels: deviceModelsOf(trace.reader.header, trace.env, { policies, switches }),
    });
    let turn = turns.next();
    for (; turn.done !== true; turn = turns.next()) {
      // Signals are heard between two turns of the event loop.
      await new Promise((next) => setImmediate(next));
    }
    wholeTrace(turn.value.events, trace);
    recorder.finish(undefined, trace.reader.index.sources);
    return turn.value;
  });
}

/** The choices in which a variant differs from the recording. */
function changedChoices({ policies, switches }: Design, trace: OpenTrace): Record<string, string> {
  return { ...changed(policies, trace.env.policies), ...changed(switches, trace.env.switches) };
}

const changed = (
  chosen: Readonly<Record<string, string>>,
  recorded: Readonly<Record<string, string>>,
): Record<string, string> =>
  Object.fromEntries(Object.entries(chosen).filter(([name, value]) => recorded[name] !== value));

const variantJson = (result: WhatIf, trace: OpenTrace): Record<string, unknown> => ({
  policies: changed(result.policies, trace.env.policies),
  switches: changed(result.switches, trace.env.switches),
  ...findingsJson(result.found, trace.env.platform),
  changed: result.changed,
  changedAccesses: result.changedAccesses,
  firstDivergence: result.firstDivergence === null ? null : presentChange(result.firstDivergence, trace),
});

/** How to keep the first design that changes something, to be compared. */
function suggestVariant(results: readonly WhatIf[], trace: OpenTrace): void {
  const first = results.find(({ changed }) => changed > 0)!;
  const chosen = Object.entries(changedChoices(first, trace));
  const output = `${trace.file.replace(/\.xpr$/, '')}-other.xpr`;
  sayNext(
    'what-if',
    { file: trace.file },
    ...chosen.flatMap(([name, value]) => [isSwitchName(name) ? '--switch' : '--policy', `${name}=${value}`]),
    '-o',
    { file: output },
  );
}

/** A design by the choices that set it apart from the recording; without any, by the choices that were named. */
function titleOf(variant: Variant, trace: OpenTrace): string {
  const text = (choices: Readonly<Record<string, string>>): string =>
    Object.entries(choices)
      .map((pair) => pair.join('='))
      .join(' ');
  return text(changedChoices(variant, trace)) || `${text(variant.chosen)} ${RECORDED}`;
}

function row(result: WhatIf, title: string): string[] {
  const first = result.firstDivergence;
  const codes = [...new Set(result.findings.map(({ rule }) => rule))];
  return [
    title,
    String(result.changed),
    first === null ? '-' : `#${first.seq} ${first.kind} ${first.field}`,
    codes.length === 0 ? 'none' : `${result.found.count}: ${codes.join(' ')}`,
  ];
}
