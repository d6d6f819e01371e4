import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import { type EventName, recordWords, registerWord } from '../../../pci/smmu-record.js';
import type { Smmu } from '../../../platform/platform.js';
import type { Context } from '../../context.js';
import { F_PERMISSION, walkStage2 } from './stage2.js';

/** Whose stage 2 a stream goes through; null: none (bypass, or no SMMU at work). */
export function streamDomain(context: Context, smmu: Smmu, streamId: number): DomainId | null {
  const entry = context.state.iommu.smmus[smmu.base]?.streams[streamId];
  return entry?.config === 'stage2' ? entry.domid : null;
}

/** Address of a transaction that the SMMU stopped. */
export const STOPPED = -1;

/**
 * One transaction through an SMMU, in the order the hardware looks things up: range of the StreamID, second level,
 * entry, stage 2. A stop emits `iommu.faulted` with the words of the event record, or without any when the entry says
 * abort, which records nothing.
 *
 * @returns The address after translation, or `STOPPED`.
 * @source facts/arm-msi-iommu 6.2, 6.3, 6.5
 */
export function translate(
  context: Context,
  smmu: Smmu,
  streamId: number,
  address: number,
  dir: 'read' | 'write',
): number {
  if (context.env.policies.iommu !== 'on') return address;
  const state = context.state.iommu.smmus[smmu.base];
  const entry = state?.streams[streamId];
  if (entry === undefined) {
    if (smmu.model === 'smmuv2') return stop(context, smmu, streamId, null, null);
    const outside = streamId >= 2 ** smmu.streamIdBits;
    const noSecondLevel = smmu.twoLevel && state?.secondLevels[streamId >>> 8] === undefined;
    if (outside || noSecondLevel) fault(context, smmu, streamId, null, 'C_BAD_STREAMID', null);
    else stop(context, smmu, streamId, null, null);
    return STOPPED;
  }
  switch (entry.config) {
    case 'bypass':
      return address;
    case 'abort':
    case 'fault':
      return stop(context, smmu, streamId, null, null);
    case 'stage2': {
      const domid = entry.domid ?? (0 as DomainId);
      const target = walkStage2(context, domid, address, dir === 'write');
      if (target >= 0) return target;
      const event: EventName = target === F_PERMISSION ? 'F_PERMISSION' : 'F_TRANSLATION';
      if (smmu.model === 'smmuv3') return fault(context, smmu, streamId, domid, event, { dir, address });
      return contextFault(context, smmu, streamId, domid, event, dir, address);
    }
  }
}

/** Ends a transaction without a record: an abort entry, or a stream no match of an SMMUv2 takes (GFSR). */
function stop(
  context: Context,
  smmu: Smmu,
  streamId: number,
  domid: DomainId | null,
  event: EventName | null,
): number {
  context.emit('hw', 'iommu.faulted', {
    smmu: smmu.base as PhysicalAddress,
    streamId,
    domid,
    address: null,
    dir: null,
    event: smmu.model === 'smmuv2' ? 'GFSR' : event,
    w0: null,
    w1: null,
    w2: null,
    w3: null,
    queued: false,
  });
  return STOPPED;
}

/**
 * A stage-2 fault of an SMMUv2: registers of the context bank in place of a record, FSR, FSYNR0 and FAR.
 * @source facts/arm-msi-iommu 6.5
 */
function contextFault(
  context: Context,
  smmu: Smmu,
  streamId: number,
  domid: DomainId | null,
  event: EventName,
  dir: 'read' | 'write',
  address: number,
): number {
  context.emit('hw', 'iommu.faulted', {
    smmu: smmu.base as PhysicalAddress,
    streamId,
    domid,
    address: address as PhysicalAddress,
    dir,
    event: event === 'F_PERMISSION' ? 'FSR.PF' : 'FSR.TF',
    w0: registerWord(event === 'F_PERMISSION' ? 1 << 3 : 1 << 1),
    w1: registerWord(dir === 'write' ? 1 << 4 : 0),
    w2: registerWord(address),
    w3: null,
    queued: false,
  });
  return STOPPED;
}

/** Ends a transaction with a record; a full queue loses it. */
function fault(
  context: Context,
  smmu: Smmu,
  streamId: number,
  domid: DomainId | null,
  event: EventName,
  access: { readonly dir: 'read' | 'write'; readonly address: number } | null,
): number {
  const state = context.state.iommu.smmus[smmu.base];
  const queued = (state?.queued ?? 0) < eventQueueRecords(context);
  const [w0, w1, w2, w3] = recordWords({ event, streamId, access });
  const base = smmu.base as PhysicalAddress;
  const address = access === null ? null : (access.address as PhysicalAddress);
  context.emit('hw', 'iommu.faulted', {
    smmu: base,
    streamId,
    domid,
    address,
    dir: access?.dir ?? null,
    event,
    w0,
    w1,
    w2,
    w3,
    queued,
  });
  if (!queued) context.emit('hw', 'iommu.overflowed', { smmu: base, lost: (state?.lost ?? 0) + 1 });
  return STOPPED;
}

/** How many records fit; `event-queue` of the switches, as log2. */
function eventQueueRecords(context: Context): number {
  return 2 ** Number(context.env.switches['event-queue']);
}
