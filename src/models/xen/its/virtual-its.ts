import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import { errno } from '../../../base/errno.js';
import { hex } from '../../../base/hex.js';
import type { DataOf } from '../../../events/catalogue.js';
import { decodeItsCommand, type ItsCommand } from '../../../pci/its-command.js';
import type { MsiController } from '../../../platform/platform.js';
import { LPI_OFFSET } from '../../../state/its.js';
import type { Context, Decider } from '../../context.js';
import { hostLpiOf, mapGuestDevice } from './host-its.js';

/** What Xen logs where it has no errno. */
const MINUS_ONE = -1;
/** Processors a GICv3 guest can have. @source Xen arch/arm/vgic-v3.c, vgic_v3_max_vcpus: at most MAX_VIRT_CPUS */
const MAX_VCPUS = 128;
/** Collections in one 64 KiB page of two-byte entries, what Linux gives the table. */
const MAX_COLLECTIONS = 0x8000;
/**
 * Linux limits itself to 16 bits of interrupt ids; Xen compares the LPI number with the count, so that the top 8192
 * are refused. @source facts/arm-msi-iommu 3.6
 */
const LPI_LIMIT = 2 ** 16 - LPI_OFFSET;

/** What a command comes to: an errno with its reason, and what the outcome should carry beside the command's fields. */
interface Result {
  readonly errno: number;
  readonly reason: string;
  readonly lpi?: number;
  readonly icid?: number;
}

const done: Result = { errno: 0, reason: '' };
const refuse = (reason: string, code = MINUS_ONE): Result => ({ errno: code, reason });

/**
 * One command of a domain's ITS queue. Only the hardware domain has a virtual ITS; CREADR passes a failed command like
 * any other, the guest never learns of it.
 * @source facts/arm-msi-iommu 3.6
 */
export const decideItsCommand: Decider<'its.commanded'> = (context, { data }) => {
  const { domid } = data;
  const its = context.env.platform.msiControllers.find(
    (controller) => controller.model === 'its' && controller.base === data.its,
  );
  const command = decodeItsCommand([data.d0, data.d1, data.d2, data.d3]);
  const result =
    its === undefined
      ? refuse('no ITS at this address', -errno.ENOENT)
      : domid !== context.state.iommu.hardwareDomain
        ? refuse('only the hardware domain has a virtual ITS', -errno.ENODEV)
        : command === null
          ? { errno: 0, reason: 'unhandled command, skipped' }
          : carryOut(context, its, domid, command, data.property ?? 0xa1);
  context.emit('xen', 'its.completed', completion(domid, data.its, command, result));
};

function completion(
  domid: DomainId,
  its: PhysicalAddress,
  command: ItsCommand | null,
  result: Result,
): DataOf<'its.completed'> {
  const fields = (command ?? {}) as Partial<Record<string, number>>;
  return {
    domid,
    its,
    command: command?.name ?? 'unknown',
    deviceId: fields['deviceId'] ?? null,
    eventId: fields['eventId'] ?? null,
    eventIdBits: fields['eventIdBits'] ?? null,
    lpi: result.lpi ?? fields['lpi'] ?? null,
    icid: result.icid ?? fields['icid'] ?? null,
    vcpu: command?.name === 'MAPC' ? command.rdBase & 0xffff : null,
    valid: command !== null && 'valid' in command ? command.valid : null,
    errno: result.errno,
    reason: result.reason,
  };
}

function carryOut(
  context: Context,
  its: MsiController,
  domid: DomainId,
  command: ItsCommand,
  property: number,
): Result {
  switch (command.name) {
    case 'MAPD':
      return mapDevice(context, its, domid, command);
    case 'MAPC':
      if (command.icid >= MAX_COLLECTIONS) return refuse(`collection ${command.icid} is out of range`);
      return command.rdBase >= MAX_VCPUS ? refuse(`no processor ${command.rdBase}`) : done;
    case 'MAPTI':
      return mapEvent(context, its, domid, command, command.lpi, property);
    case 'MAPI':
      return mapEvent(context, its, domid, command, command.eventId, property);
    case 'MOVI':
      return moveEvent(context, its, domid, command);
    case 'DISCARD':
      return discardEvent(context, its, domid, command.deviceId, command.eventId);
    case 'INT':
      return interrupt(context, its, domid, command);
    case 'CLEAR':
      return withEvent(context, its, domid, command, (hostLpi) =>
        change(context, hostLpi, { pending: false }),
      );
    case 'INV':
      return withEvent(context, its, domid, command, (hostLpi) => invalidate(context, hostLpi, property));
    case 'INVALL':
    case 'SYNC':
      return done;
    case 'MOVALL':
      return { errno: 0, reason: 'MOVALL is ignored' };
  }
}

function mapDevice(
  context: Context,
  its: MsiController,
  domid: DomainId,
  command: ItsCommand & { name: 'MAPD' },
): Result {
  const { deviceId, eventIdBits, valid } = command;
  if (valid && eventIdBits > its.eventIdBits)
    return refuse(`${eventIdBits} EventID bits, the ITS has ${its.eventIdBits}`);
  if (!valid) {
    const known = virtualOf(context, domid, its)?.devices[deviceId];
    for (const eventId of Object.keys(known?.events ?? {})) {
      discardEvent(context, its, domid, deviceId, Number(eventId));
    }
  }
  const ret = mapGuestDevice(context, its, domid, deviceId, 2 ** eventIdBits, valid);
  if (ret !== 0 && valid) return refuse(`DeviceID ${hex(deviceId)} cannot be mapped on the hardware`, ret);
  return deviceId >= 2 ** its.deviceIdBits ? refuse('DeviceID is out of range', -errno.ENOENT) : done;
}

