import { Judge } from '../../rules/judge.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { findingJson, findingLine } from '../present-finding.js';
import { batches, wholeTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';
import { rulesNamed } from './rules.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const only = (options['rule'] ?? []) as readonly string[];
    for (const name of only) rulesNamed(name);
    const judge = new Judge(trace.env, only.length === 0 ? null : only);
    for (const batch of batches(trace)) for (const event of batch) judge.see(event);
    wholeTrace(judge.events, trace);
    const { findings } = judge;
    if (options['json'] === true) {
      printJson({
        schema: 'findings/1',
        findings: findings.map((finding) => findingJson(finding, trace.env.platform)),
      });
    } else {
      const width = String(findings.at(-1)?.seq ?? 0).length;
      for (const finding of findings) print([findingLine(finding, width)]);
      if (findings.length === 0) say('no finding');
    }
    const worst = findings.find(({ severity }) => severity === 'error') ?? findings[0];
    if (worst !== undefined) sayNext('explain', { file: trace.file }, worst.seq);
    return findings.length === 0 ? 0 : 1;
  });
