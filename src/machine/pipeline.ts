import { map, type Observable, type OperatorFunction, tap } from 'rxjs';
import { invariant } from '../base/assert.js';
import type { InputDraft, TraceEvent } from '../events/catalogue.js';
import type { Engine } from '../models/engine.js';

/** Inputs cross the operators in batches: one emission per event would cost more than deciding it. */
export type InputBatch = readonly InputDraft[];

/** Decides every input of a batch; one array of events out per batch in. */
function decide(engine: Engine): OperatorFunction<InputBatch, readonly TraceEvent[]> {
  return map((batch) => {
    if (batch.length === 1) return engine.step(batch[0]!);
    const events: TraceEvent[] = [];
    for (const draft of batch) for (const event of engine.step(draft)) events.push(event);
    return events;
  });
}

/**
 * The one pipeline of every run: source, decide, append. A live machine and a recorded log differ in `source` only.
 * @param append Takes each batch of events in log order.
 */
export function pipeline(
  source: Observable<InputBatch>,
  engine: Engine,
  append: (events: readonly TraceEvent[]) => void,
): Observable<readonly TraceEvent[]> {
  return source.pipe(decide(engine), tap(append));
}

/**
 * Runs a synchronous stream to its end and throws what went wrong in it or in `next`, after which nothing more is
 * delivered. RxJS alone would report an error later, to nobody, and go on with the next value.
 */
export function drain<T>(stream: Observable<T>, next: (value: T) => void): void {
  let failure: { readonly error: unknown } | null = null;
  let complete = false;
  // As an operator `next` is part of the stream, and its exceptions are the stream's.
  stream.pipe(tap(next)).subscribe({
    error: (error: unknown) => {
      failure = { error };
    },
    complete: () => {
      complete = true;
    },
  });
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
  invariant(complete, 'the stream went on after its source had ended');
}
