import type { DomainId } from '../base/brand.js';
import type { Slice } from './slice.js';

/** What a domain's pirq stands for. */
export interface Pirq {
  /** Machine interrupt; 0 none, -1 reserved by get_free_pirq, below that minus the interrupt it still blocks. */
  irq: number;
  /** Emulated GSI of an HVM domain, -2 a passthrough interrupt seen as an event, -3 an emulated MSI; null unbound. */
  emuirq: number | null;
}

/** How an interrupt reaches a guest. @source facts/xen 6.2 */
export interface PtBinding {
  as: string;
  /** INTx lines of the guest that the interrupt drives. */
  lines: { device: number; intx: number }[];
  gvec: number;
  gflags: number;
}

export interface IrqDomain {
  pirqs: Record<number, Pirq>;
  /** By machine interrupt; negative while a forced unmap waits for the event channel to close. */
  pirqOf: Record<number, number>;
  bindings: Record<number, PtBinding>;
  eoiPage: number | null;
  autoUnmask: boolean;
}

export interface MsiEntry {
  type: string;
  entry: number;
  irq: number;
  vectors: number;
}

/** Xen's MSI knowledge of one device. */
export interface DeviceMsi {
  entries: MsiEntry[];
  /** prepare_msix counts as one use of the table. */
  prepared: boolean;
  /** MASKALL as the hardware domain sees it. */
  guestMaskall: boolean;
}

export interface IrqState {
  domains: Record<number, IrqDomain>;
  /** Machine interrupts made for MSI, with the domain they were made for. */
  created: Record<number, DomainId>;
  /** I/O APIC pins that were set up. */
  gsis: Record<number, { triggering: number; polarity: number }>;
  /** By packed Xen SBDF. */
  msi: Record<number, DeviceMsi>;
  /** By machine interrupt: domains it is delivered to, in the order they bound. */
  guests: Record<number, DomainId[]>;
  /** Machine interrupts whose first guest does not share. */
  exclusive: Record<number, true>;
  /** MMCFG windows that are on or off against firmware's word, by `segment << 16 | start << 8 | end`. */
  mmcfg: Record<string, boolean>;
}

const domainOf = (irq: IrqState, domid: number): IrqDomain => {
  irq.domains[domid] ??= { pirqs: {}, pirqOf: {}, bindings: {}, eoiPage: null, autoUnmask: false };
  return irq.domains[domid];
};

const pirqOf = (irq: IrqState, domid: number, pirq: number): Pirq => {
  const { pirqs } = domainOf(irq, domid);
  pirqs[pirq] ??= { irq: 0, emuirq: null };
  return pirqs[pirq];
};

const deviceOf = (irq: IrqState, name: number): DeviceMsi => {
  irq.msi[name] ??= { entries: [], prepared: false, guestMaskall: false };
  return irq.msi[name];
};

/** Key of an MMCFG window. */
export const mmcfgKey = (segment: number, startBus: number, endBus: number): string =>
  `${segment}:${startBus}-${endBus}`;

/** A pirq that stands for an emulated MSI. @source xen/arch/x86/include/asm/irq.h (IRQ_MSI_EMU) */
const EMUIRQ_MSI = -3;

