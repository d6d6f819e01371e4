import type { PhysicalAddress } from '../../../base/brand.js';
import type { FunctionId } from '../../../pci/function-id.js';
import type { Context, Decider } from '../../context.js';
import { inject, messageText } from './deliver.js';
import { drop } from './drop.js';

/**
 * Xen reads the event queue of an SMMU. As built it prints every record and nothing else; under the alternative of the
 * 2017 thread it makes interrupts of the records it can tell apart: by stream and address, since no record has the data.
 * @source facts/arm-msi-iommu 5.3 (M3), 6.4
 */
export const decideIommuService: Decider<'iommu.serviced'> = (context, { data }) => {
  const smmu = context.state.iommu.smmus[data.smmu];
  if (smmu === undefined) return;
  const records = [...smmu.records];
  context.emit('xen', 'iommu.drained', { smmu: data.smmu, records: smmu.queued });
  if (context.env.policies['guest-msi'] !== 'fault') return;
  for (const { streamId, address } of records) fromRecord(context, data.smmu, streamId, address);
};

function fromRecord(context: Context, smmu: number, streamId: number, address: number): void {
  const holder = context.state.iommu.smmus[smmu]?.streams[streamId]?.function ?? null;
  const known = holder === null ? undefined : context.state.msi.functions[holder];
  if (holder === null || known === undefined) {
    drop(context, 'the event record is of no device with vectors');
    return;
  }
  const found = Object.entries(known.vectors).filter(
    ([, vector]) => vector.askedAddress === address && vector.phase !== 'free',
  );
  const [first] = found;
  if (first === undefined) {
    drop(context, 'no armed vector of the device has this address');
    return;
  }
  if (found.length > 1 || known.messagesLog2 > 0) {
    drop(context, 'vectors differ only in data, which the event record does not carry');
    return;
  }
  const [index, vector] = first;
  context.emit('xen', 'msi.translated', {
    translator: 'smmu',
    doorbell: address as PhysicalAddress,
    streamId,
    deviceId: null,
    eventId: vector.askedData,
    intid: 0,
    owner: vector.domid,
    forgeable: 'device',
    asked: messageText(vector.askedAddress, vector.askedData),
    programmed: messageText(vector.address, vector.data),
  });
  inject(context, holder as FunctionId, Number(index), holder);
}
