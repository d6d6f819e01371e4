import { creator } from '../base/release.js';
import type { TraceEvent } from '../events/catalogue.js';
import type { TraceHeader } from '../log/header.js';
import { runMachine } from '../machine/machine.js';
import type { Platform } from '../platform/platform.js';
import { currentBehaviour } from '../policy/behaviours.js';
import { pinned } from '../policy/switches.js';
import type { Env } from '../state/env.js';
import { choosePolicies, chooseSwitches } from '../state/trace-env.js';
import type { Scenario } from './scenario.js';

/** What the user may set for a run. */
export interface RunChoices {
  readonly seed: number;
  readonly policies: Readonly<Record<string, string>>;
  readonly switches: Readonly<Record<string, string>>;
  /** Platform from `--dtb` and the like; null for the scenario's own. */
  readonly platform: Platform | null;
}

/** The environment of a run: the scenario's own choices, then the user's. @throws {Trouble} POL-001 to POL-004 */
export function scenarioEnv(scenario: Scenario, { platform, policies, switches }: RunChoices): Env {
  return {
    platform: scenario.platform(platform),
    policies: choosePolicies({ ...scenario.policies, ...policies }),
    switches: pinned(chooseSwitches({ ...scenario.switches, ...switches })),
    behaviour: currentBehaviour,
  };
}

/** The header of its trace; equal choices give equal headers. */
export function scenarioHeader(
  scenario: Scenario,
  env: Env,
  seed: number,
  provenance: TraceHeader['provenance'] = [],
): TraceHeader {
  return {
    creator,
    scenario: scenario.name,
    seed,
    platform: env.platform,
    policies: env.policies,
    switches: env.switches,
    behaviour: env.behaviour,
    provenance,
  };
}

/**
 * Runs a scenario and hands over its events as they come.
 * @returns How many they are.
 * @throws {Trouble} RUN-001 when a model gives way, RUN-003 when the run does not end
 */
export function runScenario(
  scenario: Scenario,
  env: Env,
  seed: number,
  append: (events: readonly TraceEvent[]) => void,
): number {
  return runMachine(env, scenario.programs(env), seed, append, { models: scenario.deviceModels?.(env) });
}