export const irqSlice: Slice<IrqState> = {
  initial: () => ({ domains: {}, created: {}, gsis: {}, msi: {}, guests: {}, exclusive: {}, mmcfg: {} }),
  on: {
    'irq.created': (irq, { data }) => {
      irq.created[data.irq] = data.domid;
    },
    'irq.destroyed': (irq, { data }) => {
      delete irq.created[data.irq];
      delete irq.guests[data.irq];
      delete irq.exclusive[data.irq];
    },
    'gsi.programmed': (irq, { data }) => {
      irq.gsis[data.gsi] = { triggering: data.triggering, polarity: data.polarity };
    },
    'pirq.mapped': (irq, { data }) => {
      pirqOf(irq, data.domid, data.pirq).irq = data.irq;
      domainOf(irq, data.domid).pirqOf[data.irq] = data.pirq;
    },
    'pirq.unmapped': (irq, { data }) => {
      const domain = domainOf(irq, data.domid);
      const pirq = domain.pirqs[data.pirq];
      if (pirq === undefined) return;
      const machine = Math.abs(pirq.irq);
      if (data.forced) {
        pirq.irq = 0 - machine;
        domain.pirqOf[machine] = 0 - data.pirq;
        return;
      }
      delete domain.pirqOf[machine];
      if (pirq.emuirq === null) delete domain.pirqs[data.pirq];
      else pirq.irq = 0;
    },
    'pirq.emuirq': (irq, { data }) => {
      const domain = domainOf(irq, data.domid);
      const pirq = pirqOf(irq, data.domid, data.pirq);
      pirq.emuirq = data.emuirq;
      if (pirq.emuirq === null && pirq.irq === 0) delete domain.pirqs[data.pirq];
    },
    'pirq.emulated': (irq, { data }) => {
      pirqOf(irq, data.domid, data.pirq).emuirq = EMUIRQ_MSI;
    },
    'pirq.allocated': (irq, { data }) => {
      pirqOf(irq, data.domid, data.pirq).irq = -1;
    },
    'pirq.bound': (irq, { data }) => {
      if (data.as !== 'event') {
        const { bindings } = domainOf(irq, data.domid);
        bindings[data.pirq] ??= { as: data.as, lines: [], gvec: 0, gflags: 0 };
        const binding = bindings[data.pirq]!;
        if (data.device !== null) binding.lines.push({ device: data.device, intx: data.intx ?? 0 });
        binding.gvec = data.gvec ?? binding.gvec;
        binding.gflags = data.gflags ?? binding.gflags;
      }
      irq.guests[data.irq] ??= [];
      const guests = irq.guests[data.irq]!;
      if (!guests.includes(data.domid)) guests.push(data.domid);
      if (!data.shares) irq.exclusive[data.irq] = true;
    },
    'pirq.unbound': (irq, { data }) => {
      const { bindings } = domainOf(irq, data.domid);
      const binding = bindings[data.pirq];
      if (binding !== undefined && data.device !== null) {
        const at = binding.lines.findIndex((line) => line.device === data.device && line.intx === data.intx);
        if (at >= 0) binding.lines.splice(at, 1);
        if (binding.lines.length > 0) return;
      }
      delete bindings[data.pirq];
      const guests = irq.guests[data.irq];
      if (guests === undefined) return;
      irq.guests[data.irq] = guests.filter((domid) => domid !== data.domid);
      if (irq.guests[data.irq]!.length > 0) return;
      delete irq.guests[data.irq];
      delete irq.exclusive[data.irq];
    },
    'pirq.eoi_page': (irq, { data }) => {
      const domain = domainOf(irq, data.domid);
      domain.eoiPage = data.gmfn;
      domain.autoUnmask = data.autoUnmask;
    },
    'msi.enabled': (irq, { data }) => {
      const { type, entry, irq: machine, vectors } = data;
      deviceOf(irq, data.sbdf).entries.push({ type, entry, irq: machine, vectors });
    },
    'msi.disabled': (irq, { data }) => {
      const device = deviceOf(irq, data.sbdf);
      device.entries = device.entries.filter((entry) => entry.irq !== data.irq);
    },
    'msix.prepared': (irq, { data }) => {
      deviceOf(irq, data.sbdf).prepared = data.prepared;
    },
    'msix.masked': (irq, { data }) => {
      deviceOf(irq, data.sbdf).guestMaskall = data.maskall;
    },
    'device.unregistered': (irq, { data }) => {
      delete irq.msi[data.sbdf];
    },
    'mmcfg.changed': (irq, { data }) => {
      irq.mmcfg[mmcfgKey(data.segment, data.startBus, data.endBus)] = data.enabled;
    },
    'domain.released': (irq, { data }) => {
      delete irq.domains[data.domid];
    },
  },
};
