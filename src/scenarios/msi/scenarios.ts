import type { Scenario } from '../scenario.js';
import { attackScenarios } from './attacks.js';
import { bridgeScenarios } from './bridges.js';
import { deliveredScenarios } from './delivered.js';
import { lossScenarios } from './losses.js';

/** MSIs from doorbell to domain. @source facts/arm-msi-iommu 3 to 7, 9 */
export const msiScenarios: readonly Scenario[] = [
  ...deliveredScenarios,
  ...lossScenarios,
  ...attackScenarios,
  ...bridgeScenarios,
];
