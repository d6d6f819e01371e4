import { scenarios } from '../../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../../src/scenarios/run.js';
import type { Scenario } from '../../../src/scenarios/scenario.js';
import { choicesBeside, scan } from '../../scan/scan.js';
import type { TortureClass } from '../torture-class.js';

export const choices: TortureClass = {
  name: 'choices',
  doc: 'a scenario under another value of an axis or switch: it ends, replays, and what-if comes back',
  share: 0.2,
  keepsMuch: true,
  prepare(prng) {
    const scenario = prng.pick(scenarios);
    const choice = prng.pick(choicesBeside(envOf(scenario)));
    return {
      about: `${scenario.name} ${choice.name}`,
      inputs: {},
      run: () => {
        if (scenario.name === 'guest-boot-1000') return longRun(scenario, choice.policies, choice.switches);
        return scan(scenario, ({ name }) => name === choice.name).failures[0] ?? null;
      },
    };
  },
};

const envOf = (scenario: Scenario, policies = {}, switches = {}) =>
  scenarioEnv(scenario, { seed: 1, policies, switches, platform: null });

/** The long one only has to end: its replay takes long and says what those of the short ones say. */
function longRun(scenario: Scenario, policies: object, switches: object): string | null {
  const events = runScenario(scenario, envOf(scenario, policies, switches), 1, () => {});
  return events > 0 ? null : 'no event';
}
