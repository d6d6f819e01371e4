import { brokeOff } from '../../src/events/broke-off.js';
import { isInput, kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import type { Field, RecordValue } from '../../src/events/field.js';
import { type BridgeTable, type FunctionId, formatFunction } from '../../src/pci/function-id.js';
import { formatSbdf } from '../../src/pci/sbdf.js';
import type { Env } from '../../src/state/env.js';
import { evolve, initialWorld, type World } from '../../src/state/world.js';
import { presentEvent } from '../../src/tell/present.js';
import type { Predicate } from '../../src/tell/where.js';
import { Askers } from './askers.js';
import { countsAt, type Level } from './levels.js';
import { isMereNumber, meantBy } from './things.js';

/** One event as it is compared. */
export interface Token {
  readonly event: TraceEvent;
  /** Equal texts are equal events at the chosen level. */
  readonly text: string;
  /** Payload with names replaced by what they name. */
  readonly fields: Readonly<Record<string, RecordValue>>;
}

export interface CanonicalOptions {
  readonly level: Level;
  /** Payload fields that do not count, as `value` or `config.completed.value`. */
  readonly ignore: ReadonlySet<string>;
  /** Filter over event lines; null when all count. */
  readonly where?: Predicate | null;
}

/**
 * Turns the events of one trace into tokens: a name becomes the function it stands for in the numbering of whoever
 * uses it, at that moment of that trace. The world of the trace is folded along.
 */
export class Canonicaliser {
  readonly #env: Env;
  readonly #options: CanonicalOptions;
  readonly world: World;
  readonly #askers = new Askers();
  /** Events left out because an importer deduced them. */
  inferred = 0;
  /** Events looked at. */
  events = 0;

  constructor(env: Env, options: CanonicalOptions, world: World = initialWorld(env)) {
    this.#env = env;
    this.#options = options;
    this.world = world;
  }

  /** Tokens of the events that count. @throws {Trouble} RUN-001 */
  *tokens(events: Iterable<TraceEvent>): Generator<Token> {
    for (const event of events) {
      // Requests are read in the world before them, outcomes in the one they are part of.
      if (!isInput(event)) evolve(this.world, event, this.#env);
      const token = this.#tokenOf(event);
      if (token !== null) yield token;
      if (isInput(event)) evolve(this.world, event, this.#env);
      this.events += 1;
    }
  }

  /** Null for what does not count. */
  #tokenOf(event: TraceEvent): Token | null {
    try {
      this.#askers.follow(event, this.world);
      if (event.origin === 'inferred') {
        this.inferred += 1;
        return null;
      }
      const counts = countsAt(this.#options.level, event, this.world, this.#askers) && this.#wanted(event);
      return counts ? this.#token(event) : null;
    } catch (error) {
      throw brokeOff(error, 'the comparison', event);
    }
  }

  #wanted(event: TraceEvent): boolean {
    const { where } = this.#options;
    return where == null || where(presentEvent(event, this.#env.platform));
  }

  #token(event: TraceEvent): Token {
    const { level, ignore } = this.#options;
    const raw = level === 'raw';
    const row = event.data as Readonly<Record<string, unknown>>;
    const at = { world: this.world, env: this.#env };
    const fields: Record<string, RecordValue> = {};
    for (const [name, field] of Object.entries(kindOf(event.kind).fields)) {
      if (ignore.has(name) || ignore.has(`${event.kind}.${name}`)) continue;
      if (raw) fields[name] = asItStands(field, row[name], this.#env.platform);
      else if (!isMereNumber(field)) fields[name] = meantBy(field, row[name], event, at);
    }
    const time = raw ? ` ${event.atNs} ${event.origin} ${event.cause}` : '';
    return { event, fields, text: `${event.kind} ${event.by}${time} ${JSON.stringify(fields)}` };
  }
}

function asItStands({ type }: Field, value: unknown, bridges: BridgeTable): RecordValue {
  if (value === null) return null;
  if (type.is === 'function') return formatFunction(value as FunctionId, bridges);
  return type.is === 'sbdf' ? formatSbdf(value as number) : (value as RecordValue);
}
