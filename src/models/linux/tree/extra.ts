import type { TreeDevice } from './device.js';
import type { Resource } from './resource.js';

/** One resource of one device, with how it stood when it was put on a list. */
export interface Listed {
  readonly device: TreeDevice;
  readonly index: number;
  readonly one: Resource;
  readonly start: number;
  readonly end: number;
  readonly flags: number;
  /** What would be good to have beyond what is needed. */
  readonly addBytes: number;
  readonly alignBytes: number;
}

/** Newest first: the order in which Linux walks them. */
export type List = Listed[];

export function listed(device: TreeDevice, index: number, addBytes = 0, alignBytes = 0): Listed {
  const one = device.resources[index]!;
  const { start, end, flags } = one;
  return { device, index, one, start, end, flags, addBytes, alignBytes };
}

export const addTo = (list: List, entry: Listed): void => {
  list.unshift(entry);
};

export function removeFrom(list: List, one: Resource): void {
  const at = list.findIndex((entry) => entry.one === one);
  if (at >= 0) list.splice(at, 1);
}

export const addedTo = (list: List | null, one: Resource): Listed | undefined =>
  list?.find((entry) => entry.one === one);
