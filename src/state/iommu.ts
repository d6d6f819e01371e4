import type { DomainId } from '../base/brand.js';
import type { FunctionId } from '../pci/function-id.js';
import type { Slice } from './slice.js';

/** One stream table entry (SMMUv3) or stream match with its context (SMMUv2). */
export interface StreamEntry {
  config: 'abort' | 'bypass' | 'stage2' | 'fault';
  domid: DomainId | null;
  vmid: number | null;
  /** The function Xen believes to send this StreamID. */
  function: FunctionId | null;
}

/** A domain's translation on one SMMU. @source facts/arm-msi-iommu 6.4 */
export interface StreamContext {
  vmid: number;
  /** Devices attached; the VMID is given back when the last one detaches. */
  uses: number;
}

export interface SmmuState {
  /** By StreamID; streams Xen never touched are absent. */
  streams: Record<number, StreamEntry>;
  /** Two-level table: L1 indices that have a second level. Also kept for linear tables, where nothing reads it. */
  secondLevels: Record<number, true>;
  /** By domain. */
  contexts: Record<number, StreamContext>;
  /** Event records waiting for Xen's handler. */
  queued: number;
  /** Stage-2 write faults among them, for the design that injects interrupts from them (`guest-msi=fault`). */
  records: { streamId: number; address: number }[];
  /** Event records that found the queue full. */
  lost: number;
}

/** A contiguous piece of a domain's stage 2. */
export interface Stage2Range {
  address: number;
  target: number;
  sizeBytes: number;
  writable: boolean;
}

export interface IommuState {
  /** By base of the SMMU. */
  smmus: Record<number, SmmuState>;
  /** By domain, in the order of mapping; the last range that covers an address wins. */
  stage2: Record<number, Stage2Range[]>;
  /** The hardware domain: its stage 2 has every doorbell from the start. */
  hardwareDomain: DomainId;
}

const emptySmmu = (): SmmuState => ({
  streams: {},
  secondLevels: {},
  contexts: {},
  queued: 0,
  records: [],
  lost: 0,
});

/** Streams as Xen programmed them and what each domain's stage 2 maps. @source facts/arm-msi-iommu 6.1, 6.4, 6.5 */
export const iommuSlice: Slice<IommuState> = {
  initial: ({ platform }) => ({
    smmus: Object.fromEntries(platform.smmus.map((smmu) => [smmu.base, emptySmmu()])),
    stage2: {},
    hardwareDomain: 0 as DomainId,
  }),
  on: {
    'iommu.programmed': (iommu, { data }) => {
      iommu.smmus[data.smmu] ??= emptySmmu();
      const smmu = iommu.smmus[data.smmu]!;
      const before = smmu.streams[data.streamId];
      smmu.secondLevels[data.streamId >>> 8] = true;
      if (data.step === 'detach' && before !== undefined && before.domid !== null) {
        const context = smmu.contexts[before.domid];
        if (context !== undefined && --context.uses <= 0) delete smmu.contexts[before.domid];
      }
      if (data.config === 'stage2' && data.domid !== null && data.vmid !== null) {
        const context = smmu.contexts[data.domid];
        if (context === undefined) smmu.contexts[data.domid] = { vmid: data.vmid, uses: 1 };
        else context.uses++;
      }
      smmu.streams[data.streamId] = {
        config: data.config,
        domid: data.domid,
        vmid: data.vmid,
        function: data.function,
      };
    },
    'iommu.faulted': (iommu, { data }, { policies }) => {
      const smmu = iommu.smmus[data.smmu];
      if (smmu === undefined || !data.queued) return;
      smmu.queued++;
      if (policies['guest-msi'] === 'fault' && data.address !== null && data.dir === 'write') {
        smmu.records.push({ streamId: data.streamId, address: data.address });
      }
    },
    'iommu.overflowed': (iommu, { data }) => {
      const smmu = iommu.smmus[data.smmu];
      if (smmu !== undefined) smmu.lost = data.lost;
    },
    'iommu.drained': (iommu, { data }) => {
      const smmu = iommu.smmus[data.smmu];
      if (smmu === undefined) return;
      smmu.queued = 0;
      smmu.records = [];
    },
    'stage2.populated': (iommu, { data }) => {
      addRange(iommu, data.domid, {
        address: data.address,
        target: data.target,
        sizeBytes: data.sizeBytes,
        writable: data.writable,
      });
    },
    'domain.created': (iommu, { data }) => {
      if (data.hardware) iommu.hardwareDomain = data.domid;
    },
    'owner.chosen': (iommu, { data }) => {
      if (data.hardware !== null) iommu.hardwareDomain = data.hardware;
    },
    'domain.destroyed': (iommu, { data }) => {
      delete iommu.stage2[data.domid];
    },
  },
};

function addRange(iommu: IommuState, domid: number, range: Stage2Range): void {
  iommu.stage2[domid] ??= [];
  iommu.stage2[domid]!.push(range);
}
