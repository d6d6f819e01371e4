import type { EventSeq } from '../base/brand.js';
import type { Actor, DataOf, EventOf, InputKind, OutcomeKind } from '../events/catalogue.js';
import type { Env } from '../state/env.js';
import type { ReadonlyWorld } from '../state/world.js';

/**
 * What a decider is given. Deciders never mutate: they `emit` outcomes, and each emitted outcome has been folded into
 * `state` before `emit` returns, so that a decider of several steps reads what its earlier steps did.
 */
export interface Context {
  /** The world after everything emitted so far. Read it again after `emit`; do not keep parts of it. */
  readonly state: ReadonlyWorld;
  readonly env: Env;
  /** Appends an outcome and returns its place in the log. `cause` is the deciding input unless given. */
  emit<K extends OutcomeKind>(by: Actor, kind: K, data: DataOf<K>, cause?: EventSeq): EventSeq;
}

/** Decides what follows from one input. Never throws for anything a caller of the simulated world can do. */
export type Decider<K extends InputKind> = (context: Context, input: EventOf<K>) => void;
export type Deciders = { readonly [K in InputKind]: Decider<K> };
