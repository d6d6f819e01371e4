import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import type { FunctionId } from '../../pci/function-id.js';
import { messageAddress, messageData } from '../../pci/msi.js';
import type { Vector } from '../../state/msi.js';
import type { Context, Decider } from '../context.js';
import { believedDeviceId } from '../xen/guest-msi/believed.js';
import { claimEvents, controllerOf, type Pool, poolOf } from '../xen/guest-msi/claims.js';
import { changeVector, inject, isForced } from '../xen/guest-msi/deliver.js';
import { drop } from '../xen/guest-msi/drop.js';
import { hostLpiOf, mapGuestDevice } from '../xen/its/host-its.js';
import { raiseFromCapability } from './capability.js';
import { send } from './send.js';

/** Most vectors of a multi-message MSI, as log2. */
const MAX_MESSAGES_LOG2 = 5;

/**
 * A driver wrote a field of a vector. As built the function takes it; where Xen forces messages, the first write of
 * address or data takes a host event, and what the driver wrote is only remembered.
 * @source facts/arm-msi-iommu 5.3 (M1), 7
 */
export const decideVectorWrite: Decider<'vector.written'> = (context, { data }) => {
  const { domid, function: fn, vector, field, value } = data;
  switch (field) {
    case 'messages':
      switchFunction(context, fn, { kind: 'msi', messagesLog2: Math.min(value, MAX_MESSAGES_LOG2) });
      return;
    case 'enable':
      switchFunction(context, fn, { enabled: value !== 0 });
      settleAll(context, fn);
      return;
    case 'mask':
      changeVector(context, fn, vector, { domid, masked: value !== 0, ...unasked(context, fn, vector) });
      settle(context, fn, vector);
      return;
    case 'address':
    case 'address-high':
    case 'data':
      ask(context, domid, fn, vector, field, value);
      settle(context, fn, vector);
  }
};

/** A function reports on one of its vectors: it sends the message, or keeps it pending while the vector is masked. */
export const decideMsiRaise: Decider<'msi.raised'> = (context, { data }) => {
  const known = context.state.msi.functions[data.function];
  if (known === undefined) {
    raiseFromCapability(context, data.function, data.vector);
    return;
  }
  if (!known.enabled) {
    drop(context, 'MSI is not enabled in the function');
    return;
  }
  const vector = known.vectors[data.vector];
  if (vector?.masked === true) {
    if (!vector.pending) changeVector(context, data.function, data.vector, { pending: true });
    context.emit('hw', 'msi.pended', { intid: 0, domid: vector.domid, reason: 'the vector is masked' });
    return;
  }
  sendVector(context, data.function, data.vector);
};

/** The guest is through with an interrupt; one that came meanwhile follows at once. */
export const decideMsiEnd: Decider<'msi.ended'> = (context, { data }) => {
  const vector = context.state.msi.functions[data.function]?.vectors[data.vector];
  if (vector === undefined || vector.phase !== 'fired' || vector.domid !== data.domid) return;
  const { again } = vector;
  changeVector(context, data.function, data.vector, { phase: 'armed', again: false });
  if (again) inject(context, data.function, data.vector, data.function);
};

/** A guest reads back what it asked for, never the host event behind it. @source facts/arm-msi-iommu 5.3 (traps) */
export const decideVectorRead: Decider<'vector.read'> = (context, { data }) => {
  const vector = context.state.msi.functions[data.function]?.vectors[data.vector];
  const value = vector === undefined ? resetValue(data.field) : readField(vector, data.field);
  context.emit('xen', 'vector.answered', { value });
};

type Readable = 'address' | 'address-high' | 'data' | 'mask' | 'pending';

const resetValue = (field: Readable): number => (field === 'mask' ? 1 : 0);

function readField(vector: Vector, field: Readable): number {
  switch (field) {
    case 'address':
      return vector.askedAddress % 2 ** 32;
    case 'address-high':
      return Math.floor(vector.askedAddress / 2 ** 32);
    case 'data':
      return vector.askedData;
    case 'mask':
      return vector.masked ? 1 : 0;
    case 'pending':
      return vector.pending ? 1 : 0;
  }
}

