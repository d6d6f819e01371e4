import { badArguments } from './classes/arguments.js';
import { bits } from './classes/bits.js';
import { blocks } from './classes/blocks.js';
import { choices } from './classes/choices.js';
import { cuts } from './classes/cuts.js';
import { frames } from './classes/frames.js';
import { headers } from './classes/headers.js';
import { hostile } from './classes/hostile.js';
import { imports } from './classes/imports.js';
import { indexes } from './classes/indexes.js';
import { kills } from './classes/kills.js';
import { senseless } from './classes/nonsense.js';
import { snapshots } from './classes/snapshots.js';
import type { TortureClass } from './torture-class.js';

/** All there are, in the order in which they are listed and tried. */
export const classes: readonly TortureClass[] = [
  bits,
  cuts,
  kills,
  blocks,
  headers,
  snapshots,
  indexes,
  frames,
  ...imports,
  senseless,
  choices,
  badArguments,
  hostile,
];

export const findClass = (name: string): TortureClass | undefined => classes.find((one) => one.name === name);
