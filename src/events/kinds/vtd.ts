import { hexPad } from '../../base/hex.js';
import { address, choice, count, domid, functionField, orNull, reg32, text, xenSbdf } from '../field.js';
import { ended, memoryText, valueText } from '../gist.js';
import { input, outcome } from '../kind.js';

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
    {
      told: 'guest',
      reads: '{owner} gets {sizeBytes} bytes of machine memory at {address} as {use}',
      decidedBy: 'state only: whose memory it is',
      whose: 'owner',
    },
  ),
  'vtd.programmed': outcome(
    'Xen wrote a context entry: what requests of one requester id go through.',
    {
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
    },
    {
      told: 'hardware',
      reads: 'Xen sets the context entry of {requester} to {root}[ of {domid}] for {device}',
      gist: null,
    },
  ),
  'vtd.faulted': outcome(
    'DMA remapping ended a request.',
    {
      function: functionField('who sent it'),
      requester: xenSbdf('requester id of the request'),
      domid: orNull(domid('whose page table refused it; null: no entry, or none of a domain')),
      address: address('page of the request'),
      dir: choice(['read', 'write'], ''),
      reason: reg32('fault reason of the record'),
      text: text('the same in words, as Xen prints it'),
    },
    {
      told: 'hardware',
      reads: 'DMA remapping ends a {dir} of {function} as {requester} to {address}: {text}',
      gist: ({ reason, text: words }) => `fault ${hexPad(reason, 2)}: ${words}`,
      request: ({ domid }) =>
        ended(domid === null ? 'fault: no entry' : `fault: not in the tables of d${domid}`),
    },
  ),
  'memory.reached': outcome(
    'A request ended in machine memory, or at an address nobody was given.',
    {
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
    },
    {
      told: ['hardware', 'guest'],
      reads:
        'a {dir} of {function} as {requester} reaches {address}, memory of {owner} ({whose})[, through the tables of {through}]',
      whose: 'owner',
      gist: (data) => `${memoryText(data)}${valueText(data.address)}`,
      request: (data) => ended(`${memoryText(data)}${data.through === null ? ', untranslated' : ''}`),
    },
  ),
  'dma.discarded': outcome(
    'A request did not reach memory, and no fault says so.',
    {
      function: functionField('who sent it'),
      requester: xenSbdf('requester id of the request'),
      why: choice(
        ['bus-master-off', 'scratch-page'],
        'the function may not send, or Xen keeps it in quarantine on a scratch page',
      ),
    },
    {
      told: 'hardware',
      reads: 'a request of {function} as {requester} does not reach memory: {why}',
      gist: ({ why }) => (why === 'scratch-page' ? 'scratch page' : 'not sent: bus mastering is off'),
      request: ({ why }) =>
        ended(why === 'scratch-page' ? 'swallowed by the scratch page' : 'not sent: no bus mastering'),
    },
  ),
};
