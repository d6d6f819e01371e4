import type { DomainId } from '../base/brand.js';
import type { Slice } from './slice.js';

/** First LPI. @source facts/arm-msi-iommu 3.1 */
export const LPI_OFFSET = 8192;
/** LPIs are taken in blocks. @source facts/arm-msi-iommu 3.5 */
export const LPI_BLOCK = 32;
/** Host LPI entries of 8 bytes in a 4 KiB page. @source Xen gic-v3-lpi.c, HOST_LPIS_PER_PAGE */
export const LPIS_PER_CHUNK = 512;

/** A DeviceID mapped on a real ITS. @source facts/arm-msi-iommu 3.5 */
export interface HostDevice {
  domid: DomainId;
  events: number;
  /** First host LPI of each block of 32 events. */
  firstLpis: number[];
}

/** Where a host LPI leads. */
export interface ConnectedLpi {
  domid: DomainId;
  lpi: number;
  vcpu: number;
  enabled: boolean;
  pending: boolean;
}

/** A device of a virtual ITS: guest tables as Xen reads them. @source facts/arm-msi-iommu 3.6 */
export interface VirtualDevice {
  eventIdBits: number;
  events: Record<number, { lpi: number; icid: number }>;
}

export interface VirtualIts {
  devices: Record<number, VirtualDevice>;
  /** vCPU by collection. */
  collections: Record<number, number>;
}

export interface ItsState {
  /** Real ITS by base, then by DeviceID. */
  hosts: Record<number, Record<number, HostDevice>>;
  /** DeviceIDs whose mapping failed half way: Xen freed the entry but left it in the domain's tree. */
  dangling: Record<number, Record<number, true>>;
  /** Connected host LPIs. */
  lpis: Record<number, ConnectedLpi>;
  /** Host LPI of each virtual LPI: the domain's LPI tree. */
  trees: Record<number, Record<number, number>>;
  /** Taken blocks by (first LPI - 8192) / 32. */
  blocks: Record<number, true>;
  /** Pages of the host LPI table that exist. */
  chunks: Record<number, true>;
  /** Where the next search starts, counted from the first LPI. */
  nextFree: number;
  /** Virtual ITS by domain, then by base. */
  virtual: Record<number, Record<number, VirtualIts>>;
}

/** GICv3 ITS: what is mapped on the hardware, and the tables of the hardware domain's virtual ITS. */
export const itsSlice: Slice<ItsState> = {
  initial: () => ({
    hosts: {},
    dangling: {},
    lpis: {},
    trees: {},
    blocks: {},
    chunks: {},
    nextFree: 0,
    virtual: {},
  }),
  on: {
    'its.mapped': (its, { data }) => {
      its.hosts[data.its] ??= {};
      its.hosts[data.its]![data.deviceId] = { domid: data.domid, events: data.events, firstLpis: [] };
    },
    'lpi.reserved': (its, { data }) => {
      const index = data.firstLpi - LPI_OFFSET;
      its.blocks[Math.floor(index / LPI_BLOCK)] = true;
      its.chunks[Math.floor(index / LPIS_PER_CHUNK)] = true;
      its.nextFree = index + LPI_BLOCK;
      its.hosts[data.its]?.[data.deviceId]?.firstLpis.push(data.firstLpi);
    },
    'its.unmapped': (its, { data }) => {
      const device = its.hosts[data.its]?.[data.deviceId];
      if (data.failed) {
        its.dangling[data.its] ??= {};
        its.dangling[data.its]![data.deviceId] = true;
      }
      if (device === undefined) return;
      for (const firstLpi of device.firstLpis) freeBlock(its, firstLpi);
      delete its.hosts[data.its]![data.deviceId];
    },
    'lpi.connected': (its, { data }) => {
      its.lpis[data.hostLpi] = {
        domid: data.domid,
        lpi: data.lpi,
        vcpu: data.vcpu,
        enabled: data.enabled,
        pending: false,
      };
      its.trees[data.domid] ??= {};
      its.trees[data.domid]![data.lpi] = data.hostLpi;
    },
    'lpi.changed': (its, { data }) => {
      const connected = its.lpis[data.hostLpi];
      if (connected === undefined) return;
      connected.vcpu = data.vcpu;
      connected.enabled = data.enabled;
      connected.pending = data.pending;
    },
    'lpi.disconnected': (its, { data }) => {
      disconnect(its, data.hostLpi);
    },
    'its.completed': (its, { data }) => {
      if (data.errno !== 0) return;
      its.virtual[data.domid] ??= {};
      its.virtual[data.domid]![data.its] ??= { devices: {}, collections: {} };
      const virtual = its.virtual[data.domid]![data.its]!;
      switch (data.command) {
        case 'MAPD':
          if (data.deviceId === null) return;
          if (data.valid === true) {
            virtual.devices[data.deviceId] = { eventIdBits: data.eventIdBits ?? 1, events: {} };
          } else delete virtual.devices[data.deviceId];
          return;
        case 'MAPC':
          if (data.icid === null) return;
          if (data.valid === true && data.vcpu !== null) virtual.collections[data.icid] = data.vcpu;
          else delete virtual.collections[data.icid];
          return;
        case 'MAPTI':
        case 'MAPI':
        case 'MOVI': {
          if (data.deviceId === null || data.eventId === null || data.icid === null || data.lpi === null)
            return;
          const device = virtual.devices[data.deviceId];
          if (device !== undefined) device.events[data.eventId] = { lpi: data.lpi, icid: data.icid };
          return;
        }
        case 'DISCARD':
          if (data.deviceId === null || data.eventId === null) return;
          delete virtual.devices[data.deviceId]?.events[data.eventId];
          return;
        default:
      }
    },
  },
};

function disconnect(its: ItsState, hostLpi: number): void {
  const connected = its.lpis[hostLpi];
  if (connected === undefined) return;
  delete its.lpis[hostLpi];
  delete its.trees[connected.domid]?.[connected.lpi];
}

/**
 * The search pointer counts from 0 but is compared with, and set to, the absolute LPI number: freeing low blocks
 * leaves it alone, freeing high ones moves it 8192 too far. @source Xen gic-v3-lpi.c, gicv3_free_host_lpi_block
 */
function freeBlock(its: ItsState, firstLpi: number): void {
  for (let lpi = firstLpi; lpi < firstLpi + LPI_BLOCK; lpi++) disconnect(its, lpi);
  delete its.blocks[Math.floor((firstLpi - LPI_OFFSET) / LPI_BLOCK)];
  if (its.nextFree > firstLpi) its.nextFree = firstLpi;
}
