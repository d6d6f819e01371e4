import {
  address,
  choice,
  count,
  domid,
  functionField,
  input,
  orNull,
  outcome,
  reg32,
  text,
  xenSbdf,
} from '../field.js';

/** DMA remapping of x86 (VT-d), and whose memory a request ends in. @source facts/xen 7.2, 10.4 */
export const vtdKinds = {
  'memory.given': input(
    'Machine memory was given to a domain that sees machine addresses, or kept by Xen. Translated domains have `stage2.populated`.',
    {
      owner: orNull(domid('whose memory it is; null: Xen itself')),
      address: address('first machine address'),
      sizeBytes: count('length in bytes'),
      use: choice(
        ['ram', 'page-table'],
        'a page table of a PV domain is none of its writable memory: Xen checks every change',
      ),
    },
  ),
  'vtd.programmed': outcome('Xen wrote a context entry: what requests of one requester id go through.', {
    requester: xenSbdf('requester id the entry is for'),
    device: xenSbdf('the device Xen wrote or cleared it for'),
    stands: choice(
      ['function', 'bridge', 'behind-bridge'],
      'the function itself, the conventional bridge above it, or device 0 on the bus behind that bridge',
    ),
    root: choice(
      ['domain', 'pass-through', 'quarantine', 'scratch-page', 'none'],
      "a domain's page table, no translation, quarantine with the device's reserved regions or with a scratch page, or no entry",
    ),
    domid: orNull(domid('whose page table it is; null: none')),
    from: orNull(domid('who had the entry before; null: nobody')),
  }),
  'vtd.faulted': outcome('DMA remapping ended a request.', {
    function: functionField('who sent it'),
    requester: xenSbdf('requester id of the request'),
    domid: orNull(domid('whose page table refused it; null: no entry, or none of a domain')),
    address: address('page of the request'),
    dir: choice(['read', 'write'], ''),
    reason: reg32('fault reason of the record'),
    text: text('the same in words, as Xen prints it'),
  }),
  'memory.reached': outcome('A request ended in machine memory, or at an address nobody was given.', {
    function: functionField('who sent it'),
    requester: xenSbdf('requester id of the request'),
    address: address('machine address'),
    dir: choice(['read', 'write'], ''),
    through: orNull(domid('whose page table sent it there; null: untranslated')),
    whose: choice(
      ['guest', 'page-table', 'xen', 'nobody'],
      "a domain's memory, a page table of a PV domain, Xen's own, or memory nobody was given",
    ),
    owner: orNull(domid('the domain it belongs to')),
  }),
  'dma.discarded': outcome('A request did not reach memory, and no fault says so.', {
    function: functionField('who sent it'),
    requester: xenSbdf('requester id of the request'),
    why: choice(
      ['bus-master-off', 'scratch-page'],
      'the function may not send, or Xen keeps it in quarantine on a scratch page',
    ),
  }),
};
