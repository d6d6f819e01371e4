import { errnoName } from '../src/base/errno.js';
import { hex, hexPad } from '../src/base/hex.js';
import type { TraceEvent } from '../src/events/catalogue.js';
import { formatFunction } from '../src/pci/function-id.js';
import type { Platform } from '../src/platform/platform.js';

/** What one outcome says about an access: the place of the access in the log, and who answered with what. */
export interface Gist {
  /** The access it belongs to; null for the input being decided. */
  readonly access: number | null;
  readonly text: string;
}

const valueText = (value: number | null): string => (value === null ? '' : ` ${hex(value)}`);

/** Owner, value or interrupt in an outcome, as one looks for them when designs are compared; null for inner steps. */
function gistOf(event: TraceEvent, platform: Platform): Gist | null {
  switch (event.kind) {
    case 'config.completed': {
      const reached = event.data.function === null ? '' : ` ${formatFunction(event.data.function, platform)}`;
      return { access: null, text: `${event.data.handledBy}${reached}${valueText(event.data.value)}` };
    }
    case 'io.completed':
      return { access: event.data.request, text: `${event.data.handledBy}${valueText(event.data.value)}` };
    case 'hypercall.returned':
      return { access: null, text: errnoName(event.data.ret) };
    case 'msi.delivered':
      return {
        access: null,
        text: `d${event.data.domid} interrupt ${event.data.intid ?? event.data.vector}`,
      };
    case 'msi.dropped':
      return { access: null, text: 'no interrupt' };
    case 'dma.completed': {
      const owner = event.data.domid === null ? 'untranslated' : `memory of d${event.data.domid}`;
      return { access: null, text: `${owner}${valueText(event.data.address)}` };
    }
    case 'iommu.faulted':
      return {
        access: null,
        text: `${event.data.event ?? 'silent abort'} 0x${hexPad(event.data.streamId, 5)}`,
      };
    case 'segment.assigned':
      return { access: null, text: `${event.data.by} segment ${event.data.segment}` };
    case 'sysfs.accessed':
      return event.data.errno === 0
        ? null
        : { access: null, text: `${event.data.path} ${errnoName(event.data.errno)}` };
    case 'toolstack.advanced':
      return { access: null, text: event.data.step };
    case 'toolstack.logged':
      return event.data.level === 'error' ? { access: null, text: `says "${event.data.text}"` } : null;
    case 'toolstack.finished':
      return { access: null, text: `ends with ${event.data.rc}` };
    case 'toolstack.ledger': {
      const { standing, xen, kernel, store } = event.data;
      return { access: null, text: `${standing} (Xen: ${xen}; kernel: ${kernel}; XenStore: ${store})` };
    }
    case 'bridge.rejected':
      return { access: null, text: `${event.data.by} rejects` };
    default:
      return null;
  }
}

/** Gists of a run by access. Accesses about which two runs agree are forgotten, so that memory holds differences only. */
export class GistBook {
  readonly #platform: Platform;
  readonly #lines = new Map<number, string[]>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /**
   * @param input Place of the input, in the recording's numbering.
   * @param inputKind Its kind: what a hypercall inside another step returned is no answer to that step.
   * @param places The run's own places of accesses that may be answered later, to the recording's; null for the
   *   recording itself.
   * @returns The access that was spoken of; null for an inner step.
   */
  note(
    input: number,
    inputKind: string,
    event: TraceEvent,
    places: ReadonlyMap<number, number> | null,
  ): number | null {
    if (event.kind === 'hypercall.returned' && inputKind !== 'hypercall.issued') return null;
    const gist = gistOf(event, this.#platform);
    if (gist === null) return null;
    const at = gist.access === null ? input : (places?.get(gist.access) ?? gist.access);
    const lines = this.#lines.get(at);
    if (lines === undefined) this.#lines.set(at, [gist.text]);
    else lines.push(gist.text);
    return at;
  }

  /** What was said about an access; `-` for nothing. */
  about(access: number): string {
    return this.#lines.get(access)?.join(', ') ?? '-';
  }

  forget(access: number): void {
    this.#lines.delete(access);
  }

  accesses(): number[] {
    return [...this.#lines.keys()];
  }
}
