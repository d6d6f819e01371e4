import { scenarios } from '../../scenarios/index.js';
import { table } from '../../tell/table.js';
import { print, printJson } from '../io.js';
import type { RunVerb } from '../verbs.js';

export const run: RunVerb = (_args, options) => {
  if (options['json'] === true) {
    printJson({
      schema: 'scenarios/1',
      scenarios: scenarios.map(
        ({ name, title, source, shows, expects, takesPlatform, policies, switches }) => ({
          name,
          title,
          source,
          shows,
          expects,
          takesPlatform,
          policies: policies ?? {},
          switches: switches ?? {},
        }),
      ),
    });
    return 0;
  }
  print(
    table([
      ['scenario', 'finds', 'what it shows'],
      ...scenarios.map((one) => [one.name, one.expects.join(' ') || '-', one.title]),
    ]),
  );
  return 0;
};
