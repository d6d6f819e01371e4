import { concatMap, from, type OperatorFunction, Subject, scan } from 'rxjs';
import { assertNever } from '../base/assert.js';
import type { DomainId, EventSeq } from '../base/brand.js';
import type { EventOf, InputDraft, TraceEvent } from '../events/catalogue.js';
import type { DeviceAnswer, DeviceCall, DeviceFailure, DeviceModel, ServerName } from './device-model.js';
import { DueQueue } from './due-queue.js';

type Sent = EventOf<'ioreq.sent'>;

/** Buffered rings are polled, not answered. @source facts/q35-qemu 3.2 */
const POLL_NS = 100_000_000;
const SLOW = 100;

/** What a device model will do, and when; `make` runs when it is due. */
interface Planned {
  readonly dueNs: number;
  /** Its turns, one after the other. */
  readonly make: () => readonly InputDraft[];
}

/** One server: requests go in, planned turns come out. */
interface Server {
  readonly model: DeviceModel;
  readonly name: ServerName;
  readonly requests: Subject<Sent>;
  gone: boolean;
}

/**
 * The device models of a machine, one pipeline each: a subject of requests, a queue in trace time, failures, turns. What
 * happens is put into the log as inputs (`ioreq.served`, `ioreq.drained`, `hypercall.issued` with a cause) when it is due, so that a replay needs none
 * of this. No timers: the machine asks for what is due.
 */
export class DeviceModels {
  readonly #models: ReadonlyMap<string, DeviceModel>;
  readonly #servers = new Map<string, Server>();
  readonly #due = new DueQueue<Planned & { readonly server: Server }>();
  /** What went wrong in a server's pipeline; thrown where the request was handed over. */
  #failure: { readonly error: unknown } | null = null;

  constructor(models: readonly DeviceModel[]) {
    this.#models = new Map(models.map((model) => [`dm:${model.name}`, model]));
  }

  /** Trace time of the next turn; infinity when no device model has one. */
  get nextNs(): number {
    return this.#due.nextNs;
  }

  /** Reads what a turn of the machine led to: new and lost servers, and requests. The input comes first. */
  see(events: readonly TraceEvent[]): void {
    for (const event of events) {
      switch (event.kind) {
        case 'ioreq.sent':
          this.#send(event);
          break;
        case 'server.created': {
          const model = this.#models.get(events[0]!.by);
          if (model !== undefined) this.#bind(model, event.data);
          break;
        }
        case 'server.destroyed':
          this.#unbind(event.data);
          break;
        case 'model.heard':
          this.#hear(event);
          break;
        case 'message.forwarded':
          this.#forward(event);
          break;
        default:
      }
    }
  }

  /** Takes the next turn out; null when it went with its server. */
  take(): InputDraft | null {
    const planned = this.#due.pop();
    if (planned === undefined) return null;
    const { server, dueNs } = planned;
    if (server.gone) return null;
    const [first = null, ...rest] = planned.make();
    for (const draft of rest) this.#due.push(dueNs, { server, dueNs, make: () => [draft] });
    return first;
  }

  #send(sent: Sent): void {
    this.#servers.get(keyOf(sent.data))?.requests.next(sent);
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** News reach a model once, whatever the number of its servers; its calls are about the first. */
  #hear({ seq, atNs, data }: EventOf<'model.heard'>): void {
    for (const server of this.#servers.values()) {
      const { model, name } = server;
      if (model.name !== data.model || model.hear === undefined) continue;
      const dueNs = atNs + model.latencyNs;
      const make = () => (model.hear?.(data) ?? []).map((call) => callDraft(model, name, seq, call));
      this.#due.push(dueNs, { server, dueNs, make });
      return;
    }
  }

  /** A message that a server was told of; a device model without ports has no use for it. */
  #forward({ seq, atNs, data }: EventOf<'message.forwarded'>): void {
    const server = data.to.startsWith('server:')
      ? this.#servers.get(keyOf({ domid: data.domid, server: Number(data.to.slice('server:'.length)) }))
      : undefined;
    if (server?.model.forward === undefined) return;
    const { model, name } = server;
    const dueNs = atNs + model.latencyNs;
    const make = () => (model.forward?.(data) ?? []).map((call) => callDraft(model, name, seq, call));
    this.#due.push(dueNs, { server, dueNs, make });
  }

  #bind(model: DeviceModel, { domid, server: id }: ServerName): void {
    const name: ServerName = { domid, server: id };
    const requests = new Subject<Sent>();
    const server: Server = { model, name, requests, gone: false };
    requests
      .pipe(
        queued(model),
        concatMap(({ sent, startNs, nth }) => from(turnsOf(model, name, sent, startNs, nth))),
      )
      .subscribe({
        next: (planned) => this.#due.push(planned.dueNs, { ...planned, server }),
        error: (error: unknown) => {
          this.#failure = { error };
        },
      });
    this.#servers.set(keyOf(name), server);
  }

  #unbind(name: ServerName): void {
    const server = this.#servers.get(keyOf(name));
    if (server === undefined) return;
    this.#servers.delete(keyOf(name));
    server.gone = true;
    server.requests.complete();
  }
}

