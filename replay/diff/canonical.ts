import { brokeOff } from '../../src/events/broke-off.js';
import { type DataOf, isInput, type KindName, kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import type { RecordObject, RecordValue } from '../../src/events/field.js';
import { functionBehind } from '../../src/models/xen/config-access.js';
import { type FunctionId, formatFunction } from '../../src/pci/function-id.js';
import { bdfOf, type Dom0Sbdf, formatSbdf, type XenSbdf } from '../../src/pci/sbdf.js';
import { deviceNamed, meantByDom0 } from '../../src/rules/names.js';
import type { Env } from '../../src/state/env.js';
import { evolve, initialWorld, type World } from '../../src/state/world.js';
import { presentEvent } from '../../src/tell/present.js';
import type { Predicate } from '../../src/tell/where.js';
import { countsAt, type Level } from './levels.js';

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

/** Fields that hold nothing but a number somebody gave: dropped where the things they name are compared. */
const numberingFields: { readonly [K in KindName]?: readonly string[] } = {
  'segment.assigned': ['segment', 'source'],
  'segment.released': ['segment'],
  'segment.created': ['segment'],
};

/**
 * Turns the events of one trace into tokens: a name becomes the function it stands for in the numbering of whoever
 * uses it, at that moment of that trace. The world of the trace is folded along.
 */
export class Canonicaliser {
  readonly #env: Env;
  readonly #options: CanonicalOptions;
  readonly world: World;
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
    if (event.origin === 'inferred') {
      this.inferred += 1;
      return null;
    }
    try {
      const counts = countsAt(this.#options.level, event, this.world) && this.#wanted(event);
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
    const fields: Record<string, RecordValue> = {};
    const dropped = raw ? [] : (numberingFields[event.kind] ?? []);
    const declared = kindOf(event.kind).fields;
    for (const [name, value] of Object.entries(event.data)) {
      if (dropped.includes(name) || ignore.has(name) || ignore.has(`${event.kind}.${name}`)) continue;
      const type = declared[name]?.type;
      if (value === null) fields[name] = null;
      else if (type?.is === 'function')
        fields[name] = formatFunction(value as FunctionId, this.#env.platform);
      else if (type?.is === 'sbdf')
        fields[name] = raw
          ? formatSbdf(value as number)
          : this.#thing(event, value as number, type.numbering);
      else if (type?.is === 'record' && name === 'args' && !raw)
        fields[name] = this.#args(event as never, value as RecordObject);
      else fields[name] = value as RecordValue;
    }
    const time = raw ? ` ${event.atNs} ${event.origin} ${event.cause}` : '';
    return { event, fields, text: `${event.kind} ${event.by}${time} ${JSON.stringify(fields)}` };
  }

  /** What a name stands for; the name itself where nothing does. */
  #thing(event: TraceEvent, name: number, numbering: 'xen' | 'dom0' | 'guest' | 'caller'): string {
    const { domid } = event.data as { readonly domid?: number };
    const byHardwareDomain = domid !== undefined && this.world.domains[domid]?.hardware === true;
    let fn: FunctionId | null = null;
    if (numbering === 'xen') fn = functionBehind(this.world, this.#env, name as XenSbdf);
    else if (numbering === 'dom0' || (numbering === 'caller' && byHardwareDomain)) {
      fn = meantByDom0(this.world, this.#env, name as Dom0Sbdf);
    }
    return fn === null ? `?${formatSbdf(name)}` : formatFunction(fn, this.#env.platform);
  }

  /** Arguments with the device they name in place of segment and BDF. */
  #args(event: { readonly data: DataOf<'hypercall.issued'> } & TraceEvent, args: RecordObject): RecordObject {
    const { domid, hypercall, op } = event.data;
    if (this.world.domains[domid]?.hardware !== true) return args;
    if (op === 'pci_host_bridge_add') return without(args, ['seg']);
    const name = deviceNamed(hypercall, op, args);
    if (name === null) return args;
    const fn = meantByDom0(this.world, this.#env, name as number as Dom0Sbdf);
    const device = fn === null ? `?${formatSbdf(name)}` : formatFunction(fn, this.#env.platform);
    return { ...without(args, ['seg', 'bus', 'devfn', 'pci', 'dev']), device, bdf: bdfOf(name) };
  }
}

function without(args: RecordObject, names: readonly string[]): RecordObject {
  return Object.fromEntries(Object.entries(args).filter(([name]) => !names.includes(name)));
}
