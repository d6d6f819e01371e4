import { Judge } from '../../rules/judge.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { findingLine, findingsJson, moreFindingsLine } from '../present-finding.js';
import { batches, wholeTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';
import { rulesNamed } from './rules.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const only = (options['rule'] ?? []) as readonly string[];
    for (const name of only) rulesNamed(name);
    const judge = new Judge(trace.env, { only: only.length === 0 ? null : only });
    for (const batch of batches(trace)) for (const event of batch) judge.see(event);
    wholeTrace(judge.events, trace);
    const { found } = judge;
    const { kept, more, count } = found;
    if (options['json'] === true) {
      printJson({
        schema: 'findings/1',
        ...findingsJson(found, trace.env.platform),
        recovered: trace.reader.recovered,
      });
    } else {
      const width = String(kept.at(-1)?.seq ?? 0).length;
      for (const finding of kept) print([findingLine(finding, width)]);
      for (const alike of more) print([moreFindingsLine(alike, trace.env.platform)]);
      if (count === 0) say('no finding');
    }
    const worst = kept.find(({ severity }) => severity === 'error') ?? kept[0];
    if (worst !== undefined) sayNext('explain', { file: trace.file }, worst.seq);
    return count === 0 ? 0 : 1;
  });
