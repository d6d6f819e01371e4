import type { VpciPorts } from './ports.js';

export const STATUS = 0x06;
export const STATUS_CAP_LIST = 0x0010;
export const CAP_POINTER = 0x34;
export const EXTENDED_FIRST = 0x100;
const STEPS = 48;
const EXTENDED_STEPS = 480;

/** `pci_find_cap_offset`: 0 when the capability is not in the list. @source facts/xen 5.6 */
export function findCapability(ports: VpciPorts, id: number): number {
  if ((ports.hwRead(STATUS, 2) & STATUS_CAP_LIST) === 0) return 0;
  return nextCapability(ports, CAP_POINTER, [id], { steps: STEPS }) & ~3;
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
  let at = pointer;
  while (budget.steps > 0) {
    budget.steps--;
    const position = ports.hwRead(at, 1);
    if (position < 0x40) break;
    const id = ports.hwRead(position & ~3, 1);
    if (id === 0xff) break;
    if (ids === null || ids.includes(id)) return position;
    at = (position & ~3) + 1;
  }
  return 0;
}

export const newBudget = (): Budget => ({ steps: STEPS });

export const extendedNext = (header: number): number => (header >>> 20) & 0xffc;

/** `pci_find_ext_capability`: 0 when it is not there. */
export function findExtended(ports: VpciPorts, id: number): number {
  if (!ports.hasExtendedConfig) return 0;
  let at = EXTENDED_FIRST;
  let header = ports.hwRead(at, 4);
  if (header === 0 || header === 0xffff_ffff) return 0;
  for (let step = 0; step < EXTENDED_STEPS; step++) {
    if ((header & 0xffff) === id) return at;
    at = extendedNext(header);
    if (at < EXTENDED_FIRST) break;
    header = ports.hwRead(at, 4);
  }
  return 0;
}
