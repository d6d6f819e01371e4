import {
  conventionalSteps,
  extendedSteps,
  hasList,
  MOST_CAPABILITIES,
  type Read,
} from '../../../pci/capability-walk.js';
import { reg, status } from '../../../pci/header.js';
import type { VpciPorts } from './ports.js';

export { EXTENDED_FIRST, extendedNext } from '../../../pci/capability-walk.js';
export const STATUS = reg.status;
export const STATUS_CAP_LIST = status.capabilityList;
export const CAP_POINTER = reg.capabilityPointer;
const EXTENDED_STEPS = 480;

const readOf =
  (ports: VpciPorts): Read =>
  (at, size) =>
    ports.hwRead(at, size);

/** `pci_find_cap_offset`: 0 when the capability is not in the list. @source facts/xen 5.6 */
export function findCapability(ports: VpciPorts, id: number): number {
  if (!hasList(readOf(ports))) return 0;
  return nextCapability(ports, CAP_POINTER, [id], newBudget()) & ~3;
}

/** Steps left to one walk over a list. */
export interface Budget {
  steps: number;
}

/**
 * The next capability after the pointer byte at `pointer` whose id is one of `ids` (any id when null): its position as
 * the pointer says it, low bits included; 0 at the end. @source facts/xen 5.6
 */
export function nextCapability(
  ports: VpciPorts,
  pointer: number,
  ids: readonly number[] | null,
  budget: Budget,
): number {
  if (budget.steps <= 0) return 0;
  for (const { position, id } of conventionalSteps(readOf(ports), 'bytes', pointer)) {
    budget.steps--;
    if (position === null || id === null || id === 0xff) return 0;
    if (ids === null || ids.includes(id)) return position;
    if (budget.steps === 0) return 0;
  }
  return 0;
}

export const newBudget = (): Budget => ({ steps: MOST_CAPABILITIES });

/** `pci_find_ext_capability`: 0 when it is not there. */
export function findExtended(ports: VpciPorts, id: number): number {
  if (!ports.hasExtendedConfig) return 0;
  let steps = 0;
  for (const { at, header } of extendedSteps(readOf(ports))) {
    const isNone = header === null || (steps === 0 && (header === 0 || header === 0xffff_ffff));
    // The header behind the last step has been read and is not looked at.
    if (isNone || steps++ === EXTENDED_STEPS) return 0;
    if ((header & 0xffff) === id) return at;
  }
  return 0;
}
