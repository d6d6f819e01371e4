import { address, domid, flag, orNull, outcome, text, u32 } from '../field.js';

/** @source facts/xen 1.2, 7.1 */
export const physmapKinds = {
  'mmio.mapped': outcome("Machine frames became visible in a domain's memory, or vanished from it.", {
    domid: domid('the domain'),
    gfn: address('first frame of the domain'),
    mfn: address('first machine frame'),
    count: u32('frames'),
    mapped: flag('false: removed'),
  }),
  'ports.mapped': outcome('Machine I/O ports became visible in an HVM domain, or vanished from it.', {
    domid: domid('the domain'),
    gport: u32('first port of the domain'),
    mport: u32('first machine port'),
    count: u32('ports'),
    mapped: flag('false: removed'),
  }),
  'region.mapped': outcome(
    'Memory that firmware reserves for a device was mapped one to one for its owner, or unmapped.',
    {
      domid: domid('the domain'),
      base: address('first byte of the region'),
      end: address('its last byte'),
      count: u32('devices of the domain that need it; 0: unmapped'),
    },
  ),
  'page.placed': outcome('A page other than RAM was put into, or taken out of, a domain.', {
    domid: domid('the domain'),
    space: text('`shared_info`, `grant_table`, `dev_mmio`, …; `none` for a removal'),
    idx: address('index in that space'),
    gfn: address('where'),
  }),
  'domain.targeted': outcome('A domain became device model for another one.', {
    domid: domid('the device model'),
    target: orNull(domid('the domain it serves')),
  }),
};
