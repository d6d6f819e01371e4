import type { EventSeq } from '../base/brand.js';
import type { EventOf } from '../events/catalogue.js';
import type { Watcher, Watching } from './rule.js';

export type Entered = EventOf<'hypercall.issued'> | EventOf<'hypercall.entered'>;

/**
 * Brings a hypercall and its answer together for rules about what Xen answered. Calls that a rule has no use for are
 * not kept.
 */
export function onAnswers(
  wanted: (call: Entered, watching: Watching) => boolean,
  check: (call: Entered, answer: EventOf<'hypercall.returned'>, watching: Watching) => void,
): Watcher {
  const pending = new Map<EventSeq, Entered>();
  const keep = (call: Entered, watching: Watching): void => {
    if (wanted(call, watching)) pending.set(call.seq, call);
  };
  return {
    'hypercall.issued': keep,
    'hypercall.entered': keep,
    'hypercall.returned': (answer, watching) => {
      const call = answer.cause === null ? undefined : pending.get(answer.cause);
      if (call === undefined) return;
      pending.delete(call.seq);
      check(call, answer, watching);
    },
  };
}
