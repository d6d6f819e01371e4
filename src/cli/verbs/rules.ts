import { rules } from '../../rules/index.js';
import type { Rule } from '../../rules/rule.js';
import { table } from '../../tell/table.js';
import { print, printJson } from '../io.js';
import { unknownName } from '../unknown.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = ([name], options) => {
  const chosen = typeof name === 'string' ? rulesNamed(name) : rules;
  if (options['json'] === true) {
    printJson({
      schema: 'rules/1',
      rules: chosen.map(({ code, severity, title, doc }) => ({
        code,
        severity,
        title,
        doc,
        page: `docs/rules/${code}.md`,
      })),
    });
    return 0;
  }
  if (typeof name === 'string') {
    print(chosen.flatMap(inFull).slice(0, -1));
    return 0;
  }
  print(
    table([
      ['rule', 'severity', 'what it finds'],
      ...rules.map(({ code, severity, title }) => [code, severity, title]),
    ]),
  );
  return 0;
};

/** A rule, or a family as `SEG`. @throws {Trouble} CLI-006 */
export function rulesNamed(name: string): readonly Rule[] {
  const found = rules.filter(({ code }) => code === name || code.startsWith(`${name}-`));
  if (found.length > 0) return found;
  const codes = rules.map(({ code }) => code);
  const known = name.includes('-') ? codes : [...new Set(codes.map((code) => code.split('-')[0]!))];
  throw unknownName('CLI-006', 'rule', name, known, 'rules');
}

const inFull = ({ code, severity, title, doc }: Rule): string[] => [
  `${code}  ${severity}  ${title}`,
  doc,
  `docs/rules/${code}.md has an example and the cure`,
  '',
];
