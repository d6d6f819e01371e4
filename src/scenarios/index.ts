import { designScenarios } from './designs/scenarios.js';
import { assignmentScenarios } from './hypercalls/assignment.js';
import { interruptScenarios } from './hypercalls/interrupts.js';
import { guestBoot } from './ioreq/guest-boot.js';
import { serverScenarios } from './ioreq/servers.js';
import { linuxScenarios } from './linux/scenarios.js';
import { msiScenarios } from './msi/scenarios.js';
import type { Scenario } from './scenario.js';
import { segmentScenarios } from './segments/scenarios.js';
import { toolstackScenarios } from './toolstack/index.js';
import { vpciScenarios } from './vpci/scenarios.js';

/** Every built-in scenario, family by family. */
export const scenarios: readonly Scenario[] = [
  ...segmentScenarios,
  ...msiScenarios,
  ...serverScenarios,
  guestBoot,
  ...designScenarios,
  ...vpciScenarios,
  ...assignmentScenarios,
  ...interruptScenarios,
  ...toolstackScenarios,
  ...linuxScenarios,
];

export function findScenario(name: string): Scenario | undefined {
  return scenarios.find((scenario) => scenario.name === name);
}