function mapEvent(
  context: Context,
  its: MsiController,
  domid: DomainId,
  command: { readonly deviceId: number; readonly eventId: number; readonly icid: number },
  lpi: number,
  property: number,
): Result {
  const { deviceId, eventId, icid } = command;
  const tables = virtualOf(context, domid, its);
  const device = tables?.devices[deviceId];
  if (readEvent(context, its, domid, deviceId, eventId) !== null)
    return refuse('the event is mapped already');
  const vcpu = tables?.collections[icid];
  if (vcpu === undefined) return refuse(`collection ${icid} is not mapped`);
  if (lpi >= LPI_LIMIT) return refuse(`LPI ${lpi} is not below ${LPI_LIMIT}`);
  if (device === undefined) return refuse(`DeviceID ${hex(deviceId)} is not mapped`);
  if (eventId >= 2 ** device.eventIdBits) return refuse(`EventID ${eventId} is beyond the size of the MAPD`);
  const hostLpi = hostLpiOf(context, its.base, deviceId, eventId);
  if (hostLpi === null) return refuse('no host LPI was mapped for the event');
  if (lpi < LPI_OFFSET) return refuse(`${lpi} is no LPI`);
  if (context.state.its.trees[domid]?.[lpi] !== undefined) {
    return refuse(`virtual LPI ${lpi} is in use`, -errno.EEXIST);
  }
  context.emit('xen', 'lpi.connected', { hostLpi, domid, lpi, vcpu, enabled: (property & 1) !== 0 });
  return { errno: 0, reason: '', lpi };
}

function moveEvent(
  context: Context,
  its: MsiController,
  domid: DomainId,
  command: { readonly deviceId: number; readonly eventId: number; readonly icid: number },
): Result {
  const event = readEvent(context, its, domid, command.deviceId, command.eventId);
  if (event === null) return refuse('the event is not mapped');
  const vcpu = virtualOf(context, domid, its)?.collections[command.icid];
  if (vcpu === undefined) return refuse(`collection ${command.icid} is not mapped`);
  const hostLpi = hostLpiOf(context, its.base, command.deviceId, command.eventId);
  if (hostLpi === null) return refuse('no host LPI was mapped for the event');
  change(context, hostLpi, { vcpu });
  return { errno: 0, reason: '', lpi: event.lpi };
}

/** The host mapping stays: what the device sends from here on ends at an LPI that leads nowhere. */
function discardEvent(
  context: Context,
  its: MsiController,
  domid: DomainId,
  deviceId: number,
  eventId: number,
): Result {
  const event = readEvent(context, its, domid, deviceId, eventId);
  if (event === null) return refuse('the event is not mapped', -errno.ENOENT);
  const hostLpi = hostLpiOf(context, its.base, deviceId, eventId);
  if (hostLpi === null) return refuse('no host LPI was mapped for the event', -errno.EINVAL);
  context.emit('xen', 'lpi.disconnected', { hostLpi });
  return done;
}

function interrupt(
  context: Context,
  its: MsiController,
  domid: DomainId,
  command: { readonly deviceId: number; readonly eventId: number },
): Result {
  const event = readEvent(context, its, domid, command.deviceId, command.eventId);
  if (event === null) return refuse('the event is not mapped');
  deliverByCommand(context, domid, event.lpi);
  return done;
}

function withEvent(
  context: Context,
  its: MsiController,
  domid: DomainId,
  command: { readonly deviceId: number; readonly eventId: number },
  act: (hostLpi: number) => void,
): Result {
  const event = readEvent(context, its, domid, command.deviceId, command.eventId);
  const hostLpi = hostLpiOf(context, its.base, command.deviceId, command.eventId);
  if (event === null || hostLpi === null) return refuse('the event is not mapped');
  act(hostLpi);
  return { errno: 0, reason: '', lpi: event.lpi };
}

/** INV reads the property byte again; an LPI that waited to be enabled goes to its domain now. */
function invalidate(context: Context, hostLpi: number, property: number): void {
  const connected = context.state.its.lpis[hostLpi];
  if (connected === undefined) return;
  const { domid, lpi, pending } = connected;
  const enabled = (property & 1) !== 0;
  change(context, hostLpi, { enabled, pending: pending && !enabled });
  if (enabled && pending) deliverByCommand(context, domid, lpi);
}

function change(
  context: Context,
  hostLpi: number,
  next: { readonly vcpu?: number; readonly enabled?: boolean; readonly pending?: boolean },
): void {
  const connected = context.state.its.lpis[hostLpi];
  if (connected === undefined) return;
  context.emit('xen', 'lpi.changed', {
    hostLpi,
    vcpu: next.vcpu ?? connected.vcpu,
    enabled: next.enabled ?? connected.enabled,
    pending: next.pending ?? connected.pending,
  });
}

function virtualOf(context: Context, domid: DomainId, its: MsiController) {
  return context.state.its.virtual[domid]?.[its.base];
}

/** An event of the guest's tables; null when it is not mapped or its collection is not. */
function readEvent(
  context: Context,
  its: MsiController,
  domid: DomainId,
  deviceId: number,
  eventId: number,
): { readonly lpi: number; readonly icid: number } | null {
  const tables = virtualOf(context, domid, its);
  const event = tables?.devices[deviceId]?.events[eventId];
  return event === undefined || tables?.collections[event.icid] === undefined ? null : event;
}

function deliverByCommand(context: Context, domid: DomainId, intid: number): void {
  context.emit('xen', 'msi.delivered', {
    domid,
    intid,
    vector: null,
    event: null,
    function: null,
    driver: null,
    claimant: null,
  });
}