const keyOf = ({ domid, server }: ServerName): string => `${domid}:${server}`;

/** A request with its place in the server's queue. */
interface Queued {
  readonly sent: Sent;
  readonly nth: number;
  /** When the device model turns to it. */
  readonly startNs: number;
  readonly busyUntilNs: number;
}

/** One request after the other: the next is taken up when the one before is done. */
function queued(model: DeviceModel): OperatorFunction<Sent, Queued> {
  return scan<Sent, Queued>(
    (before, sent) => {
      const nth = before.nth + 1;
      const startNs = Math.max(sent.atNs, before.busyUntilNs);
      const busyUntilNs = sent.data.buffered ? before.busyUntilNs : startNs + latency(model, nth);
      return { sent, nth, startNs, busyUntilNs };
    },
    { nth: -1, startNs: 0, busyUntilNs: 0 } as Queued,
  );
}

const failureAt = ({ failure }: DeviceModel, nth: number): DeviceFailure['how'] | null =>
  failure !== undefined && nth >= failure.after ? failure.how : null;

const latency = (model: DeviceModel, nth: number): number =>
  model.latencyNs * (failureAt(model, nth) === 'slow' ? SLOW : 1);

/** What the device model does with one request. */
function turnsOf(model: DeviceModel, name: ServerName, sent: Sent, startNs: number, nth: number): Planned[] {
  const { data } = sent;
  const how = failureAt(model, nth);
  const dueNs = startNs + latency(model, nth);
  const by = `dm:${model.name}`;
  const write = (state: number, atNs: number, answer: () => DeviceAnswer): Planned => ({
    dueNs: atNs,
    make: () => {
      const { data: low, dataHigh, calls = [] } = answer();
      const served: InputDraft = {
        kind: 'ioreq.served',
        by,
        cause: sent.seq,
        data: { ...name, vcpu: data.vcpu, state, data: low, dataHigh: dataHigh ?? null, eport: null },
      };
      return [...calls.map((call) => callDraft(model, name, sent.seq, call)), served];
    },
  });
  const unchanged = (): DeviceAnswer => ({ data: data.data, dataHigh: data.dataHigh });
  switch (how) {
    case 'dead':
      return [];
    case 'stuck':
      return data.buffered ? [] : [write(INPROCESS, dueNs, unchanged)];
    case 'scribbler':
      return data.buffered ? [] : [write(NO_STATE, dueNs, unchanged)];
    case 'slow':
    case null:
      break;
    default:
      return assertNever(how);
  }
  if (!data.buffered) return [write(RESP_READY, dueNs, () => model.serve(data))];
  const taken = data.size === 8 ? 2 : 1;
  const make = (): InputDraft[] => {
    const { calls = [] } = model.serve(data);
    const drained: InputDraft = { kind: 'ioreq.drained', by, cause: sent.seq, data: { ...name, taken } };
    return [...calls.map((call) => callDraft(model, name, sent.seq, call)), drained];
  };
  return [{ dueNs: sent.atNs + POLL_NS, make }];
}

/** A call of a device model because of the event `cause`; device models run in domain 0. */
const callDraft = (
  model: DeviceModel,
  { domid, server }: ServerName,
  cause: EventSeq,
  { op, args, server: own }: DeviceCall,
): InputDraft => ({
  kind: 'hypercall.issued',
  by: `dm:${model.name}`,
  cause,
  data: { domid: DOM0, hypercall: 'dm_op', op, args: { domid, ...(own ? { id: server } : {}), ...args } },
});

const DOM0 = 0 as DomainId;

/** @source facts/xen 4.6 */
const INPROCESS = 2;
const RESP_READY = 3;
const NO_STATE = 9;
