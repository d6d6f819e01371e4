import { badArguments } from './classes/arguments.js';
import { blocks } from './classes/blocks.js';
import { cuts } from './classes/cuts.js';
import { events } from './classes/events.js';
import { flips } from './classes/flips.js';
import { frames } from './classes/frames.js';
import { headers } from './classes/headers.js';
import { hostile } from './classes/hostile.js';
import { imports } from './classes/imports.js';
import { indexMutants } from './classes/index-mutants.js';
import { kills } from './classes/kills.js';
import { policies } from './classes/policies.js';
import { snapshots } from './classes/snapshots.js';
import type { TortureClass } from './torture-class.js';

/** All there are, in the order in which they are listed and tried. */
export const classes: readonly TortureClass[] = [
  flips,
  cuts,
  kills,
  blocks,
  headers,
  snapshots,
  indexMutants,
  frames,
  ...imports,
  events,
  policies,
  badArguments,
  hostile,
];

export const findClass = (name: string): TortureClass | undefined => classes.find((one) => one.name === name);
