import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileStore } from '../../src/log/stores/file-store.js';
import { Recorder } from '../../src/machine/recorder.js';
import { scenarios } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv, scenarioHeader } from '../../src/scenarios/run.js';

/**
 * Writes the golden trace of every scenario: `npm run golden -- RELEASE [NAME…]`. Traces of a finished release are never
 * written again: a change that alters replay gets a behaviour flag instead.
 */
const [release, ...names] = process.argv.slice(2);
if (release === undefined) throw new Error('which release?');
const folder = join('traces', 'golden', release);
mkdirSync(folder, { recursive: true });
for (const scenario of scenarios) {
  if (names.length > 0 && !names.includes(scenario.name)) continue;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const target = fileStore.create(join(folder, `${scenario.name}.xpr`));
  const recorder = new Recorder(target, scenarioHeader(scenario, env, 1), env);
  runScenario(scenario, env, 1, (events) => recorder.append(events));
  const { events, bytes } = recorder.finish();
  console.log(`${scenario.name}: ${events} events, ${bytes} bytes`);
}
