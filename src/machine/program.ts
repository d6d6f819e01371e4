import type { Prng } from '../base/prng.js';
import type { InputDraft, TraceEvent } from '../events/catalogue.js';
import type { Env } from '../state/env.js';
import type { ReadonlyWorld } from '../state/world.js';

/** What a program may look at while it runs. */
export interface MachineView {
  readonly env: Env;
  /** The world now; read it anew after every `yield`. */
  readonly state: ReadonlyWorld;
  readonly prng: Prng;
}

/** Blocks a program until the predicate holds. A machine in which every program is blocked for good has ended. */
export interface Until {
  readonly until: (state: ReadonlyWorld) => boolean;
}

/** Lets trace time pass for this program. */
export interface Sleep {
  readonly sleepNs: number;
}

export type Step = InputDraft | Until | Sleep;

/** The events an input led to, the input first; empty after `until` and `sleep`. */
export type Followed = readonly TraceEvent[];

/** A party that acts: yields inputs, one a turn, and gets back what followed. */
export type Program = (machine: MachineView) => Generator<Step, void, Followed>;

/** Programs by name; the name seeds nothing, but the order of the entries is the order of equal choices. */
export type Programs = Readonly<Record<string, Program>>;
