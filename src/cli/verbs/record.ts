import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { counted } from '../../base/counted.js';
import { Trouble } from '../../base/errors.js';
import { platformFromDtb } from '../../importers/dtb/dt-platform.js';
import type { Provenance } from '../../log/header.js';
import { Recorder } from '../../machine/recorder.js';
import type { Platform } from '../../platform/platform.js';
import { Judge } from '../../rules/judge.js';
import { runScenario, scenarioEnv, scenarioHeader } from '../../scenarios/run.js';
import { choices, required, wholeNumber } from '../choices.js';
import { pipedInput } from '../input.js';
import { printJson, say, sayNext } from '../io.js';
import { chooseOutput, outputKinds } from '../output.js';
import { findingsJson } from '../present-finding.js';
import { Progress } from '../progress.js';
import type { RunVerb } from '../verb.js';
import { scenarioNamed } from './scenarios.js';

export const run: RunVerb = async ([name], options) => {
  const scenario = scenarioNamed(required(name, 'the scenario', 'xpr scenarios lists them'));
  const output = chooseOutput(required(options['output'], '-o FILE'), outputKinds.trace, {
    inputs: typeof options['dtb'] === 'string' ? [options['dtb']] : [],
    options,
  });
  const seed = wholeNumber(options['seed'], '--seed', 1);
  const given = typeof options['dtb'] === 'string' ? readPlatform(options['dtb']) : null;
  if (given !== null && !scenario.takesPlatform) {
    throw new Trouble('CLI-005', `${scenario.name} runs on its own machine only`, {
      hint: 'leave --dtb out',
    });
  }
  const env = scenarioEnv(scenario, {
    seed,
    policies: choices(options['policy']),
    switches: choices(options['switch']),
    platform: given?.platform ?? null,
  });
  const header = scenarioHeader(scenario, env, seed);
  const judge = new Judge(env);
  const progress = new Progress();
  const report = progress.steps(null);
  const written = await output.write((target) => {
    const recorder = new Recorder(target, header, env);
    let events = 0;
    try {
      events = runScenario(scenario, env, seed, (batch) => {
        recorder.append(batch);
        for (const event of batch) judge.see(event);
        report(batch.length);
      });
    } finally {
      progress.end();
    }
    return recorder.finish(events, given === null ? [] : [given.provenance]);
  });
  if (options['json'] === true) {
    printJson({
      schema: 'record/1',
      file: output.name,
      events: written.events,
      bytes: written.bytes,
      digest: written.digest,
      ...findingsJson(judge.found, env.platform),
    });
  } else {
    say(
      `${output.name}: ${counted(written.events, 'event')}, ${counted(written.bytes, 'byte')}, digest ${written.digest.slice(0, 16)}`,
    );
    say(judge.found.count === 0 ? 'no finding' : counted(judge.found.count, 'finding'));
  }
  sayNext(judge.found.count > 0 ? 'findings' : 'show', { file: output.name });
  return judge.found.count > 0 && options['failOnFinding'] === true ? 1 : 0;
};

/** A platform and where it came from. */
function readPlatform(file: string): { readonly platform: Platform; readonly provenance: Provenance } {
  const bytes = pipedInput(file) ?? readFileSync(file);
  try {
    return {
      platform: platformFromDtb(bytes),
      provenance: {
        file: basename(file),
        format: 'dtb',
        sha256: createHash('sha256').update(bytes).digest('hex'),
        records: 1,
        skipped: 0,
        lost: 0,
      },
    };
  } catch (error) {
    throw error instanceof Trouble ? error.inFile(file) : error;
  }
}
