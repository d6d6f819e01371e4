import { assignmentRules } from './assignment.js';
import { bridgeInitRules } from './bridge-init.js';
import { bridgeRules } from './bridges.js';
import { configRules } from './config.js';
import { designRules } from './designs.js';
import { dmaRules } from './dma.js';
import { interruptRules } from './interrupts.js';
import { iommuRules } from './iommu.js';
import { ioreqRules } from './ioreq.js';
import { msiRules } from './msi.js';
import { pvRules } from './pv.js';
import type { Rule } from './rule.js';
import { segmentRules } from './segments.js';
import { suspendRules } from './suspend.js';
import { toolstackRules } from './toolstack.js';
import { touchRules } from './touch.js';
import { vpciRules } from './vpci.js';

/** Every rule; its order is the order in which findings of one event are reported. */
export const rules: readonly Rule[] = [
  ...segmentRules,
  ...configRules,
  ...vpciRules,
  ...ioreqRules,
  ...bridgeInitRules,
  ...iommuRules,
  ...dmaRules,
  ...msiRules,
  ...interruptRules,
  ...assignmentRules,
  ...toolstackRules,
  ...touchRules,
  ...pvRules,
  ...suspendRules,
  ...designRules,
  ...bridgeRules,
];
