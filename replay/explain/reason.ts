import { hex } from '../../src/base/hex.js';
import type { DataOf, TraceEvent } from '../../src/events/catalogue.js';
import { busOf, formatSbdf } from '../../src/pci/sbdf.js';

/** What is known of the way of one access through Xen. */
export interface Way {
  /** The memory access lay in the ECAM window that Xen knows. */
  readonly decoded: DataOf<'mmconfig.decoded'> | null;
  /** What the server was handed. */
  readonly sent: DataOf<'ioreq.sent'> | null;
  readonly unclaimed: DataOf<'ioreq.unclaimed'> | null;
  /** Why Xen kept the access from the device model. */
  readonly hidden: string | null;
  readonly handledBy: string | null;
}

export const noWay: Way = {
  decoded: null,
  sent: null,
  unclaimed: null,
  hidden: null,
  handledBy: null,
};

/** Adds what one outcome tells; others leave it alone. */
export function follow(way: Way, event: TraceEvent): Way {
  switch (event.kind) {
    case 'mmconfig.decoded':
      return { ...way, decoded: event.data };
    case 'ioreq.sent':
      return { ...way, sent: event.data };
    case 'ioreq.unclaimed':
      return { ...way, unclaimed: event.data };
    case 'chipset.hidden':
      return { ...way, hidden: event.data.why };
    case 'io.completed':
      return { ...way, handledBy: event.data.handledBy };
    default:
      return way;
  }
}

/** Which rule of the design chose who answers. */
export type Reason =
  /** A server registered the address. */
  | 'range'
  /** The name latched at 0xcf8. */
  | 'latch'
  /** The ECAM window Xen knows. */
  | 'window'
  /** The window or the latch names a function of Xen's own chipset. */
  | 'own chipset'
  /** Xen kept the access. */
  | 'intercept'
  /** A part of Xen that answers before device models. */
  | 'inside Xen'
  | 'nobody';

export function reasonOf({ decoded, sent, unclaimed, handledBy }: Way): Reason | null {
  if (handledBy === 'xen-chipset') return 'own chipset';
  if (handledBy === 'xen-intercept') return 'intercept';
  if (handledBy === 'nobody' || unclaimed !== null) return 'nobody';
  if (decoded !== null) return 'window';
  if (sent !== null) return sent.type === 'pci_config' ? 'latch' : 'range';
  return handledBy === null ? null : 'inside Xen';
}

/** The register of configuration space an access reached for; null for plain memory and ports. */
export function registerOf({ decoded, sent, unclaimed }: Way): string | null {
  const { sbdf, reg } = decoded ?? sent ?? unclaimed ?? { sbdf: null, reg: null };
  return sbdf === null || reg === null ? null : `${formatSbdf(sbdf)}+${hex(reg)}`;
}

/** The same as a sentence. */
export function reasonText(way: Way): string | null {
  const reason = reasonOf(way);
  if (reason === null) return null;
  const { decoded, sent, unclaimed, hidden, handledBy } = way;
  const name = decoded?.routed ?? sent?.sbdf ?? unclaimed?.sbdf ?? null;
  const via =
    decoded === null
      ? name === null
        ? 'the address'
        : `the name latched at 0xcf8, ${formatSbdf(name)}`
      : `the ECAM window Xen knows, which makes ${hex(decoded.addr)} register ${hex(decoded.reg)} of ${formatSbdf(decoded.sbdf)}`;
  const renamed =
    decoded !== null && busOf(decoded.routed) !== busOf(decoded.sbdf)
      ? `; servers registered that bus as ${busOf(decoded.routed)}`
      : '';
  switch (reason) {
    case 'own chipset':
      return `Xen's own chipset model: ${via} leads to a function that is Xen's`;
    case 'intercept':
      return `Xen kept the access from the device model: ${hidden ?? 'the register is its own'}`;
    case 'nobody':
      if (unclaimed === null) return 'nobody: Xen did not look for a server';
      return `nobody: ${unclaimed.type === 'pci' ? `through ${via}, a function no enabled server registered${renamed}` : `no enabled server has all of ${hex(unclaimed.addr)} in one ${unclaimed.type} range`}`;
    case 'window':
      return `${handledBy ?? `server:${sent?.server}`} registered the function: ${via}${renamed}`;
    case 'latch':
      return `${handledBy ?? `server:${sent?.server}`} registered the function: ${via}`;
    case 'range':
      return `${handledBy ?? `server:${sent?.server}`} registered the ${sent?.type === 'pio' ? 'ports' : 'memory'} at ${hex(sent?.addr ?? 0)}`;
    case 'inside Xen':
      return `${handledBy} answers before device models are asked`;
  }
}
