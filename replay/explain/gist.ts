import { assertNever } from '../../src/base/assert.js';
import { errnoName } from '../../src/base/errno.js';
import { hex, hexPad } from '../../src/base/hex.js';
import type { DataOf, InputEvent, TraceEvent } from '../../src/events/catalogue.js';
import { formatFunction } from '../../src/pci/function-id.js';
import { formatSbdf } from '../../src/pci/sbdf.js';
import type { Platform } from '../../src/platform/platform.js';
import { Lines } from './lines.js';
import { follow, noWay, type Reason, reasonOf, registerOf, type Way } from './reason.js';

const valueText = (value: number | null): string => (value === null ? '' : ` ${hex(value)}`);

function memoryText({ whose, owner }: DataOf<'memory.reached'>): string {
  switch (whose) {
    case 'guest':
      return `memory of d${owner}`;
    case 'page-table':
      return `page table of d${owner}`;
    case 'xen':
      return "Xen's memory";
    case 'nobody':
      return 'memory of nobody';
    default:
      return assertNever(whose);
  }
}

/** Owner, value or interrupt in an outcome, as one looks for them when designs are compared; null for inner steps. */
function gistOf(event: TraceEvent, platform: Platform): string | null {
  switch (event.kind) {
    case 'config.completed': {
      const reached = event.data.function === null ? '' : ` ${formatFunction(event.data.function, platform)}`;
      return `${event.data.handledBy}${reached}${valueText(event.data.value)}`;
    }
    case 'io.completed':
      return `${event.data.handledBy}${valueText(event.data.value)}`;
    case 'hypercall.returned':
      return errnoName(event.data.ret);
    case 'msi.delivered':
      return `d${event.data.domid} interrupt ${event.data.intid ?? event.data.vector}`;
    case 'msi.dropped':
      return 'no interrupt';
    case 'line.changed':
      return `${event.data.line} ${event.data.index} ${event.data.level ? 'raised' : 'lowered'}`;
    case 'event.injected':
      return `event ${event.data.vector} for vcpu ${event.data.vcpu}`;
    case 'dma.completed': {
      const owner = event.data.domid === null ? 'untranslated' : `memory of d${event.data.domid}`;
      return `${owner}${valueText(event.data.address)}`;
    }
    case 'memory.reached':
      return `${memoryText(event.data)}${valueText(event.data.address)}`;
    case 'vtd.faulted':
      return `fault ${hexPad(event.data.reason, 2)}: ${event.data.text}`;
    case 'registers.reached': {
      const { function: fn, through } = event.data;
      return `${fn === null ? 'nobody' : formatFunction(fn, platform)} through ${through}`;
    }
    case 'registers.refused':
      return event.data.why;
    case 'dma.discarded':
      return event.data.why === 'scratch-page' ? 'scratch page' : 'not sent: bus mastering is off';
    case 'iommu.faulted':
      return `${event.data.event ?? 'silent abort'} 0x${hexPad(event.data.streamId, 5)}`;
    case 'segment.assigned':
      return `${event.data.by} segment ${event.data.segment}`;
    case 'sysfs.accessed':
      return event.data.errno === 0 ? null : `${event.data.path} ${errnoName(event.data.errno)}`;
    case 'toolstack.advanced':
      return event.data.step;
    case 'toolstack.logged':
      return event.data.level === 'error' ? `says "${event.data.text}"` : null;
    case 'toolstack.finished':
      return `ends with ${event.data.rc}`;
    case 'toolstack.ledger': {
      const { standing, xen, kernel, store } = event.data;
      return `${standing} (Xen: ${xen}; kernel: ${kernel}; XenStore: ${store})`;
    }
    case 'message.forwarded': {
      const { to, port } = event.data;
      return port === null ? `told ${to}` : `port ${formatSbdf(port)} of ${to}`;
    }
    case 'bridge.rejected':
      return `${event.data.by} rejects`;
    default:
      return null;
  }
}

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
