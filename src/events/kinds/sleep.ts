import {
  choice,
  dom0Sbdf,
  domid,
  flag,
  functionField,
  input,
  orNull,
  outcome,
  registers,
  text,
  u8,
} from '../field.js';

/** Sleep of the host and of guests. @source docs/models/toolstack.md, Suspend */
export const sleepKinds = {
  'host.slept': input('The hardware domain put the machine to sleep.', {
    state: u8('ACPI sleep state, 3: memory stays, devices lose power'),
  }),
  'host.woke': input('The machine woke from sleep.', {}),

  'guest.suspended': input('A guest that was asked to suspend did so.', { domid: domid('the guest') }),
  'guest.resumed': input('A guest woke in a domain built from its image.', {
    domid: domid('the new domain'),
    roots: text('roots its pcifront remembers, separated by blanks'),
    devices: text('devices its pcifront remembers, separated by blanks'),
  }),

  'domain.log-dirty': outcome('Xen began or stopped to log the writes of a domain.', {
    domid: domid('the domain'),
    on: flag(''),
  }),
  'linux.state-saved': outcome(
    'The PCI core of Linux copied registers of a device before the machine slept.',
    {
      sbdf: dom0Sbdf('the device'),
      saved: registers('the registers to restore, by offset'),
    },
  ),
  'machine.slept': outcome('The machine sleeps: every domain stands still, devices have no power.', {
    state: u8('ACPI sleep state'),
  }),
  'function.lost-power': outcome('Registers of a function fell back because its power went.', {
    function: functionField('the function'),
    registers: registers('what the changed registers held before, by offset'),
  }),
  'machine.woke': outcome('The machine is awake and its domains run on.', {
    state: u8('ACPI sleep state it was in'),
  }),
  'linux.device-woke': outcome('Linux has restored what it can of a device after sleep.', {
    sbdf: dom0Sbdf('the device'),
    domid: orNull(domid('who owns it in Xen; null: nobody')),
    registers: text('offsets of registers that differ from before, hex, separated by blanks'),
    messages: choice(
      ['none', 'restored', 'refused', 'lost'],
      'its message interrupts: there are none, Xen wrote them again, Xen refused to, nobody asked Xen',
    ),
  }),
};
