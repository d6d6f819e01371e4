import { formatFunction } from '../../pci/function-id.js';
import { address, choice, domid, functionField, orNull, reg32, u8, u16 } from '../field.js';
import { input, outcome } from '../kind.js';

const space = choice(['memory', 'port'], 'machine memory or machine port');
const dir = choice(['read', 'write'], '');

/** How a domain comes at registers itself: page tables of PV domains, ports, the second stage. @source facts/xen 7.1 */
export const touchKinds = {
  'pte.changed': outcome(
    'Xen changed an L1 entry of a PV domain, or took it as it was.',
    {
      domid: domid('whose page table it stands in'),
      by: choice(
        ['va', 'ptr'],
        'the entry was named by the virtual address it maps or by its machine address',
      ),
      at: address('that address'),
      frame: orNull(address('machine frame it maps from here on; null: not present')),
      flags: reg32('its low twelve bits; Xen may have cleared RW or changed the cache attributes'),
    },
    { told: 'guest', reads: 'Xen sets an entry of {domid} at {at}[ to frame {frame}]', gist: null },
  ),
  'registers.touched': input(
    'A CPU running a domain accessed machine memory or a machine port, by whatever way the domain has there.',
    {
      domid: domid('the domain'),
      vcpu: u16('the virtual CPU'),
      space,
      address: address('first machine address or port'),
      size: u8('bytes'),
      dir,
    },
    {
      told: ['hardware', 'guest'],
      reads: '{domid} {dir}s {size} bytes at {space} {address}',
      decidedBy: 'page tables, ports and permissions, facts/xen 7.1; docs/models/toolstack.md',
    },
  ),
  'registers.reached': outcome(
    'The access, or a part of it, reached the hardware.',
    {
      domid: domid('the domain'),
      space,
      address: address('first machine address or port of the part'),
      size: u8('bytes of the part'),
      dir,
      through: choice(
        ['page-table', 'p2m', 'xen'],
        "the domain's own page table, the map from guest to machine addresses, or Xen, which does port accesses of PV domains for them",
      ),
      function: orNull(functionField('the function that decodes it; null: none does')),
      bar: orNull(reg32('offset of its register for that range')),
      offset: orNull(address('offset within the range')),
    },
    {
      told: ['hardware', 'guest'],
      reads:
        '{domid} reaches {size} bytes at {space} {address} through {through}[, offset {offset} of register {bar} of {function}]',
      gist: ({ function: fn, through }, bridges) =>
        `${fn === null ? 'nobody' : formatFunction(fn, bridges)} through ${through}`,
    },
  ),
  'registers.refused': outcome(
    'The access, or a part of it, did not reach the hardware: it faulted, read ones or went nowhere.',
    {
      domid: domid('the domain'),
      space,
      address: address('first machine address or port of the part'),
      size: u8('bytes of the part'),
      dir,
      why: choice(
        ['not-mapped', 'read-only', 'no-permission', 'emulated'],
        'no mapping leads there, only a read-only one does, the domain may not use the port, or Xen answers itself',
      ),
    },
    {
      told: 'guest',
      reads: '{domid} does not reach {size} bytes at {space} {address}: {why}',
      gist: ({ why }) => why,
    },
  ),
};
