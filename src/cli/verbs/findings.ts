import { Trouble } from '../../base/errors.js';
import { rules } from '../../rules/index.js';
import { Judge } from '../../rules/judge.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { findingJson, findingLine } from '../present-finding.js';
import { batches, wholeTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verbs.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const only = typeof options['rule'] === 'string' ? options['rule'] : null;
    if (only !== null && !rules.some(({ code }) => code === only || code.startsWith(`${only}-`))) {
      throw new Trouble('CLI-006', `no rule ${only}`, { actual: only, hint: 'xpr rules lists them' });
    }
    const judge = new Judge(trace.env, only);
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
