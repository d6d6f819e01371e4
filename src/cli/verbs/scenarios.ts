import { findScenario, scenarios } from '../../scenarios/index.js';
import type { Scenario } from '../../scenarios/scenario.js';
import { table } from '../../tell/table.js';
import { print, printJson, sayNext } from '../io.js';
import { unknownName } from '../unknown.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = ([name], options) => {
  const chosen = typeof name === 'string' ? [scenarioNamed(name)] : scenarios;
  if (options['json'] === true) {
    printJson({
      schema: 'scenarios/1',
      scenarios: chosen.map(({ name, title, source, shows, expects, takesPlatform, policies, switches }) => ({
        name,
        title,
        source,
        shows,
        expects,
        takesPlatform,
        policies: policies ?? {},
        switches: switches ?? {},
      })),
    });
    return 0;
  }
  if (typeof name === 'string') {
    print(chosen.flatMap(inFull));
    sayNext('record', name, '-o', `${name}.xpr`);
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

/** @throws {Trouble} CLI-004 */
export function scenarioNamed(name: string): Scenario {
  const found = findScenario(name);
  if (found !== undefined) return found;
  throw unknownName(
    'CLI-004',
    'scenario',
    name,
    scenarios.map((one) => one.name),
    'scenarios',
  );
}

function inFull({
  name,
  title,
  shows,
  source,
  expects,
  takesPlatform,
  policies,
  switches,
}: Scenario): string[] {
  const choices = (flag: string, given: object = {}): string[] =>
    Object.entries(given).map(([key, value]) => `${flag} ${key}=${String(value)}`);
  const chosen = [...choices('--policy', policies), ...choices('--switch', switches)];
  return [
    `${name}: ${title}`,
    '',
    shows,
    '',
    `finds   ${expects.join(' ') || 'nothing'}`,
    `under   ${chosen.join(' ') || 'the default policies and switches'}`,
    `on      ${takesPlatform ? 'its own machine, or that of --dtb' : 'its own machine'}`,
    `source  ${source}`,
  ];
}
