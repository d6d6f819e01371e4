import type { EventSeq, TraceNs } from '../base/brand.js';
import type { DataOfFields, Kind, Role } from './kind.js';
import { aerKinds } from './kinds/aer.js';
import { bridgeKinds } from './kinds/bridge.js';
import { bridgeInitKinds } from './kinds/bridge-init.js';
import { configKinds } from './kinds/config.js';
import { deviceKinds } from './kinds/device.js';
import { domainKinds } from './kinds/domain.js';
import { evtchnKinds } from './kinds/evtchn.js';
import { gnttabKinds } from './kinds/gnttab.js';
import { guestKinds } from './kinds/guest.js';
import { hypercallKinds } from './kinds/hypercall.js';
import { ioKinds } from './kinds/io.js';
import { iommuKinds } from './kinds/iommu.js';
import { ioreqKinds } from './kinds/ioreq.js';
import { irqKinds } from './kinds/irq.js';
import { itsKinds } from './kinds/its.js';
import { linuxTreeKinds } from './kinds/linux-tree.js';
import { logKinds } from './kinds/log.js';
import { machineKinds } from './kinds/machine.js';
import { mmconfigKinds } from './kinds/mmconfig.js';
import { msiKinds } from './kinds/msi.js';
import { ownerKinds } from './kinds/owners.js';
import { pcibackKinds } from './kinds/pciback.js';
import { physmapKinds } from './kinds/physmap.js';
import { sleepKinds } from './kinds/sleep.js';
import { sysfsKinds } from './kinds/sysfs.js';
import { toolstackKinds } from './kinds/toolstack.js';
import { touchKinds } from './kinds/touch.js';
import { vpciKinds } from './kinds/vpci.js';
import { vtdKinds } from './kinds/vtd.js';
import { xenbusKinds } from './kinds/xenbus.js';

/**
 * Every event kind there is. Types, columns, JSON schema, `xpr events` and docs/events.md come from this table;
 * a new kind is one entry here, one reducer case and one test.
 */
export const catalogue = {
  ...hypercallKinds,
  ...configKinds,
  ...bridgeKinds,
  ...bridgeInitKinds,
  ...deviceKinds,
  ...iommuKinds,
  ...vtdKinds,
  ...msiKinds,
  ...itsKinds,
  ...domainKinds,
  ...vpciKinds,
  ...ioKinds,
  ...ioreqKinds,
  ...guestKinds,
  ...xenbusKinds,
  ...irqKinds,
  ...physmapKinds,
  ...evtchnKinds,
  ...gnttabKinds,
  ...sysfsKinds,
  ...linuxTreeKinds,
  ...pcibackKinds,
  ...aerKinds,
  ...sleepKinds,
  ...toolstackKinds,
  ...ownerKinds,
  ...mmconfigKinds,
  ...touchKinds,
  ...machineKinds,
  ...logKinds,
};

type Catalogue = typeof catalogue;
export type KindName = keyof Catalogue;
export type KindOfRole<R extends Role> = {
  [K in KindName]: Catalogue[K]['role'] extends R ? K : never;
}[KindName];
export type InputKind = KindOfRole<'input'>;
export type OutcomeKind = KindOfRole<'outcome'>;

/** Payload of one kind. */
export type DataOf<K extends KindName> = DataOfFields<Catalogue[K]['fields']>;

/** How we know: a real system did it, a model decided it, an importer deduced it. */
export type Origin = 'observed' | 'simulated' | 'inferred';

/** Who did it: `xen`, `hw`, `d<domid>`, `toolstack`, `dm:<name>`. */
export type Actor = string;

/** What every event carries beside its payload. */
export interface Envelope {
  readonly seq: EventSeq;
  readonly atNs: TraceNs;
  readonly origin: Origin;
  readonly by: Actor;
  /** The event it follows from; outcomes always have one, inputs may. */
  readonly cause: EventSeq | null;
}

/** One recorded event of kind `K`. */
export type EventOf<K extends KindName> = {
  [N in K]: Envelope & { readonly kind: N; readonly data: DataOf<N> };
}[K];
export type TraceEvent = EventOf<KindName>;
export type InputEvent = EventOf<InputKind>;
export type OutcomeEvent = EventOf<OutcomeKind>;

/** An input before it has a place in a log. */
export type InputDraft = {
  [K in InputKind]: {
    readonly kind: K;
    readonly by: Actor;
    readonly data: DataOf<K>;
    readonly atNs?: TraceNs;
    readonly cause?: EventSeq;
    readonly origin?: Origin;
  };
}[InputKind];

/** All kinds in catalogue order; the index is the kind's number inside one process, never in a file. */
export const kindNames: readonly KindName[] = Object.keys(catalogue) as KindName[];

const inputKinds: ReadonlySet<KindName> = new Set(
  kindNames.filter((name) => catalogue[name].role === 'input'),
);

export function isKindName(text: string): text is KindName {
  return Object.hasOwn(catalogue, text);
}

export function kindOf(name: KindName): Kind {
  return catalogue[name];
}

export function isInput(event: TraceEvent): event is InputEvent {
  return inputKinds.has(event.kind);
}
