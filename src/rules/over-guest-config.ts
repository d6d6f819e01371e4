import type { TraceEvent } from '../events/catalogue.js';
import { GuestConfig, type Learnt } from './guest-config.js';
import type { Watcher, Watching } from './rule.js';
import type { Shared } from './shared.js';

/** Places a rule reports before it falls silent: a guest that varies its mistakes costs no more memory. */
const PLACES = 4096;

/** The knowledge of guests' configuration space that rules of one judge share. */
export const guestConfig = (shared: Shared): GuestConfig => shared.of(newGuestConfig);
const newGuestConfig = (): GuestConfig => new GuestConfig();

/** True the first time a place of a guest comes up, as long as there is room to remember it. */
export type Once = (place: string) => boolean;

/** Places already reported, by guest. */
export class Reported {
  readonly #places = new Set<string>();

  /** Nothing more will be reported. */
  get isFull(): boolean {
    return this.#places.size >= PLACES;
  }

  once(domid: number, place: string): boolean {
    const key = `${domid}:${place}`;
    if (this.isFull || this.#places.has(key)) return false;
    this.#places.add(key);
    return true;
  }

  forget(domid: number): void {
    for (const key of this.#places) if (key.startsWith(`${domid}:`)) this.#places.delete(key);
  }
}

/** Judges whatever a guest learns or changes, known values again left out; a place is reported once per guest. */
export function overGuestConfig(
  shared: Shared,
  judge: (learnt: Learnt, once: Once, watching: Watching) => void,
): Watcher {
  const config = guestConfig(shared);
  const reported = new Reported();
  const check = (event: TraceEvent, watching: Watching): void => {
    const learnt = config.learn(event, watching);
    if (learnt !== null && !reported.isFull)
      judge(learnt, (place) => reported.once(learnt.guest.domid, place), watching);
  };
  return {
    'mmconfig.decoded': check,
    'ioreq.sent': check,
    'ioreq.completed': check,
    'chipset.changed': check,
    'domain.destroyed': (event, watching) => {
      check(event, watching);
      reported.forget(event.data.domid);
    },
  };
}
