import { Trouble } from '../../base/errors.js';
import { didYouMean } from '../../base/near.js';
import { rules } from '../../rules/index.js';
import { Judge } from '../../rules/judge.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { findingJson, findingLine } from '../present-finding.js';
import { batches, wholeTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verbs.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const only = (options['rule'] ?? []) as readonly string[];
    for (const name of only) checkRule(name);
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

/** @throws {Trouble} CLI-006 no rule or family of that name */
function checkRule(name: string): void {
  const codes = rules.map(({ code }) => code);
  const families = [...new Set(codes.map((code) => code.split('-')[0]!))];
  if (codes.includes(name) || families.includes(name)) return;
  throw new Trouble('CLI-006', `no rule ${name}`, {
    actual: name,
    hint: [didYouMean(name, /-/.test(name) ? codes : families), 'xpr rules lists them']
      .filter((part) => part !== null)
      .join('; '),
  });
}
