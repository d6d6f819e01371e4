import type { EventOf, KindName } from '../events/catalogue.js';
import type { Env } from './env.js';

/**
 * Recipes of one subject, by event kind. Each mutates its draft in place and is total: no clock, no randomness, no
 * throw, no reading of other subjects. The same recipe runs under immer (kept states) and on plain state (replay);
 * test/property holds the two against each other. State is plain JSON-like data (objects, arrays, numbers, texts):
 * no Map, no Set, no typed array.
 */
export type Recipes<S> = {
  readonly [K in KindName]?: (draft: S, event: EventOf<K>, env: Env) => void;
};

/** One subject of the world: what it knows at the start and how events change it. */
export interface Slice<S> {
  initial(env: Env): S;
  readonly on: Recipes<S>;
}
