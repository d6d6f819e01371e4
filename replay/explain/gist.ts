import { type InputEvent, kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import type { Platform } from '../../src/platform/platform.js';
import { Lines } from './lines.js';
import { follow, noWay, type Reason, reasonOf, registerOf, type Way } from './reason.js';

/** Owner, value or interrupt in an outcome, as one looks for them when designs are compared; null for inner steps. */
const gistOf = (event: TraceEvent, platform: Platform): string | null =>
  kindOf(event.kind).gist(event.data, platform);

/** What is said about one access. */
interface Account {
  readonly lines: Lines;
  way: Way;
}

/** The place in the recording of an input of another run; null where it has none. */
export type PlaceOf = (seq: number) => number | null;

/** Requests and news remembered: a device model that never answers must not fill the memory. */
const OPEN = 1 << 16;

/** Gists of a run by access, until they are forgotten. */
export class GistBook {
  readonly #platform: Platform;
  readonly #accounts = new Map<number, Account>();
  /** Requests and news a device model has not dealt with, to the access or news behind each; the latest of them. */
  readonly #roots = new Map<number, number>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /**
   * The access or news because of which a device model makes this input, in the recording's numbering; null for inputs
   * that nothing asked for.
   */
  rootOf({ cause }: Pick<InputEvent, 'cause'>): number | null {
    return cause === null ? null : (this.#roots.get(cause) ?? null);
  }

  /**
   * @param input Place of the input, or of the access behind it, in the recording's numbering.
   * @param inputKind Its kind: what a hypercall inside another step returned is no answer to that step.
   * @param places From the run's own places of inputs to the recording's; null for the recording itself.
   * @returns The access that was spoken of; null for an inner step.
   */
  note(input: number, inputKind: string, event: TraceEvent, places: PlaceOf | null): number | null {
    this.#followRoots(event, input, places);
    if (event.kind === 'hypercall.returned' && inputKind !== 'hypercall.issued') return null;
    const at = placeOf(event, input, places);
    if (isRouting(event)) {
      const account = this.#account(at);
      account.way = follow(account.way, event);
    }
    const gist = gistOf(event, this.#platform);
    if (gist === null) return null;
    // A device model's call that worked says nothing about the access behind it; what it led to does.
    if (event.kind === 'hypercall.returned' && event.data.ret >= 0 && this.#calls === input) return null;
    this.#account(at).lines.add(gist);
    return at;
  }

  /** The access a device model's call belongs to, while the call is looked at. */
  #calls: number | null = null;

  #followRoots(event: TraceEvent, input: number, places: PlaceOf | null): void {
    switch (event.kind) {
      case 'ioreq.sent':
        if (event.data.request !== null)
          this.#open(event.seq, places?.(event.data.request) ?? event.data.request);
        return;
      case 'model.heard':
      case 'message.forwarded':
        this.#open(event.seq, input);
        return;
      case 'hypercall.issued':
        this.#calls = this.rootOf(event);
        return;
      case 'ioreq.served':
      case 'ioreq.drained':
        if (event.cause !== null) this.#roots.delete(event.cause);
        return;
      default:
    }
  }

  #open(seq: number, root: number): void {
    this.#roots.set(seq, root);
    if (this.#roots.size <= OPEN) return;
    const oldest = this.#roots.keys().next();
    if (oldest.done !== true) this.#roots.delete(oldest.value);
  }

  #account(access: number): Account {
    const known = this.#accounts.get(access);
    if (known !== undefined) return known;
    const fresh: Account = { lines: new Lines(), way: noWay };
    this.#accounts.set(access, fresh);
    return fresh;
  }

  /** What was said about an access; `-` for nothing. */
  about(access: number): string {
    return this.#accounts.get(access)?.lines.text || '-';
  }

  /** Which rule of the design chose who answers; null where no access was routed. */
  why(access: number): Reason | null {
    const account = this.#accounts.get(access);
    return account === undefined ? null : reasonOf(account.way);
  }

  /** The register an access reached for; null where the run tells none. */
  register(access: number): string | null {
    return registerOf(this.#accounts.get(access)?.way ?? noWay);
  }

  /** Whether nothing more is expected of an access: it is not under way. */
  isClosed(access: number): boolean {
    const way = this.#accounts.get(access)?.way ?? noWay;
    return way === noWay || way.handledBy !== null;
  }

  forget(access: number): void {
    this.#accounts.delete(access);
  }
}

const isRouting = ({ kind }: TraceEvent): boolean =>
  kind === 'mmconfig.decoded' ||
  kind === 'ioreq.sent' ||
  kind === 'ioreq.unclaimed' ||
  kind === 'chipset.hidden' ||
  kind === 'io.completed';

/** The access an outcome speaks of. */
function placeOf(event: TraceEvent, input: number, places: PlaceOf | null): number {
  const request = event.kind === 'io.completed' || event.kind === 'ioreq.sent' ? event.data.request : null;
  return request === null ? input : (places?.(request) ?? request);
}
