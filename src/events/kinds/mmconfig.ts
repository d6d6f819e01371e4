import { formatSbdf } from '../../pci/sbdf.js';
import {
  address,
  choice,
  count,
  domid,
  flag,
  guestSbdf,
  orNull,
  reg32,
  registerOffset,
  text,
  u8,
  u16,
} from '../field.js';
import { input, outcome } from '../kind.js';

const guest = domid('the guest');
const message = choice(
  ['ERR_COR', 'ERR_NONFATAL', 'ERR_FATAL', 'PM_PME'],
  'message of PCI Express: correctable, non-fatal and fatal error, power-management event',
);

/** The designs of 2018 for ECAM with several device models; none of them is in any Xen. @source facts/xen 13.3 */
export const mmconfigKinds = {
  'chipset.touched': outcome(
    'Xen saw a configuration access to a register of the chipset go by.',
    {
      domid: guest,
      vcpu: u16('the virtual CPU'),
      sbdf: guestSbdf("the function, in the guest's numbering"),
      reg: registerOffset(16, 'register offset in bytes'),
      size: u8('access size in bytes'),
      dir: choice(['read', 'write'], ''),
      value: reg32('data of a write; 0 for a read that is still under way'),
      served: flag('the device model has answered: before that the register has its old value there'),
    },
    { told: 'inside', reads: 'Xen sees a {dir} of register {reg} of {sbdf} of {domid}: {value}' },
  ),
  'chipset.changed': outcome(
    "Four bytes of a register of Xen's own chipset model, or of its shadow, took a new value.",
    {
      domid: guest,
      sbdf: guestSbdf('the function'),
      reg: registerOffset(16, 'register offset, a multiple of 4'),
      value: reg32('all four bytes after the change'),
    },
    { told: 'guest', reads: "register {reg} of {sbdf} of {domid} in Xen's chipset is {value}", gist: null },
  ),
  'chipset.hidden': outcome(
    'Xen kept an access from the device model.',
    {
      domid: guest,
      sbdf: guestSbdf('the function'),
      reg: registerOffset(16, 'register offset in bytes'),
      value: reg32('data the guest wrote'),
      why: text('the reason'),
    },
    { told: 'inside', reads: 'Xen keeps the write of {value} to register {reg} of {sbdf} of {domid}: {why}' },
  ),
  'chipset.detected': outcome(
    'Xen recognised the chipset behind the device model by its ids.',
    {
      domid: guest,
      chipset: text('`q35`'),
    },
    { told: 'inside', reads: 'Xen takes the chipset of {domid} for {chipset}' },
  ),
  'facility.lost': outcome(
    'Something QEMU offers the guest works no more, because Xen owns the chipset.',
    {
      domid: guest,
      facility: text('`acpi-pm`, `acpi-hotplug`, `nvdimm`'),
      why: text('what it needed'),
    },
    { told: 'guest', reads: '{facility} of {domid} works no more: {why}', gist: null },
  ),
  'mmconfig.changed': outcome(
    "Xen's idea of the guest's ECAM window changed.",
    {
      domid: guest,
      base: address('first byte of the window'),
      sizeBytes: count('256, 128 or 64 MiB'),
      enabled: flag('accesses in it are configuration accesses'),
      source: choice(
        ['report', 'register', 'intercept'],
        "who said so: a device model's report, Xen's own register, a write Xen saw go by",
      ),
    },
    {
      told: 'inside',
      reads: 'Xen has the ECAM window of {domid} at {base}, {sizeBytes} bytes, {enabled?on:off}',
    },
  ),
  'mmconfig.decoded': outcome(
    'Xen turned a memory access in the ECAM window into a configuration access.',
    {
      domid: guest,
      vcpu: u16('the virtual CPU'),
      addr: address('guest physical address'),
      sbdf: guestSbdf('the function the address stands for'),
      routed: guestSbdf('the name under which servers registered it: another bus after the guest renumbered'),
      reg: registerOffset(16, 'register offset in bytes'),
    },
    { told: 'inside', reads: 'Xen reads {addr} of {domid} as register {reg} of {sbdf}' },
  ),
  'bus.learnt': outcome(
    'Xen learnt which bus stands behind a port of the guest.',
    {
      domid: guest,
      port: guestSbdf('the root or switch port'),
      bus: u8('its secondary bus now'),
      registered: u8('the bus its functions were registered under'),
    },
    { told: 'inside', reads: 'bus {bus} of {domid} stands behind port {port}' },
  ),
  'function.signalled': input(
    'Hardware reported an error or a power-management event of a function that a device model passes through or stands for.',
    {
      domid: guest,
      sbdf: guestSbdf('the function, by the name its server registered'),
      message,
    },
    {
      told: 'hardware',
      reads: '{sbdf} of {domid} signals {message}',
      decidedBy:
        'the way of a message to a root port, facts/arm-msi-iommu 8.3, 8.4; facts/q35-qemu 2.9; facts/xen 13.3',
    },
  ),
  'message.forwarded': outcome(
    'A message of a function went on towards the root port of the guest above it.',
    {
      domid: guest,
      message,
      source: guestSbdf('requester id: the name of the function in the guest now'),
      port: orNull(guestSbdf('the root port, where Xen knows it')),
      to: text("`xen`: the port's registers are Xen's; `server:<id>`; `nobody`"),
      why: text('what decided'),
    },
    {
      told: 'guest',
      reads: '{message} of {source} of {domid} goes to {to}[, port {port}]: {why}',
      gist: ({ to, port }) => (port === null ? `told ${to}` : `port ${formatSbdf(port)} of ${to}`),
    },
  ),
  'registration.placed': outcome(
    'Xen noted behind which port the functions stand that a server registered on one bus.',
    {
      domid: guest,
      port: guestSbdf('the root port'),
      server: u8('IOREQ server id'),
      bus: u8('the bus in the names it registered'),
    },
    { told: 'inside', reads: 'bus {bus} of server {server} of {domid} stands behind port {port}' },
  ),
  'chipset.amended': outcome(
    "Xen put bits of its own into a device model's answer.",
    {
      domid: guest,
      vcpu: u16('the virtual CPU'),
      sbdf: guestSbdf('the function'),
      reg: registerOffset(16, 'register offset in bytes'),
      answered: reg32('what the device model said'),
      value: reg32('what the guest gets'),
    },
    {
      told: 'guest',
      reads: 'Xen makes {value} of the answer {answered} about register {reg} of {sbdf} of {domid}',
      gist: null,
    },
  ),
  'pme.queued': outcome(
    'A power-management event waits behind one that the guest has not acknowledged, or left that queue.',
    {
      domid: guest,
      port: guestSbdf('the root port'),
      source: guestSbdf('requester id'),
      waits: flag('it joined the queue; otherwise its turn came'),
    },
    {
      told: 'guest',
      reads: 'an event of {source} {waits?waits at:has its turn at} port {port} of {domid}',
      gist: null,
    },
  ),
};