function switchFunction(
  context: Context,
  fn: FunctionId,
  next: { readonly kind?: 'msi' | 'msix'; readonly enabled?: boolean; readonly messagesLog2?: number },
): void {
  const was = context.state.msi.functions[fn];
  context.emit('hw', 'function.switched', {
    function: fn,
    kind: next.kind ?? was?.kind ?? 'msix',
    enabled: next.enabled ?? was?.enabled ?? false,
    messagesLog2: next.messagesLog2 ?? was?.messagesLog2 ?? 0,
  });
}

/** MSI-X entries come masked out of reset; the messages of an MSI do not. */
function unasked(context: Context, fn: FunctionId, vector: number): { readonly masked?: boolean } {
  const known = context.state.msi.functions[fn];
  return known?.kind === 'msi' && known.vectors[vector] === undefined ? { masked: false } : {};
}

function ask(
  context: Context,
  domid: DomainId,
  fn: FunctionId,
  index: number,
  field: 'address' | 'address-high' | 'data',
  value: number,
): void {
  const was = context.state.msi.functions[fn]?.vectors[index];
  const low = field === 'address' ? (value & ~3) >>> 0 : (was?.askedAddress ?? 0) % 2 ** 32;
  const high = field === 'address-high' ? value & 0xf_ffff : Math.floor((was?.askedAddress ?? 0) / 2 ** 32);
  const asked = {
    domid,
    askedAddress: high * 2 ** 32 + low,
    askedData: field === 'data' ? value : (was?.askedData ?? 0),
  };
  const fresh = was === undefined ? unasked(context, fn, index) : {};
  if (!isForcedFor(context, fn, domid)) {
    const taken = { ...asked, ...fresh, address: asked.askedAddress, data: asked.askedData };
    forEachMessage(context, fn, index, (vector, offset) => {
      changeVector(context, fn, vector, offset === 0 ? taken : { ...taken, ...shifted(taken, offset) });
    });
    return;
  }
  if (was === undefined || was.phase === 'free') {
    claim(context, fn, index, { ...asked, ...fresh });
    return;
  }
  forEachMessage(context, fn, index, (vector, offset) => {
    changeVector(
      context,
      fn,
      vector,
      offset === 0 ? asked : { ...asked, askedData: asked.askedData + offset },
    );
  });
}

/** The messages that stand behind the registers of one: itself, or all of a multi-message MSI. */
function forEachMessage(
  context: Context,
  fn: FunctionId,
  index: number,
  act: (vector: number, offset: number) => void,
): void {
  const known = context.state.msi.functions[fn];
  const count = index === 0 && known?.kind === 'msi' ? 2 ** known.messagesLog2 : 1;
  for (let offset = 0; offset < count; offset++) act(index + offset, offset);
}

const shifted = (
  { askedData, data }: { readonly askedData: number; readonly data: number },
  offset: number,
): { readonly askedData: number; readonly data: number } => ({
  askedData: askedData + offset,
  data: data + offset,
});

/**
 * The hardware domain keeps its own way to an ITS: Xen sees its MAPTI there. An MSI-X table in a page nobody traps takes
 * whatever the guest writes. @source facts/arm-msi-iommu 5.3 (traps to model)
 */
function isForcedFor(context: Context, fn: FunctionId, domid: DomainId): boolean {
  if (!isForced(context)) return false;
  const isMsix = context.state.msi.functions[fn]?.kind !== 'msi';
  if (isMsix && context.env.policies['msix-table'] === 'untrapped') return false;
  return domid !== context.state.iommu.hardwareDomain || controllerOf(context, fn)?.model !== 'its';
}

