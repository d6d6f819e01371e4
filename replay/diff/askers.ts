import { valueAt } from '../../src/base/dictionary.js';
import { kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import type { ReadonlyWorld } from '../../src/state/world.js';

/** Requests remembered: outcomes come soon after the input they follow from. */
const OPEN = 4096;

/** Which domain can tell an event. An outcome that names none belongs to whoever asked. */
export class Askers {
  readonly #domains = new Map<number, number | 'nobody'>();

  /**
   * Takes the next event of the trace.
   * @param world The state in which its names are read
   */
  follow(event: TraceEvent, world: ReadonlyWorld): void {
    const named = namedIn(event, world);
    const domid = named === 'unknown' && event.cause !== null ? this.#domains.get(event.cause) : named;
    if (domid === undefined || domid === 'unknown') return;
    this.#domains.set(event.seq, domid);
    if (this.#domains.size <= OPEN) return;
    const oldest = this.#domains.keys().next();
    if (oldest.done !== true) this.#domains.delete(oldest.value);
  }

  /** The domain that can tell an event that was followed last, or soon before. */
  domainOf({ seq }: TraceEvent): number | 'nobody' | 'unknown' {
    return this.#domains.get(seq) ?? 'unknown';
  }
}

/** The domain that an event names itself. */
function namedIn(event: TraceEvent, world: ReadonlyWorld): number | 'nobody' | 'unknown' {
  const { whose, fields } = kindOf(event.kind);
  const name = whose ?? 'domid';
  const type = fields[name]?.type;
  if (type === undefined) return 'unknown';
  const value = (event.data as Readonly<Record<string, unknown>>)[name];
  if (value === null) return 'nobody';
  if (typeof value === 'number') return value;
  return type.is === 'text' && type.connection === true && typeof value === 'string'
    ? (valueAt(world.xenstore.connections, value)?.domid ?? 'unknown')
    : 'unknown';
}
