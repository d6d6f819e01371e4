import { CF8_PORT } from '../../pci/cf8.js';
import { address, choice, domid, eventSeq, flag, orNull, reg32, text, u8, u16, u32 } from '../field.js';
import { valueText } from '../gist.js';
import { input, outcome } from '../kind.js';

const dir = choice(['read', 'write'], 'direction as the guest sees it');

/** Port and memory accesses of HVM, PVH and ARM guests that trap. @source facts/xen 4.5 */
export const ioKinds = {
  'io.requested': input(
    'A guest executed an access that Xen has to emulate.',
    {
      domid: domid('the guest'),
      vcpu: u16('the virtual CPU'),
      space: choice(['port', 'mem'], 'I/O port or guest physical memory'),
      addr: address('first port or guest physical address'),
      size: u8('bytes of one repetition'),
      dir,
      count: u32('repetitions, 1 for a plain access'),
      df: flag('repetitions go down in addresses'),
      dataIsPtr: flag('string instruction: data stands in guest memory at `value`'),
      value: orNull(reg32('data of a write, or the address of the data; low 32 bits')),
      valueHigh: orNull(reg32('its bits 63:32 where there are more than 32')),
    },
    {
      told: 'guest',
      reads: '{domid} {dir}s {size} bytes at {space} {addr}[: {value}]',
      decidedBy: 'from a guest instruction to a server, facts/xen 4.4, 4.5; vPCI, facts/xen 5',
      holds: ({ space, addr, size, dir: way, value, dataIsPtr }) =>
        space === 'port' && addr === CF8_PORT && size === 4 && way === 'write' && value !== null && !dataIsPtr
          ? [{ is: 'cf8', value }]
          : [],
    },
  ),
  'io.completed': outcome(
    'The access ended for the guest.',
    {
      domid: domid('the guest'),
      vcpu: u16('the virtual CPU'),
      request: eventSeq('the `io.requested` it answers'),
      result: choice(
        ['done', 'retry', 'unhandleable', 'abort', 'blocked'],
        '`retry`: executed again later; `abort`: a data abort was injected; `blocked`: this virtual CPU still waits for an earlier access, so it cannot have made this one',
      ),
      value: orNull(reg32('data of a read, low 32 bits; null when not modelled or in guest memory')),
      valueHigh: orNull(reg32('bits 63:32 of an 8-byte read')),
      count: u32('repetitions done'),
      handledBy: text('`server:<id>`, `nobody`, or the part of Xen that answered'),
    },
    {
      told: 'guest',
      reads: '{handledBy} answers {domid}: {result}[, {value}]',
      gist: ({ handledBy, value }) => `${handledBy}${valueText(value)}`,
    },
  ),
  'cmos.indexed': outcome(
    "The index register of a guest's clock took a new value.",
    {
      domid: domid('the guest'),
      index: u8('0 to 127'),
    },
    { told: 'inside', reads: 'the clock index of {domid} is {index}' },
  ),
  'cf8.latched': outcome(
    "Xen took a 4-byte write to port 0xCF8 into the domain's address latch.",
    {
      domid: domid('the guest'),
      vcpu: u16('the virtual CPU that wrote it'),
      value: reg32('the whole value'),
    },
    {
      told: 'inside',
      reads: 'Xen latches {value} from port 0xcf8 for {domid}',
      holds: ({ value }) => [{ is: 'cf8', value }],
    },
  ),
};
