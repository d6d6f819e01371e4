import { hexPad } from '../../base/hex.js';
import {
  address,
  choice,
  count,
  domid,
  flag,
  functionField,
  orNull,
  reg32,
  text,
  u16,
  u32,
} from '../field.js';
import { ended, valueText } from '../gist.js';
import { input, outcome } from '../kind.js';

const smmu = address('base of the SMMU');

/** @source facts/arm-msi-iommu 6 */
export const iommuKinds = {
  'iommu.programmed': outcome(
    'Xen wrote a stream table entry (SMMUv3) or a stream match (SMMUv2).',
    {
      smmu,
      streamId: reg32('the StreamID Xen computed; cut to 15 bits for an SMMUv2'),
      config: choice(['abort', 'bypass', 'stage2', 'fault'], 'what the entry now does'),
      domid: orNull(domid('whose stage 2 it points to')),
      vmid: orNull(u16('VMID of that domain on this SMMU, or its context bank on an SMMUv2')),
      step: choice(['attach', 'detach'], 'abort is written both before an attach and by a detach'),
      function: orNull(functionField('the function Xen believes to send that StreamID')),
    },
    {
      told: 'hardware',
      reads: 'Xen sets stream {streamId} of the SMMU at {smmu} to {config}[ of {domid}][ for {function}]',
      gist: null,
    },
  ),
  'iommu.serviced': input(
    "Xen's handler took its turn and emptied an SMMU's event queue.",
    { smmu },
    {
      told: ['hardware', 'inside'],
      reads: "Xen's handler serves the event queue of the SMMU at {smmu}",
      decidedBy: 'event queue, facts/arm-msi-iommu 5.3 (M3), 6.4',
    },
  ),
  'stage2.populated': input(
    'A domain was given memory: from here on its stage 2 maps it.',
    {
      domid: domid('the domain'),
      address: address('first guest physical address'),
      target: address('machine address behind it'),
      sizeBytes: count('length in bytes'),
      writable: flag('devices and processors may write'),
    },
    {
      told: 'guest',
      reads: '{domid} is given {sizeBytes} bytes at {address}, in the machine at {target}',
      decidedBy: 'stage 2 of a domain, facts/arm-msi-iommu 6.6',
    },
  ),
  'dma.attempted': input(
    'A function issued a memory request.',
    {
      function: functionField('the requester'),
      address: address('address in the request'),
      dir: choice(['read', 'write'], ''),
      data: orNull(reg32('data of a write, where it is known; a write that reaches a doorbell is an MSI')),
    },
    {
      told: 'hardware',
      reads: '{function} sends a {dir} to {address}[: {data}]',
      decidedBy: 'SMMU look-up order, facts/arm-msi-iommu 6.2; doorbells, 9; VT-d, facts/xen 7.2, 10.4',
      request: ({ function: sender }) => ({ is: 'begun', sender }),
      holds: ({ address, dir, data }) =>
        dir === 'write' && data !== null ? [{ is: 'message', address, data }] : [],
    },
  ),
  'dma.completed': outcome(
    'The request reached memory.',
    {
      streamId: orNull(reg32('StreamID the hardware sent; null without an IOMMU')),
      domid: orNull(domid('whose stage 2 translated it; null when it was not translated')),
      address: address('address after translation'),
    },
    {
      told: ['hardware', 'guest'],
      reads: 'the request reaches {address}[ through the tables of {domid}][ as stream {streamId}]',
      gist: ({ domid, address }) =>
        `${domid === null ? 'untranslated' : `memory of d${domid}`}${valueText(address)}`,
      request: ({ domid }) => ended(domid === null ? 'memory, untranslated' : `memory of d${domid}`),
    },
  ),
  'iommu.faulted': outcome(
    'The IOMMU ended the request.',
    {
      smmu,
      streamId: reg32('StreamID the hardware sent'),
      domid: orNull(domid('whose stage 2 refused it; null when the stream has none')),
      address: orNull(address('address of the request; null where the record has none')),
      dir: orNull(choice(['read', 'write'], 'direction of the request, where the record has it')),
      event: orNull(
        text(
          'event name, as `F_TRANSLATION`, or the register of an SMMUv2, as `FSR.TF`; null for a silent abort',
        ),
      ),
      w0: orNull(text('first 64-bit word of the record as 0x and 16 digits; FSR of an SMMUv2')),
      w1: orNull(text('second word; FSYNR0')),
      w2: orNull(text('third word; FAR')),
      w3: orNull(text('fourth word')),
      queued: flag('the record entered the event queue; false for a silent abort or a full queue'),
    },
    {
      told: 'hardware',
      reads:
        'the SMMU at {smmu} ends a request of stream {streamId}[ to {address}][: {event}][, not in the tables of {domid}]',
      gist: ({ event, streamId }) => `${event ?? 'silent abort'} 0x${hexPad(streamId, 5)}`,
      request: ({ event, domid }) =>
        ended(
          event === null
            ? 'stopped without a record'
            : domid === null
              ? `fault: ${event}`
              : `fault: not in the tables of d${domid}`,
        ),
      holds: ({ w0, w1, w2, w3 }) =>
        w0 === null || w1 === null || w2 === null || w3 === null
          ? []
          : [{ is: 'smmu-record', words: [w0, w1, w2, w3] }],
    },
  ),
  'iommu.drained': outcome(
    "Xen's handler read and printed every record of the queue.",
    {
      smmu,
      records: u32('how many'),
    },
    { told: 'hardware', reads: 'Xen reads {records} records of the SMMU at {smmu}', gist: null },
  ),
  'iommu.overflowed': outcome(
    'An event record was lost: the queue was full.',
    {
      smmu,
      lost: u32('records lost so far'),
    },
    { told: 'hardware', reads: 'the SMMU at {smmu} loses a record, {lost} so far', gist: null },
  ),
};
