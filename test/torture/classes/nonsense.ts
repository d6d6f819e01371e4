import { join } from 'node:path';
import fc from 'fast-check';
import { fileStore } from '../../../src/log/stores/file-store.js';
import { Recorder } from '../../../src/machine/recorder.js';
import { scenarios } from '../../../src/scenarios/index.js';
import { scenarioEnv, scenarioHeader } from '../../../src/scenarios/run.js';
import { anyEvents } from '../../log/arbitrary-events.js';
import { command, judged } from '../command.js';
import { failed, type TortureClass } from '../verdict.js';

/** Events of every kind that are well formed and make no sense: no reducer, decider or rule may give way. */
export const nonsense: TortureClass = {
  name: 'nonsense',
  doc: 'well-formed events of every kind that make no sense are recorded, read back, judged and replayed',
  prepare() {
    const log = anyEvents({ maxLength: 120 });
    return async ({ prng, folder }) => {
      const scenario = prng.pick(scenarios);
      const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
      const [events = []] = fc.sample(log, { seed: prng.u32() | 0, numRuns: 1 });
      const file = join(folder, 'nonsense.xpr');
      const recorder = new Recorder(fileStore.create(file), scenarioHeader(scenario, env, 1), env);
      recorder.append(events);
      recorder.finish();
      for (const args of [
        ['fsck', file],
        ['show', file],
        ['state', file, '--at', 'last'],
        ['findings', file],
        ['replay', file, '--json'],
        ['diff', file, file],
      ]) {
        const ran = await command(args);
        const verdict = judged(args, ran);
        if (!verdict.survived) return verdict;
        if (args[0] === 'fsck' && ran.code !== 0) return failed('what was recorded is not whole');
        if (args[0] === 'state' && ran.code === 2 && events.length > 0) return failed(`no state: ${ran.err}`);
      }
      return { survived: true, how: 'answered' };
    };
  },
};
