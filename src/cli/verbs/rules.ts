import { rules } from '../../rules/index.js';
import { table } from '../../tell/table.js';
import { print, printJson } from '../io.js';
import type { RunVerb } from '../verbs.js';

export const run: RunVerb = (_args, options) => {
  if (options['json'] === true) {
    printJson({
      schema: 'rules/1',
      rules: rules.map(({ code, severity, title, doc }) => ({
        code,
        severity,
        title,
        doc,
        page: `docs/rules/${code}.md`,
      })),
    });
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
