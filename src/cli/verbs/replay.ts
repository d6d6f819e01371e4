import { divergenceLines, presentDivergence } from '../../../replay/run/present-divergence.js';
import { replay } from '../../../replay/run/replayer.js';
import { systemClock } from '../../base/clock.js';
import { counted } from '../../base/counted.js';
import { Judge } from '../../rules/judge.js';
import { choosePolicies, chooseSwitches } from '../../state/trace-env.js';
import { choices, required } from '../choices.js';
import { print, printJson, sayNext } from '../io.js';
import { findingsJson } from '../present-finding.js';
import { batches, wholeTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

/** Divergences `--all` shows; counting goes on behind them. */
const SHOWN = 10_000;

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const env = {
      ...trace.env,
      policies: choosePolicies(choices(options['policy']), trace.env.policies),
      switches: chooseSwitches(choices(options['switch']), trace.env.switches),
    };
    const judge = new Judge(env);
    const before = systemClock.now();
    const result = replay(env, judged(batches(trace), judge), { keep: options['all'] === true ? SHOWN : 1 });
    wholeTrace(Math.min(result.events, judge.events), trace);
    const seconds = Number(systemClock.now() - before) / 1e9;
    const divergences = result.divergences.map((one) => presentDivergence(one, trace));
    const first = divergences[0] ?? null;
    if (options['json'] === true) {
      printJson({
        schema: 'replay/1',
        events: result.events,
        inputs: result.inputs,
        compared: result.compared,
        matched: result.matched,
        mismatched: result.mismatched,
        unmodelled: result.unmodelled,
        firstDivergence: first,
        ...(options['all'] === true ? { divergences } : {}),
        ...findingsJson(judge.found, env.platform),
        digest: trace.reader.digest,
        recovered: trace.reader.recovered,
        seconds,
        eventsPerSecond: Math.round(result.events / Math.max(seconds, 1e-9)),
      });
    } else {
      print([
        `${counted(result.events, 'event')}, ${counted(result.inputs, 'input')}: ${result.matched} of ${counted(result.compared, 'outcome')} matched, ${result.mismatched} did not${result.unmodelled === 0 ? '' : `, ${counted(result.unmodelled, 'is', 'are')} not modelled`}`,
      ]);
      for (const one of divergences) print(divergenceLines(one));
    }
    if (first !== null) sayNext('explain', { file: trace.file }, first.seq);
    return result.mismatched === 0 ? 0 : 1;
  });

/** Lets the rules see every event on its way. */
function* judged(source: ReturnType<typeof batches>, judge: Judge): ReturnType<typeof batches> {
  for (const batch of source) {
    for (const event of batch) judge.see(event);
    yield batch;
  }
}
