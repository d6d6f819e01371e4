import {
  choice,
  dom0Sbdf,
  domid,
  flag,
  functionField,
  namingText,
  orNull,
  registers,
  text,
  u8,
} from '../field.js';
import { input, outcome } from '../kind.js';

/** Sleep of the host and of guests. @source docs/models/toolstack.md, Suspend */
export const sleepKinds = {
  'host.slept': input(
    'The hardware domain put the machine to sleep.',
    {
      state: u8('ACPI sleep state, 3: memory stays, devices lose power'),
    },
    {
      told: 'toolstack',
      reads: 'Linux puts the machine to sleep {state}',
      decidedBy: 'suspend of the PCI core and enter_state of Xen, docs/models/toolstack.md',
    },
  ),
  'host.woke': input(
    'The machine woke from sleep.',
    {},
    {
      told: 'toolstack',
      reads: 'the machine wakes',
      decidedBy: 'resume of the PCI core, PHYSDEVOP_restore_msi_ext, docs/models/toolstack.md',
    },
  ),

  'guest.suspended': input(
    'A guest that was asked to suspend did so.',
    { domid: domid('the guest') },
    {
      told: 'guest',
      reads: '{domid} suspends',
      decidedBy: 'shutdown_handler and do_suspend of Linux, docs/models/toolstack.md',
    },
  ),
  'guest.resumed': input(
    'A guest woke in a domain built from its image.',
    {
      domid: domid('the new domain'),
      roots: namingText('guest', 'roots its pcifront remembers, separated by blanks'),
      devices: namingText('guest', 'devices its pcifront remembers, separated by blanks'),
    },
    {
      told: 'guest',
      reads: '{domid} wakes with {devices}',
      decidedBy: 'xenbus_dev_resume of pcifront, docs/models/toolstack.md',
    },
  ),

  'domain.log-dirty': outcome(
    'Xen began or stopped to log the writes of a domain.',
    {
      domid: domid('the domain'),
      on: flag(''),
    },
    { told: 'inside', reads: 'Xen logs writes of {domid}: {on?on:off}' },
  ),
  'linux.state-saved': outcome(
    'The PCI core of Linux copied registers of a device before the machine slept.',
    {
      sbdf: dom0Sbdf('the device'),
      saved: registers('the registers to restore, by offset'),
    },
    { told: 'toolstack', reads: 'Linux copies registers of {sbdf}' },
  ),
  'machine.slept': outcome(
    'The machine sleeps: every domain stands still, devices have no power.',
    {
      state: u8('ACPI sleep state'),
    },
    { told: ['hardware', 'guest', 'toolstack'], reads: 'the machine sleeps in state {state}', gist: null },
  ),
  'function.lost-power': outcome(
    'Registers of a function fell back because its power went.',
    {
      function: functionField('the function'),
      registers: registers('what the changed registers held before, by offset'),
    },
    { told: 'hardware', reads: 'registers of {function} fall back for want of power', gist: null },
  ),
  'machine.woke': outcome(
    'The machine is awake and its domains run on.',
    {
      state: u8('ACPI sleep state it was in'),
    },
    {
      told: ['hardware', 'guest', 'toolstack'],
      reads: 'the machine is awake from state {state}',
      gist: null,
    },
  ),
  'linux.device-woke': outcome(
    'Linux has restored what it can of a device after sleep.',
    {
      sbdf: dom0Sbdf('the device'),
      domid: orNull(domid('who owns it in Xen; null: nobody')),
      registers: text('offsets of registers that differ from before, hex, separated by blanks'),
      messages: choice(
        ['none', 'restored', 'refused', 'lost'],
        'its message interrupts: there are none, Xen wrote them again, Xen refused to, nobody asked Xen',
      ),
    },
    { told: 'toolstack', reads: 'Linux has restored {sbdf}: messages {messages}' },
  ),
};
