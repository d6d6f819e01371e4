import { address, choice, domid, functionField, input, orNull, outcome, reg32, text, u32 } from '../field.js';

/** @source facts/arm-msi-iommu 6 */
export const iommuKinds = {
  'iommu.programmed': outcome('Xen wrote a stream table entry (SMMUv3) or a stream match (SMMUv2).', {
    smmu: address('base of the SMMU'),
    streamId: reg32('the StreamID Xen computed'),
    config: choice(['abort', 'bypass', 'stage2', 'fault'], 'what the entry now does'),
    domid: orNull(domid('whose stage 2 it points to')),
    function: orNull(functionField('the function Xen believes to send that StreamID')),
  }),
  'dma.attempted': input('A function issued a memory request.', {
    function: functionField('the requester'),
    address: address('address in the request'),
    dir: choice(['read', 'write'], ''),
  }),
  'dma.completed': outcome('The request reached memory.', {
    streamId: orNull(reg32('StreamID the hardware sent; null without an IOMMU')),
    domid: orNull(domid('whose stage 2 translated it; null when it was not translated')),
    address: address('address after translation'),
  }),
  'iommu.faulted': outcome('The IOMMU ended the request.', {
    streamId: reg32('StreamID the hardware sent'),
    event: orNull(text('event name, as `F_TRANSLATION`; null for a silent abort')),
    w0: orNull(text('first 64-bit word of the record as 0x and 16 digits')),
    w1: orNull(text('second word')),
    w2: orNull(text('third word')),
    w3: orNull(text('fourth word')),
  }),
  'iommu.overflowed': outcome('An event record was lost: the queue was full.', {
    smmu: address('base of the SMMU'),
    lost: u32('records lost so far'),
  }),
};
