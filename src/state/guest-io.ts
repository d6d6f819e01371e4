import type { DomainId, EventSeq } from '../base/brand.js';
import { emptyRangeSet, type RangeSet } from '../base/rangeset.js';
import type { DataOf } from '../events/catalogue.js';

/** A device model's slot for one virtual CPU in the shared page, and what Xen remembers of it. */
export interface RequestSlot {
  /** 0 none, 1 ready, 2 in process, 3 response ready; anything else is a device model's fault. */
  state: number;
  data: number;
  dataHigh: number;
  /** The event channel as the page says it. */
  eport: number;
  /** Xen waits for this slot. */
  pending: boolean;
  /** State Xen saw last while it waited. */
  seen: number;
}

/** One slot of the buffered ring, unpacked. @source facts/xen 4.4 */
export interface BufferedSlot {
  type: number;
  dir: number;
  sizeLog2: number;
  addr: number;
  data: number;
}

export type PageState = 'none' | 'gfn' | 'resource';

export interface IoreqServer {
  emulator: DomainId;
  enabled: boolean;
  bufioreq: number;
  /** Event channel of each virtual CPU. */
  ports: Record<number, number>;
  bufioreqPort: number | null;
  page: PageState;
  gfn: number | null;
  bufPage: PageState;
  bufGfn: number | null;
  /** By virtual CPU; made when first written. */
  slots: Record<number, RequestSlot>;
  ring: { read: number; write: number; slots: Record<number, BufferedSlot> };
  /** Port, memory and PCI ranges; the index is XEN_DMOP_IO_RANGE_*. */
  ranges: [RangeSet, RangeSet, RangeSet];
}

/** What a virtual CPU waits for; `request` is null when only a broadcast is under way. */
export interface Waiting {
  request: EventSeq | null;
  space: 'port' | 'mem';
  size: number;
  dir: 'read' | 'write';
  count: number;
  dataIsPtr: boolean;
  /** Data as Xen holds it: what it put into the request until an answer replaces it. */
  data: number;
  dataHigh: number;
  /** The server whose answer `data` is. */
  servedBy: number | null;
}

/** I/O side of one HVM, PVH or ARM guest. */
export interface GuestIo {
  type: 'hvm' | 'pvh' | 'arm';
  hardware: boolean;
  vcpus: number;
  cpuVendor: string;
  cpuFamily: number | null;
  hostCf8Ext: boolean;
  hap: boolean;
  maxGfn: number;
  trapUnmapped: boolean;
  dying: boolean;
  stopped: string | null;
  /** The latch behind port 0xCF8. */
  cf8: number;
  /** Index register of the clock, port 0x70. */
  cmosIndex: number;
  /** By id, 0 to 7. */
  servers: (IoreqServer | null)[];
  waiting: Record<number, Waiting>;
  /** Last access of each virtual CPU that ended, and what it read: its registers. */
  ended: Record<number, { request: EventSeq; value: number | null; valueHigh: number | null }>;
  usedPorts: Record<number, true>;
  params: Record<number, number>;
  /** Indexes into the frame pool of HVM_PARAM_IOREQ_SERVER_PFN that are free, ascending; and free legacy parameters. */
  freeGfns: number[];
  freeLegacy: number[];
  /** Server that writes to frames of type ioreq_server go to. */
  memServer: number | null;
  /** Frames that are not plain RAM. */
  memTypes: { ram_ro: RangeSet; mmio_dm: RangeSet; ioreq_server: RangeSet };
  cacheattrs: { start: number; end: number; type: number }[];
  /** Asserted lines: slot * 4 + pin, ISA interrupts, SPIs. */
  intx: Record<number, true>;
  isa: Record<number, true>;
  spi: Record<number, true>;
  links: number[];
  injected: Record<number, true>;
}

/** Guests by domid. */
export type IoreqState = Record<number, GuestIo>;

/** Servers a domain can have. @source facts/xen 4.3 */
export const SERVER_COUNT = 8;

/** HVM parameters that decide about frames and ports of device models. @source facts/xen 1.2 */
export const hvmParam = {
  IOREQ_PFN: 5,
  BUFIOREQ_PFN: 6,
  ACPI_IOPORTS_LOCATION: 19,
  IOREQ_SERVER_PFN: 32,
  NR_IOREQ_SERVER_PAGES: 33,
} as const;

/** A guest as it comes into being. */
export function newGuest({ type, hardware }: DataOf<'domain.created'>): GuestIo {
  return {
    type: type === 'arm' ? 'arm' : type === 'pvh' ? 'pvh' : 'hvm',
    hardware,
    vcpus: 1,
    cpuVendor: 'intel',
    cpuFamily: null,
    hostCf8Ext: false,
    hap: true,
    maxGfn: 0xf_ffff,
    trapUnmapped: false,
    dying: false,
    stopped: null,
    cf8: 0,
    cmosIndex: 0,
    servers: new Array<IoreqServer | null>(SERVER_COUNT).fill(null),
    waiting: {},
    ended: {},
    usedPorts: {},
    params: {},
    freeGfns: [],
    freeLegacy: [],
    memServer: null,
    memTypes: { ram_ro: emptyRangeSet(), mmio_dm: emptyRangeSet(), ioreq_server: emptyRangeSet() },
    cacheattrs: [],
    intx: {},
    isa: {},
    spi: {},
    links: [0, 0, 0, 0],
    injected: {},
  };
}
