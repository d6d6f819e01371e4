import type { Slice } from './slice.js';

/** Machine frames a translated domain sees at `gfn`. */
export interface MmioMapping {
  gfn: number;
  mfn: number;
  count: number;
}

/** Machine ports an HVM domain sees at `gport`. */
export interface PortMapping {
  gport: number;
  mport: number;
  count: number;
}

/** Reserved memory mapped one to one. */
export interface RegionMapping {
  base: number;
  end: number;
  /** Devices of the domain that need it. */
  count: number;
}

export interface PhysmapDomain {
  mmio: MmioMapping[];
  ports: PortMapping[];
  /** What else stands at a guest frame: shared info, grant table, device pages. */
  pages: Record<number, string>;
  /** Absent until there is one. */
  regions?: RegionMapping[];
}

export type PhysmapState = Record<number, PhysmapDomain>;

const domainOf = (state: PhysmapState, domid: number): PhysmapDomain => {
  state[domid] ??= { mmio: [], ports: [], pages: {} };
  return state[domid];
};

export const physmapSlice: Slice<PhysmapState> = {
  initial: () => ({}),
  on: {
    'mmio.mapped': (state, { data }) => {
      const domain = domainOf(state, data.domid);
      const { gfn, mfn, count } = data;
      domain.mmio = domain.mmio.flatMap((old) => withoutFrames(old, gfn, count));
      if (data.mapped) domain.mmio.push({ gfn, mfn, count });
    },
    'ports.mapped': (state, { data }) => {
      const domain = domainOf(state, data.domid);
      const { gport, mport, count } = data;
      domain.ports = domain.ports.filter((old) => old.mport !== mport || old.count !== count);
      if (data.mapped) domain.ports.unshift({ gport, mport, count });
    },
    'region.mapped': (state, { data }) => {
      const domain = domainOf(state, data.domid);
      const { base, end, count } = data;
      domain.regions = (domain.regions ?? []).filter((old) => old.base !== base || old.end !== end);
      if (count > 0) domain.regions.push({ base, end, count });
    },
    'page.placed': (state, { data }) => {
      const { pages } = domainOf(state, data.domid);
      if (data.space === 'none') delete pages[data.gfn];
      else pages[data.gfn] = data.space;
    },
    'domain.destroyed': (state, { data }) => {
      delete state[data.domid];
    },
  },
};

/** What is left of a mapping when [gfn, gfn + count) is taken out of it. */
function withoutFrames(old: MmioMapping, gfn: number, count: number): MmioMapping[] {
  const end = gfn + count;
  const oldEnd = old.gfn + old.count;
  if (oldEnd <= gfn || old.gfn >= end) return [old];
  const left: MmioMapping[] = [];
  if (old.gfn < gfn) left.push({ gfn: old.gfn, mfn: old.mfn, count: gfn - old.gfn });
  if (oldEnd > end) left.push({ gfn: end, mfn: old.mfn + (end - old.gfn), count: oldEnd - end });
  return left;
}
