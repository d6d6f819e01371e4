import {
  type EventOf,
  type KindName,
  kindNames,
  kindOf,
  type TraceEvent,
} from '../../src/events/catalogue.js';
import type { TraceReader } from '../../src/log/reader.js';
import type { FunctionId } from '../../src/pci/function-id.js';
import type { XenSbdf } from '../../src/pci/sbdf.js';
import { Judge } from '../../src/rules/judge.js';
import type { Finding } from '../../src/rules/rule.js';
import type { Env } from '../../src/state/env.js';
import type { ReadonlyWorld } from '../../src/state/world.js';

/** What a trace comes to at a position, counted by device and by domain on the way. */
export interface Seen {
  readonly state: ReadonlyWorld;
  /** The findings that are kept, the first of each sort. */
  readonly findings: readonly Finding[];
  /** How many findings there are about each function, by rule; all of them are counted. */
  readonly about: FindingsAbout;
  /** By FunctionId: configuration accesses that reached it, and uses of its registers. */
  readonly accesses: ReadonlyMap<number, number>;
  /** By FunctionId: events that name it. */
  readonly events: ReadonlyMap<number, number>;
  /** By domid: accesses it made, to configuration space, ports and memory. */
  readonly asked: ReadonlyMap<number, number>;
  /** By domid: hypercalls it issued. */
  readonly hypercalls: ReadonlyMap<number, number>;
  /** Events looked at. */
  readonly processed: number;
}

/** Counts findings by what they are about. */
export class FindingsAbout {
  readonly #functions = new Map<number, Map<string, number>>();
  readonly #names = new Map<number, Map<string, number>>();

  add({ function: fn, xenName, rule }: Finding): void {
    if (fn !== null) count(this.#functions, fn, rule);
    else if (xenName !== undefined && xenName !== null) count(this.#names, xenName, rule);
  }

  /** Of a function, or where nobody says which that is, of what Xen calls so; by rule, the first found first. */
  of(fn: FunctionId | null, xenName: XenSbdf | null): ReadonlyMap<string, number> {
    const found = fn === null ? this.#names.get(xenName ?? NOBODY) : this.#functions.get(fn);
    return found ?? new Map<string, number>();
  }
}

/** No name. */
const NOBODY = -1;

function count(book: Map<number, Map<string, number>>, key: number, rule: string): void {
  const rules = book.get(key) ?? new Map<string, number>();
  book.set(key, rules.set(rule, (rules.get(rule) ?? 0) + 1));
}

/** Kinds that are an access to the function they name. */
const ACCESSES: ReadonlySet<KindName> = new Set<KindName>([
  'config.completed',
  'config.performed',
  'registers.reached',
]);

/** Fields of each kind that hold a FunctionId. */
const functionFields: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  kindNames.map((name) => [
    name,
    Object.entries(kindOf(name).fields).flatMap(([field, { type }]) =>
      type.is === 'function' ? [field] : [],
    ),
  ]),
);

/**
 * Looks at the events up to and with `seq`.
 * @throws {Trouble} LOG-004 to LOG-015, RUN-001
 * @cost One pass over the events.
 */
export function seenUpTo(reader: TraceReader, env: Env, seq: number): Seen {
  const about = new FindingsAbout();
  const judge = new Judge(env, { each: (finding) => about.add(finding) });
  const [accesses, events] = [new Map<number, number>(), new Map<number, number>()];
  const [asked, hypercalls] = [new Map<number, number>(), new Map<number, number>()];
  const add = (to: Map<number, number>, key: number): unknown => to.set(key, (to.get(key) ?? 0) + 1);
  let processed = 0;
  for (const event of reader.readEvents(0, seq + 1)) {
    judge.see(event);
    processed += 1;
    for (const fn of functionsOf(event)) {
      add(events, fn);
      if (ACCESSES.has(event.kind)) add(accesses, fn);
    }
    if (isRequest(event)) add(asked, event.data.domid);
    if (isHypercall(event)) add(hypercalls, event.data.domid);
  }
  return {
    state: judge.world,
    findings: judge.findings,
    about,
    accesses,
    events,
    asked,
    hypercalls,
    processed,
  };
}

type Request = EventOf<'config.requested' | 'io.requested' | 'registers.touched'>;

const isRequest = (event: TraceEvent): event is Request =>
  event.kind === 'config.requested' || event.kind === 'io.requested' || event.kind === 'registers.touched';

const isHypercall = (event: TraceEvent): event is EventOf<'hypercall.issued' | 'hypercall.entered'> =>
  event.kind === 'hypercall.issued' || event.kind === 'hypercall.entered';

function functionsOf({ kind, data }: TraceEvent): number[] {
  const named = functionFields[kind]!.map((field) => (data as Readonly<Record<string, unknown>>)[field]);
  return named.filter((one): one is number => typeof one === 'number');
}
