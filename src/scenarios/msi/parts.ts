import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import type { DataOf, InputDraft } from '../../events/catalogue.js';
import type { MachineView } from '../../machine/program.js';
import type { FunctionId } from '../../pci/function-id.js';
import { encodeItsCommand, type ItsCommand } from '../../pci/its-command.js';
import type { MsiController } from '../../platform/platform.js';
import { bindAndScan, bootXen, dom0NameOf, type Part } from '../segments/boot.js';

export const hardware = 0 as DomainId;
export const guest1 = 1 as DomainId;
export const guest2 = 2 as DomainId;

/** Where a guest's driver believes its doorbell to be: the first page of the window Linux keeps for MSIs. */
export const GUEST_DOORBELL = 0x0800_0040;

/** Xen and Dom0 boot and number every bridge alike. */
export function* bootAgreed(machine: MachineView): Part {
  yield* bootXen(machine);
  for (const bridge of machine.env.platform.bridges) yield* bindAndScan(machine, bridge);
}

/** The toolstack makes a guest and gives it a function by Dom0's name. */
export function* giveTo(machine: MachineView, domid: DomainId, fn: FunctionId): Part {
  yield {
    kind: 'domain.created',
    by: 'toolstack',
    data: { domid, type: 'arm', privileged: false, hardware: false, target: null, name: `guest${domid}` },
  };
  const name = dom0NameOf(machine, fn);
  if (name === null) return;
  yield {
    kind: 'hypercall.issued',
    by: 'd0',
    data: {
      domid: hardware,
      hypercall: 'domctl',
      op: 'assign_device',
      args: { domain: domid, dev: 0, flags: 0, pci: { machine_sbdf: name } },
    },
  };
}

type Field = DataOf<'vector.written'>['field'];

export function write(domid: DomainId, fn: FunctionId, field: Field, value: number, vector = 0): InputDraft {
  return { kind: 'vector.written', by: `d${domid}`, data: { domid, function: fn, vector, field, value } };
}

/** A driver sets up one MSI-X vector in Linux' order. @source facts/arm-msi-iommu 7.2 */
export function* setUp(domid: DomainId, fn: FunctionId, address: number, data: number, vector = 0): Part {
  yield write(domid, fn, 'address', address % 2 ** 32, vector);
  yield write(domid, fn, 'address-high', Math.floor(address / 2 ** 32), vector);
  yield write(domid, fn, 'data', data, vector);
  yield write(domid, fn, 'enable', 1);
  yield write(domid, fn, 'mask', 0, vector);
}

export function raised(fn: FunctionId, vector = 0): InputDraft {
  return { kind: 'msi.raised', by: 'hw', data: { function: fn, vector } };
}

export function ended(domid: DomainId, fn: FunctionId, vector = 0): InputDraft {
  return { kind: 'msi.ended', by: `d${domid}`, data: { domid, function: fn, vector } };
}

/** A plain DMA write of 32 bits. */
export function dmaWrite(fn: FunctionId, address: number, data: number): InputDraft {
  return {
    kind: 'dma.attempted',
    by: 'hw',
    data: { function: fn, address: address as PhysicalAddress, dir: 'write', data },
  };
}

/** A message with no vector behind it in this trace: as an importer sees it, or a late one. */
export function written(fn: FunctionId, address: number, data: number): InputDraft {
  return {
    kind: 'msi.written',
    by: 'hw',
    data: { function: fn, address: address as PhysicalAddress, data },
  };
}

/** The handler behind a controller's line runs. */
export function serviced(controller: MsiController): InputDraft {
  return { kind: 'msi.serviced', by: 'd0', data: { controller: controller.base as PhysicalAddress } };
}

/** Xen reads the event queues of every SMMU. */
export function* faultsRead({ env }: MachineView): Part {
  for (const { base } of env.platform.smmus) {
    yield { kind: 'iommu.serviced', by: 'xen', data: { smmu: base as PhysicalAddress } };
  }
}

/** Dom0 puts a command into the queue of an ITS. */
export function command(its: MsiController, encoded: ItsCommand): InputDraft {
  const [d0, d1, d2, d3] = encodeItsCommand(encoded);
  return {
    kind: 'its.commanded',
    by: 'd0',
    data: { domid: hardware, its: its.base as PhysicalAddress, d0, d1, d2, d3, property: null },
  };
}

/** Linux' order for one device: collection, device, then an LPI for each event. @source facts/arm-msi-iommu 3.4 */
export function* mapOnIts(its: MsiController, deviceId: number, events: number, firstLpi: number): Part {
  yield command(its, { name: 'MAPC', icid: 0, rdBase: 0, valid: true });
  yield command(its, { name: 'MAPD', deviceId, eventIdBits: 5, ittAddress: 0x7f00_0000, valid: true });
  for (let eventId = 0; eventId < events; eventId++) {
    yield command(its, { name: 'MAPTI', deviceId, eventId, lpi: firstLpi + eventId, icid: 0 });
  }
}
