import { scenarios } from '../../../src/scenarios/index.js';
import { scenarioEnv } from '../../../src/scenarios/run.js';
import { choicesBeside, scan } from '../../scan/scan.js';
import { answered, failed, type TortureClass } from '../verdict.js';

/** The longest scenario takes a minute under each of its choices: `npm run scan` has it. */
const TOO_LONG = new Set(['guest-boot-1000']);

/** One scenario under one other value of an axis or switch: it ends, replays, and what-if finds the way back. */
export const choices: TortureClass = {
  name: 'choices',
  doc: 'a scenario runs under one other policy or switch; it must end, replay with 0 different, and what-if back must give the recording',
  prepare() {
    const some = scenarios.filter(({ name }) => !TOO_LONG.has(name));
    return ({ prng }) => {
      const scenario = prng.pick(some);
      const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
      const all = choicesBeside(env);
      const chosen = JSON.stringify(prng.pick(all));
      const { failures } = scan(scenario, (choice) => JSON.stringify(choice) === chosen);
      return failures.length === 0 ? answered : failed(failures.join('; '));
    };
  },
};
