import {
  address,
  choice,
  domid,
  eventSeq,
  flag,
  guestSbdf,
  orNull,
  rangeEnd,
  record,
  reg32,
  registerOffset,
  text,
  u8,
  u16,
  u32,
} from '../field.js';
import { input, outcome } from '../kind.js';

const guest = domid('the guest');
const server = u8('IOREQ server id, 0 to 7');
const vcpu = u16('the virtual CPU');
const requestType = choice(
  ['pio', 'copy', 'pci_config', 'timeoffset', 'invalidate'],
  'IOREQ_TYPE_*: port, memory, configuration space, guest clock moved, drop cached mappings',
);
const rangeType = choice(['port', 'memory', 'pci'], 'XEN_DMOP_IO_RANGE_*');
const range = {
  domid: guest,
  server,
  type: rangeType,
  start: rangeEnd('first port, address or SBDF; values above 2^53 - 1 are stored as that'),
  end: rangeEnd('last one, inclusive'),
};

/** IOREQ servers: their life, the requests to them and what device models do. @source facts/xen 4 */
export const ioreqKinds = {
  'ioreq.served': input(
    'A device model wrote the request slot of one virtual CPU and notified Xen.',
    {
      domid: guest,
      vcpu,
      server,
      state: u8('what it wrote as state: 3 RESP_READY answers, 2 INPROCESS claims, others are faults'),
      data: reg32('data it wrote, low 32 bits'),
      dataHigh: orNull(reg32('bits 63:32; null leaves them 0')),
      eport: orNull(u32('what it wrote over the event channel; null: left alone')),
    },
    {
      told: 'inside',
      reads: 'server {server} of {domid} answers vcpu {vcpu}: state {state}, {data}',
      decidedBy: 'request state machine and waiting, facts/xen 4.6',
    },
  ),
  'ioreq.drained': input(
    'A device model moved the read pointer of its buffered ring.',
    {
      domid: guest,
      server,
      taken: u32('slots it took out'),
    },
    {
      told: 'inside',
      reads: 'server {server} of {domid} takes {taken} slots from its ring',
      decidedBy: 'state only: the buffered ring, facts/xen 4.5',
    },
  ),
  'broadcast.requested': input(
    'Xen had something to tell every device model of a guest.',
    {
      domid: guest,
      vcpu,
      type: choice(['timeoffset', 'invalidate'], ''),
      data: reg32('low 32 bits'),
      dataHigh: reg32('bits 63:32'),
    },
    {
      told: 'inside',
      reads: 'Xen tells every device model of {domid}: {type}',
      decidedBy: 'requests to every server, facts/xen 4.6',
    },
  ),
  'model.heard': input(
    'A device model heard of something beside its requests.',
    {
      model: text('its name, as in `dm:<name>`'),
      what: choice(
        ['device_add', 'device_del', 'error'],
        'a command of its monitor, or an error message of a function it passes through',
      ),
      args: record(
        'device_add: driver, id, bus, devfn; device_del: id; error: port, message (`ERR_COR`, `ERR_NONFATAL`, `ERR_FATAL`), source (requester id in the guest)',
      ),
    },
    {
      told: 'inside',
      reads: '{model} hears of {what}',
      decidedBy: 'monitor of a device model, facts/q35-qemu 2.8; forwarded errors, 2.9',
    },
  ),
  'ioreq.sent': outcome(
    'Xen handed a request to an IOREQ server.',
    {
      domid: guest,
      vcpu,
      server,
      emulator: domid('domain of the device model'),
      port: u32("the guest's event channel that was notified"),
      type: requestType,
      addr: address('port or address; for pci_config `sbdf << 32 | register`'),
      sbdf: orNull(guestSbdf('the function asked for, pci_config only')),
      reg: orNull(registerOffset(32, 'register in bytes, pci_config only')),
      size: u8('bytes of one repetition'),
      count: u32('repetitions'),
      dir: choice(['read', 'write'], ''),
      df: flag('repetitions go down'),
      dataIsPtr: flag('`data` is a guest physical address'),
      data: reg32('low 32 bits'),
      dataHigh: reg32('bits 63:32'),
      buffered: flag('put into the buffered ring; the virtual CPU goes on'),
      slot: orNull(u32('write pointer of the ring before, buffered only')),
      request: orNull(eventSeq('the access behind it; null for a broadcast')),
    },
    {
      told: 'inside',
      reads: 'Xen hands server {server} of {domid} a {dir} of {type} {addr}[, register {reg} of {sbdf}]',
    },
  ),
  'ioreq.unsent': outcome(
    'The selected server could not be given the request.',
    {
      domid: guest,
      vcpu,
      server,
      reason: text('as Xen logs it'),
      request: orNull(eventSeq('the access')),
    },
    { told: 'inside', reads: 'server {server} of {domid} gets no request: {reason}' },
  ),
  'ioreq.claimed': outcome(
    'Xen saw that a device model took up a request.',
    { domid: guest, vcpu, server },
    { told: 'inside', reads: 'server {server} of {domid} has taken up the request of vcpu {vcpu}' },
  ),
  'ioreq.completed': outcome(
    'Xen took the answer to a request out of the slot.',
    {
      domid: guest,
      vcpu,
      server,
      how: choice(['answered', 'vanished'], '`vanished`: the slot was empty, data is all ones'),
      data: reg32('low 32 bits'),
      dataHigh: reg32('bits 63:32'),
      request: orNull(eventSeq('the access; null for a broadcast')),
    },
    { told: 'inside', reads: 'Xen takes the answer of server {server} for {domid}: {how}, {data}' },
  ),
  'ioreq.unclaimed': outcome(
    'No enabled server has the whole access in one range.',
    {
      domid: guest,
      vcpu,
      type: rangeType,
      addr: address('what was looked for'),
      sbdf: orNull(guestSbdf('the function asked for, pci only')),
      reg: orNull(registerOffset(32, 'register in bytes, pci only')),
      size: u8('bytes'),
      dir: choice(['read', 'write'], ''),
    },
    {
      told: 'inside',
      reads: 'no server of {domid} has the {dir} of {type} {addr}[, register {reg} of {sbdf}]',
    },
  ),
  'ioreq.ignored': outcome(
    'What a device model wrote reached no waiting request.',
    {
      domid: guest,
      vcpu,
      server,
      reason: text('why'),
    },
    { told: 'inside', reads: 'what server {server} of {domid} wrote reaches no request: {reason}' },
  ),
  'ioreq.orphaned': outcome(
    'A server went away while a virtual CPU waited for it: nothing wakes it.',
    {
      domid: guest,
      vcpu,
      server,
      request: orNull(eventSeq('the access')),
    },
    { told: 'inside', reads: 'vcpu {vcpu} of {domid} waits for server {server}, which is gone' },
  ),
  'server.created': outcome(
    'An IOREQ server came into being, disabled.',
    {
      domid: guest,
      server,
      emulator: domid('the domain that made it; only it may use the id'),
      bufioreq: u8('handling of the buffered ring: 0 off, 1 legacy, 2 atomic'),
      ports: record('event channel of each virtual CPU in the guest, by virtual CPU'),
      bufioreqPort: orNull(u32('event channel of the buffered ring')),
    },
    { told: 'inside', reads: '{emulator} makes server {server} of {domid}' },
  ),
  'server.enabled': outcome(
    'An IOREQ server takes requests from now on.',
    { domid: guest, server },
    { told: 'inside', reads: 'server {server} of {domid} takes requests' },
  ),
  'server.disabled': outcome(
    'An IOREQ server is skipped from now on.',
    { domid: guest, server },
    { told: 'inside', reads: 'server {server} of {domid} is skipped' },
  ),
  'server.destroyed': outcome(
    'An IOREQ server and all its ranges are gone.',
    { domid: guest, server },
    { told: 'inside', reads: 'server {server} of {domid} is gone' },
  ),
  'server.page': outcome(
    'A shared page of an IOREQ server came into being.',
    {
      domid: guest,
      server,
      page: choice(['ioreq', 'bufioreq'], ''),
      how: choice(['gfn', 'resource'], 'a guest frame given to the server, or a page acquired as resource'),
      gfn: orNull(address('guest frame number')),
    },
    { told: 'inside', reads: 'server {server} of {domid} has its {page} page[ at frame {gfn}]' },
  ),
  'range.mapped': outcome('A server registered a range.', range, {
    told: 'inside',
    reads: 'server {server} of {domid} registers {type} {start} to {end}',
  }),
  'range.unmapped': outcome('A server gave up a range.', range, {
    told: 'inside',
    reads: 'server {server} of {domid} gives up {type} {start} to {end}',
  }),
};
