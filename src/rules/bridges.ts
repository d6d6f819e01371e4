import { bridgeWindowRules } from './bridge-windows.js';
import { busNumbers } from './bus-numbers.js';
import { capabilityListRules } from './capability-lists.js';
import type { Rule } from './rule.js';

const { outsideWindow, siblingsOverlap, nestedOutside, barsOverlap } = bridgeWindowRules;
const { noUpstreamPort, capabilityLoop, leadsOut } = capabilityListRules;

/** Rules about bridges as guests set them up, and what is behind them. @source facts/q35-qemu 2.3 to 2.7; docs/rules */
export const bridgeRules: readonly Rule[] = [
  outsideWindow,
  siblingsOverlap,
  busNumbers,
  noUpstreamPort,
  capabilityLoop,
  nestedOutside,
  barsOverlap,
  leadsOut,
];
