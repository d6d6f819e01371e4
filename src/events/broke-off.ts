import { Trouble } from '../base/errors.js';
import type { TraceEvent } from './catalogue.js';

/**
 * What an exception out of a decider, reducer, rule or comparer becomes: the run ends with it, naming the event at hand.
 * The innermost event is kept, so that a reducer that gives way inside a decision is told by the outcome it was given.
 * @param part Who gave way, as `the decider` or `the reducer of iommu`.
 */
export function brokeOff(
  error: unknown,
  part: string,
  { seq, kind }: Pick<TraceEvent, 'seq' | 'kind'>,
): Trouble {
  if (error instanceof Trouble) return error;
  return new Trouble('RUN-001', `${part} broke off`, {
    at: { path: `#${seq} ${kind}` },
    expected: 'an end without an exception',
    actual: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    hint: 'nothing from that event on was processed; if xpr fsck finds nothing, this is a fault of xpr',
  });
}

/**
 * Holds what a run looked at against what there is: no verdict over the rest.
 * @throws {Trouble} RUN-002
 */
export function allProcessed(processed: number, events: number): void {
  if (processed === events) return;
  throw new Trouble('RUN-002', 'not all events were processed', {
    expected: `${events} events`,
    actual: `${processed}`,
    hint: 'nothing can be said of the trace; this is a fault of xpr',
  });
}
