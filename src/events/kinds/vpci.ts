import {
  address,
  choice,
  count,
  domid,
  flag,
  guestSbdf,
  orNull,
  record,
  reg32,
  segment,
  text,
  u8,
  u16,
  u32,
  xenSbdf,
} from '../field.js';
import { outcome } from '../kind.js';

/** @source facts/xen 5 */
export const vpciKinds = {
  'vpci.attached': outcome(
    "Xen built a function's emulated configuration space.",
    {
      sbdf: xenSbdf('the function'),
      domid: domid('owning domain'),
      guestSbdf: orNull(guestSbdf('the name the guest uses; null for the hardware domain')),
      device: record('header, BARs, MSI, MSI-X and the handler list as built'),
    },
    { told: 'inside', reads: 'vPCI has {sbdf} for {domid}[ as {guestSbdf}]' },
  ),
  'vpci.detached': outcome(
    'Xen dropped a function from vPCI.',
    { sbdf: xenSbdf('the function') },
    { told: 'inside', reads: 'vPCI drops {sbdf}' },
  ),
  'vpci.changed': outcome(
    "Part of a function's emulated state took new values.",
    {
      sbdf: xenSbdf('the function'),
      part: choice(['header', 'bar', 'msi', 'msix', 'entry'], 'which part'),
      index: u32('BAR or MSI-X entry number; 0 elsewhere'),
      fields: record('the fields that changed, with their new values'),
    },
    { told: 'inside', reads: 'vPCI has new values in {part} {index} of {sbdf}' },
  ),
  'vpci.mapped': outcome(
    "Frames of a BAR entered or left the domain's physical address space.",
    {
      sbdf: xenSbdf('the function'),
      domid: domid('the domain'),
      bar: u8('BAR number; 6 (2 for bridges) is the ROM'),
      first: text('first guest frame, hex'),
      last: text('last guest frame, inclusive, hex'),
      mapped: flag('entered; otherwise it left'),
    },
    {
      told: 'guest',
      reads: 'frames {first} to {last} of BAR {bar} of {sbdf} {mapped?enter:leave} the memory of {domid}',
      gist: null,
    },
  ),
  'vpci.interrupt': outcome(
    "vPCI asked Xen's interrupt layer for something.",
    {
      sbdf: xenSbdf('the function'),
      source: choice(['msi', 'msi-x'], 'which capability'),
      entry: u16('vector of the MSI block or MSI-X entry'),
      pirq: orNull(u32('the pirq it concerns; null when one is asked for')),
      action: choice(['map', 'bind', 'unbind', 'unmap', 'mask', 'unmask', 'refuse'], 'what was asked'),
      addressLo: reg32('message address, low half'),
      addressHi: reg32('message address, high half'),
      data: reg32('message data of that vector'),
    },
    {
      told: 'inside',
      reads: 'vPCI asks to {action} vector {entry} of {source} of {sbdf}[, pirq {pirq}]',
      holds: ({ addressHi, addressLo, data }) => [
        { is: 'message', address: addressHi * 2 ** 32 + addressLo, data },
      ],
    },
  ),
  'vpci.trapped': outcome(
    "Xen traps a configuration window of the hardware domain's.",
    {
      address: address('first trapped byte'),
      sizeBytes: count('length'),
      segment: segment(16, 'xen', 'segment'),
      busStart: u8('bus of the first byte'),
    },
    {
      told: 'inside',
      reads: 'Xen traps {sizeBytes} bytes at {address}, segment {segment} from bus {busStart} on',
    },
  ),
  'vpci.warned': outcome(
    'vPCI logged a line.',
    {
      sbdf: xenSbdf('the function'),
      message: text('the line without prefix'),
    },
    { told: 'inside', reads: 'vPCI says of {sbdf}: {message}' },
  ),
};
