import { badArguments } from './classes/arguments.js';
import { bits } from './classes/bits.js';
import { choices } from './classes/choices.js';
import { cuts } from './classes/cuts.js';
import { documents } from './classes/documents.js';
import { imports } from './classes/imports.js';
import { kills } from './classes/kills.js';
import { nonsense } from './classes/nonsense.js';
import type { TortureClass } from './verdict.js';

/** Every class, in the order of the table. */
export const classes: readonly TortureClass[] = [
  bits,
  cuts,
  ...documents,
  imports,
  nonsense,
  choices,
  badArguments,
  kills,
];
