import { address, domid, flag, orNull, text, u32 } from '../field.js';
import { outcome } from '../kind.js';

/** @source facts/xen 1.2, 7.1 */
export const physmapKinds = {
  'mmio.mapped': outcome(
    "Machine frames became visible in a domain's memory, or vanished from it.",
    {
      domid: domid('the domain'),
      gfn: address('first frame of the domain'),
      mfn: address('first machine frame'),
      count: u32('frames'),
      mapped: flag('false: removed'),
    },
    {
      told: 'guest',
      reads: '{count} frames at {mfn} {mapped?enter:leave} the memory of {domid} at {gfn}',
      gist: null,
    },
  ),
  'ports.mapped': outcome(
    'Machine I/O ports became visible in an HVM domain, or vanished from it.',
    {
      domid: domid('the domain'),
      gport: u32('first port of the domain'),
      mport: u32('first machine port'),
      count: u32('ports'),
      mapped: flag('false: removed'),
    },
    { told: 'guest', reads: '{count} ports at {mport} {mapped?enter:leave} {domid} at {gport}', gist: null },
  ),
  'region.mapped': outcome(
    'Memory that firmware reserves for a device was mapped one to one for its owner, or unmapped.',
    {
      domid: domid('the domain'),
      base: address('first byte of the region'),
      end: address('its last byte'),
      count: u32('devices of the domain that need it; 0: unmapped'),
    },
    { told: 'guest', reads: '{base} to {end} is mapped for {count} devices of {domid}', gist: null },
  ),
  'page.placed': outcome(
    'A page other than RAM was put into, or taken out of, a domain.',
    {
      domid: domid('the domain'),
      space: text('`shared_info`, `grant_table`, `dev_mmio`, …; `none` for a removal'),
      idx: address('index in that space'),
      gfn: address('where'),
    },
    { told: 'guest', reads: '{domid} has {space} page {idx} at {gfn}', gist: null },
  ),
  'domain.targeted': outcome(
    'A domain became device model for another one.',
    {
      domid: domid('the device model'),
      target: orNull(domid('the domain it serves')),
    },
    { told: 'inside', reads: '{domid} is the device model of {target}' },
  ),
};