function claim(
  context: Context,
  fn: FunctionId,
  index: number,
  asked: Partial<Vector> & { domid: DomainId },
): void {
  const deviceId = believedDeviceId(context, fn);
  const pool = poolOf(context, fn, deviceId);
  const refuse = (code: number, reason: string): void => {
    changeVector(context, fn, index, asked);
    context.emit('xen', 'msi.refused', { function: fn, vector: index, errno: code, reason });
  };
  if (pool === null) return refuse(errno.ENODEV, 'the function has no MSI controller');
  const known = context.state.msi.functions[fn];
  const count = index === 0 && known?.kind === 'msi' ? 2 ** known.messagesLog2 : 1;
  const first = claimEvents(context, pool, asked.domid, fn, index, count);
  if (first === null) return refuse(errno.ENOSPC, 'no free event');
  const ret = connect(context, fn, pool, deviceId, asked.domid, first, count);
  if (ret !== 0) return refuse(-ret, 'the ITS refused the device');
  for (let offset = 0; offset < count; offset++) {
    const message = pool.message(first);
    changeVector(context, fn, index + offset, {
      ...asked,
      askedData: (asked.askedData ?? 0) + offset,
      address: messageAddress(message),
      data: message.data + offset,
      phase: 'claimed',
      event: first + offset,
    });
  }
}

/** On an ITS Xen maps the DeviceID it believes the function to have, and an LPI for each event. */
function connect(
  context: Context,
  fn: FunctionId,
  pool: Pool,
  deviceId: number,
  domid: DomainId,
  first: number,
  count: number,
): number {
  const its = controllerOf(context, fn);
  if (its === null || its.model !== 'its' || its.base !== pool.base) return 0;
  const device = context.state.its.hosts[its.base]?.[deviceId];
  if (device === undefined || device.domid !== domid) {
    const ret = mapGuestDevice(context, its, domid, deviceId, 32, true);
    if (ret !== 0) return ret;
  }
  for (let event = first; event < first + count; event++) {
    const hostLpi = hostLpiOf(context, its.base, deviceId, event % 0x1_0000);
    if (hostLpi === null) return -errno.ENOSPC;
    context.emit('xen', 'lpi.connected', { hostLpi, domid, lpi: hostLpi, vcpu: 0, enabled: true });
  }
  return 0;
}

function settleAll(context: Context, fn: FunctionId): void {
  for (const index of Object.keys(context.state.msi.functions[fn]?.vectors ?? {})) {
    settle(context, fn, Number(index));
  }
}

/** Arms a vector that is enabled and unmasked, disarms any other, and sends what waited for it. */
function settle(context: Context, fn: FunctionId, index: number): void {
  const known = context.state.msi.functions[fn];
  const vector = known?.vectors[index];
  if (known === undefined || vector === undefined) return;
  const open = known.enabled && !vector.masked;
  const rest: Vector['phase'] = vector.event === null ? 'free' : 'claimed';
  const refused = vector.event === null && isForcedFor(context, fn, vector.domid);
  const idle = vector.phase === 'free' || vector.phase === 'claimed';
  if (open && idle && !refused) changeVector(context, fn, index, { phase: 'armed' });
  else if (!open && !idle) changeVector(context, fn, index, { phase: rest, again: false });
  if (open && vector.pending && !refused) {
    changeVector(context, fn, index, { pending: false });
    sendVector(context, fn, index);
  }
}

/** The function writes the message of a vector; a multi-message MSI has one message and puts the vector into its data. */
function sendVector(context: Context, fn: FunctionId, index: number): void {
  const known = context.state.msi.functions[fn];
  const registers = known?.kind === 'msi' ? known.vectors[0] : known?.vectors[index];
  if (known === undefined || registers === undefined) {
    drop(context, 'the vector was never written');
    return;
  }
  const { address } = registers;
  const data = known.kind === 'msi' ? messageData(registers.data, known.messagesLog2, index) : registers.data;
  context.emit('hw', 'msi.sent', { address: address as PhysicalAddress, data });
  send(context, fn, address, data);
}
