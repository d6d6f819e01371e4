import type { PhysicalAddress } from '../../../base/brand.js';
import { hex } from '../../../base/hex.js';
import type { DataOf } from '../../../events/catalogue.js';
import type { FunctionId } from '../../../pci/function-id.js';
import type { Vector } from '../../../state/msi.js';
import type { Context } from '../../context.js';
import { driverDomain } from './driver-domain.js';
import { drop } from './drop.js';

/** A message as its controller understood it. */
export interface Arrived {
  readonly translator: DataOf<'msi.translated'>['translator'];
  /** Base of the controller: where Xen looks for the owner of the event. */
  readonly controller: number;
  /** The event in Xen's table. */
  readonly event: number;
  /** What stood in the message. */
  readonly eventId: number;
  /** Interrupt of the host. */
  readonly intid: number;
  readonly doorbell: number;
  readonly streamId: number | null;
  readonly deviceId: number | null;
  /** The writer. */
  readonly function: FunctionId;
  readonly forgeable: DataOf<'msi.translated'>['forgeable'];
  /** Event Dom0's handler passes on when it is not the interrupt itself; null: none. */
  readonly dispatched: number | null;
}

/** Whether Xen forces messages of its own: always on x86, on ARM under the 2017 proposal. */
export const isForced = (context: Context): boolean =>
  context.env.platform.arch === 'x86_64' || context.env.policies['guest-msi'] === 'trap';

/** The vector of the writer that holds this message; undefined when the trace knows none. */
export function vectorSending(
  { state }: Pick<Context, 'state'>,
  fn: FunctionId,
  address: number,
  data: number,
): Vector | undefined {
  const vectors = state.msi.functions[fn]?.vectors;
  if (vectors === undefined) return undefined;
  return Object.values(vectors).find((vector) => vector.address === address && vector.data === data);
}

/** Message as `address:data`, for the audit of an MSI. */
export const messageText = (address: number, data: number): string => `${hex(address)}:${hex(data)}`;

/**
 * Ends a message in the domain its event belongs to. Where Xen forces messages the event decides, and nothing tells
 * the rightful device from another that wrote the same; as built, the hardware domain gets every SPI.
 * @source facts/arm-msi-iommu 4, 5.3
 */
export function deliverEvent(context: Context, arrived: Arrived): void {
  const claim = context.state.msi.claims[arrived.controller]?.[arrived.event];
  const vector =
    claim === undefined
      ? vectorSending(context, arrived.function, arrived.doorbell, arrived.eventId)
      : context.state.msi.functions[claim.function]?.vectors[claim.vector];
  const forced = isForced(context);
  const hardware = context.state.iommu.hardwareDomain;
  const owner = claim?.domid ?? (forced ? null : hardware);
  context.emit('hw', 'msi.translated', {
    translator: arrived.translator,
    doorbell: arrived.doorbell as PhysicalAddress,
    streamId: arrived.streamId,
    deviceId: arrived.deviceId,
    eventId: arrived.eventId,
    intid: arrived.intid,
    owner,
    forgeable: arrived.forgeable,
    asked: vector === undefined ? null : messageText(vector.askedAddress, vector.askedData),
    programmed: vector === undefined ? null : messageText(vector.address, vector.data),
  });
  if (forced) {
    deliverForced(context, arrived);
    return;
  }
  context.emit('xen', 'msi.delivered', {
    domid: hardware,
    intid: arrived.intid,
    vector: null,
    event: arrived.dispatched,
    function: arrived.function,
    driver: driverDomain(context, arrived.function),
    claimant: null,
  });
}

/** M1: the event's vector decides; hits on a vector that is masked or unknown are dropped. @source facts/arm-msi-iommu 5.3 */
function deliverForced(context: Context, arrived: Arrived): void {
  const claim = context.state.msi.claims[arrived.controller]?.[arrived.event];
  if (claim === undefined) {
    drop(context, 'no vector has this event');
    return;
  }
  const vector = context.state.msi.functions[claim.function]?.vectors[claim.vector];
  if (vector === undefined || vector.phase === 'claimed' || vector.phase === 'free') {
    drop(context, 'late: the vector is masked or disabled');
    return;
  }
  if (vector.phase === 'fired') {
    if (!vector.again) changeVector(context, claim.function, claim.vector, { again: true });
    context.emit('xen', 'msi.pended', {
      intid: arrived.intid,
      domid: claim.domid,
      reason: 'the guest has not ended the last one',
    });
    return;
  }
  inject(context, claim.function, claim.vector, arrived.function);
}

/** Gives a vector's interrupt to its guest: the message the guest asked for. */
export function inject(context: Context, fn: FunctionId, index: number, writer: FunctionId | null): void {
  const vector = context.state.msi.functions[fn]?.vectors[index];
  if (vector === undefined) return;
  const onX86 = context.env.platform.arch === 'x86_64';
  const { domid, askedData } = vector;
  context.emit('xen', 'msi.delivered', {
    domid,
    intid: onX86 ? null : askedData,
    vector: onX86 ? askedData & 0xff : null,
    event: vector.event,
    function: writer,
    driver: writer === null ? null : driverDomain(context, writer),
    claimant: fn,
  });
  if (vector.phase === 'armed') changeVector(context, fn, index, { phase: 'fired', again: false });
}

/** Emits a vector's next state: what it was, with `next` put over it. */
export function changeVector(
  context: Context,
  fn: FunctionId,
  index: number,
  next: Partial<Vector> & { readonly domid?: Vector['domid'] },
): void {
  const was = context.state.msi.functions[fn]?.vectors[index] ?? {
    domid: 0 as Vector['domid'],
    askedAddress: 0,
    askedData: 0,
    address: 0,
    data: 0,
    masked: true,
    pending: false,
    phase: 'free' as const,
    event: null,
    again: false,
  };
  context.emit('xen', 'vector.changed', {
    function: fn,
    vector: index,
    domid: next.domid ?? was.domid,
    askedAddress: (next.askedAddress ?? was.askedAddress) as PhysicalAddress,
    askedData: next.askedData ?? was.askedData,
    address: (next.address ?? was.address) as PhysicalAddress,
    data: next.data ?? was.data,
    masked: next.masked ?? was.masked,
    pending: next.pending ?? was.pending,
    phase: next.phase ?? was.phase,
    event: next.event === undefined ? was.event : next.event,
    again: next.again ?? was.again,
  });
}
