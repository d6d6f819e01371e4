import { formatFunction } from '../../pci/function-id.js';
import {
  callerSbdf,
  choice,
  count,
  domid,
  functionField,
  orNull,
  reg32,
  registerOffset,
  text,
  u8,
  xenSbdf,
} from '../field.js';
import { valueText } from '../gist.js';
import { input, outcome } from '../kind.js';

export const configKinds = {
  'config.requested': input(
    'Software asked for one configuration-space access.',
    {
      domid: domid('who asked'),
      via: choice(['cf8', 'ecam', 'pv', 'direct'], 'the way taken'),
      dir: choice(['read', 'write'], ''),
      sbdf: callerSbdf("the function, in the requester's numbering"),
      reg: registerOffset(16, 'register offset in bytes, 0 to 4095'),
      size: u8('access size in bytes: 1, 2 or 4'),
      value: orNull(reg32('data of a write')),
    },
    {
      told: ['hardware', 'guest'],
      reads: '{domid} {dir}s {size} bytes of register {reg} of {sbdf} through {via}[: {value}]',
      decidedBy: 'configuration access routing, facts/xen 3.2, 5; facts/dom0 5',
      holds: ({ reg, size, value }) => [{ is: 'register', reg, size, value }],
    },
  ),
  'config.completed': outcome(
    'The access ended.',
    {
      value: orNull(reg32('data of a read')),
      handledBy: text('who answered: `hardware`, `xen`, `vpci`, `pciback`, a device model, `nobody`'),
      function: orNull(functionField('the function that was really reached')),
    },
    {
      told: ['hardware', 'guest'],
      reads: '{handledBy} answers[ for {function}][: {value}]',
      gist: ({ handledBy, function: fn, value }, bridges) =>
        `${handledBy}${fn === null ? '' : ` ${formatFunction(fn, bridges)}`}${valueText(value)}`,
    },
  ),
  'config.performed': outcome(
    'Xen itself made a configuration access while it carried out something else.',
    {
      sbdf: xenSbdf('the name Xen used'),
      function: orNull(
        functionField('the function that was reached; null when no bridge of Xen has that name'),
      ),
      dir: choice(['read', 'write'], ''),
      reg: registerOffset(16, 'register offset in bytes'),
      size: u8('access size in bytes'),
      value: reg32('data read or written'),
    },
    {
      told: 'hardware',
      reads: 'Xen {dir}s {size} bytes of register {reg} of {sbdf}[, {function}]: {value}',
      gist: null,
      holds: ({ reg, size, value }) => [{ is: 'register', reg, size, value }],
    },
  ),
  'config.changed': outcome(
    "Four bytes of a function's configuration space took a new value.",
    {
      function: functionField('the function'),
      reg: registerOffset(16, 'register offset in bytes, a multiple of 4'),
      value: reg32('all four bytes after the change'),
    },
    { told: 'hardware', reads: 'register {reg} of {function} now holds {value}', gist: null },
  ),
  'bar.mapped': outcome(
    'A region of a function came to be decoded at an address.',
    {
      function: functionField('the function'),
      bar: u8('which region: 0 to 5, 6 for the ROM'),
      address: reg32('first address, in memory or I/O space as the region asks; low 32 bits'),
      addressHigh: reg32('its bits 63:32'),
      sizeBytes: count('bytes of the region'),
    },
    {
      told: 'hardware',
      reads: 'region {bar} of {function} is decoded at {addressHigh}:{address}, {sizeBytes} bytes',
      gist: null,
    },
  ),
  'bar.unmapped': outcome(
    'A region of a function is no longer decoded at an address.',
    {
      function: functionField('the function'),
      bar: u8('which region: 0 to 5, 6 for the ROM'),
      address: reg32('the address it was at, low 32 bits'),
      addressHigh: reg32('its bits 63:32'),
      sizeBytes: count('bytes of the region'),
    },
    {
      told: 'hardware',
      reads: 'region {bar} of {function} is decoded at {addressHigh}:{address} no more',
      gist: null,
    },
  ),
};
