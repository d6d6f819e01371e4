import type { Scenario } from './scenario.js';
import { segmentScenarios } from './segments/scenarios.js';

/** Every built-in scenario, family by family. */
export const scenarios: readonly Scenario[] = [...segmentScenarios];

export function findScenario(name: string): Scenario | undefined {
  return scenarios.find((scenario) => scenario.name === name);
}
