import { address, choice, domid, flag, orNull, reg32, u8, u16, u32 } from '../field.js';
import { outcome } from '../kind.js';

const guest = domid('the guest');

/** What device-model operations change in a guest besides IOREQ servers. @source facts/xen 4.2 */
export const guestKinds = {
  'line.changed': outcome(
    'An emulated interrupt line changed its level.',
    {
      domid: guest,
      line: choice(['intx', 'isa', 'spi'], 'INTx pin of a PCI slot, ISA interrupt, ARM shared interrupt'),
      index: u32('slot * 4 + pin, ISA interrupt, or interrupt id'),
      level: flag('asserted'),
      gsi: orNull(u32('guest GSI behind an INTx pin')),
    },
    {
      told: 'guest',
      reads: '{line} {index} of {domid} is {level?raised:lowered}',
      gist: ({ line, index, level }) => `${line} ${index} ${level ? 'raised' : 'lowered'}`,
    },
  ),
  'link.routed': outcome(
    'An emulated PCI interrupt link was routed to an ISA interrupt.',
    {
      domid: guest,
      link: u8('0 to 3'),
      isaIrq: u8('0 disables'),
    },
    { told: 'guest', reads: 'link {link} of {domid} leads to ISA interrupt {isaIrq}', gist: null },
  ),
  'event.injected': outcome(
    'A device model queued an event for a virtual CPU.',
    {
      domid: guest,
      vcpu: u16('the virtual CPU'),
      vector: u8(''),
      type: u8(
        '0 external, 2 NMI, 3 hardware exception, 4 software, 5 privileged software, 6 software exception',
      ),
      errorCode: reg32(''),
    },
    {
      told: 'guest',
      reads: 'vcpu {vcpu} of {domid} gets event {vector}',
      gist: ({ vector, vcpu }) => `event ${vector} for vcpu ${vcpu}`,
    },
  ),
  'pirq.emulated': outcome(
    'A pirq of the guest became an emulated MSI.',
    { domid: guest, pirq: u32('') },
    { told: 'inside', reads: 'pirq {pirq} of {domid} stands for an emulated MSI' },
  ),
  'memtype.changed': outcome(
    'Guest frames changed their type.',
    {
      domid: guest,
      first: address('first guest frame number'),
      last: address('last one, inclusive'),
      type: choice(['ram_rw', 'ram_ro', 'mmio_dm', 'ioreq_server'], ''),
    },
    { told: 'inside', reads: 'frames {first} to {last} of {domid} become {type}' },
  ),
  'memtype.claimed': outcome(
    'Writes to frames of type ioreq_server now go to this server; null: to nobody.',
    {
      domid: guest,
      server: orNull(u8('IOREQ server id')),
    },
    { told: 'inside', reads: 'writes to frames of type ioreq_server of {domid} go to server {server}' },
  ),
  'cacheattr.pinned': outcome(
    'The cache attribute of guest frames was pinned; null: unpinned.',
    {
      domid: guest,
      start: address('first guest frame number'),
      end: address('last one, inclusive'),
      type: orNull(u8('x86 memory type')),
    },
    { told: 'inside', reads: 'frames {start} to {end} of {domid} have cache type {type}' },
  ),
  'param.spent': outcome(
    'The frame of a legacy HVM parameter counts as taken, though nobody got it.',
    {
      domid: guest,
      index: u16('HVM_PARAM_*'),
    },
    { told: 'inside', reads: 'parameter {index} of {domid} counts as taken' },
  ),
  'param.changed': outcome(
    'An HVM parameter of the guest was set.',
    {
      domid: guest,
      index: u16('HVM_PARAM_*'),
      value: address('new value'),
    },
    { told: 'inside', reads: 'parameter {index} of {domid} is {value}' },
  ),
};
