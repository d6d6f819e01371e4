import { address, choice, domid, flag, orNull, text, u16 } from '../field.js';
import { input, outcome } from '../kind.js';

export const domainKinds = {
  'domain.created': input(
    'A domain came into being.',
    {
      domid: domid('its id'),
      type: choice(['pv', 'hvm', 'pvh', 'arm'], 'guest type'),
      privileged: flag('control domain'),
      hardware: flag('hardware domain'),
      target: orNull(domid('the domain it is device model for')),
      name: text('name for people'),
    },
    {
      told: ['guest', 'toolstack'],
      reads: '{domid} {name} comes into being, {type}',
      decidedBy: 'state only: domain ids, facts/xen 1.4',
    },
  ),
  'domain.configured': input(
    'The toolstack fixed what a domain looks like; without it: 1 virtual CPU, Intel, HAP.',
    {
      domid: domid('the domain'),
      vcpus: u16('virtual CPUs'),
      cpuVendor: choice(['intel', 'amd', 'hygon', 'other'], 'vendor in the guest CPUID'),
      cpuFamily: orNull(u16('family in the guest CPUID, extended family added')),
      hostCf8Ext: flag('the host has NB_CFG (MSR 0xC001001F) bit 46 set: CF8 carries register bits 11:8'),
      hap: flag('hardware assisted paging'),
      maxGfn: orNull(address('highest guest frame number')),
      trapUnmapped: flag('ARM: an access nobody claims is a data abort'),
    },
    {
      told: ['guest', 'toolstack'],
      reads: '{domid} has {vcpus} virtual CPUs of {cpuVendor}, {hap?with:without} HAP',
      decidedBy: 'state only: what a guest looks like to accesses, facts/xen 4.5',
    },
  ),
  'domain.memory': input(
    'A memory feature that rules out assigned devices went on or off.',
    {
      domid: domid('the domain'),
      feature: choice(
        ['sharing', 'paging', 'pod', 'log_dirty'],
        'shared pages, pages swapped out, populate on demand, global log-dirty',
      ),
      on: flag(''),
    },
    {
      told: ['toolstack', 'inside'],
      reads: '{feature} of {domid} goes {on?on:off}',
      decidedBy: 'state only: memory features that rule out devices, facts/xen 7.2',
    },
  ),
  'domain.dying': input(
    'Destruction of a domain began; its id still finds it.',
    { domid: domid('its id') },
    {
      told: ['guest', 'toolstack'],
      reads: '{domid} begins to end',
      decidedBy: 'state only: the id still finds the domain, facts/xen 7.2',
    },
  ),
  'domain.destroyed': input(
    'A domain ended.',
    { domid: domid('its id') },
    {
      told: ['guest', 'toolstack'],
      reads: '{domid} ends',
      decidedBy: "release of a domain's devices, facts/xen 7.2",
      step: ({ domid: guest }) => `d${guest} is gone`,
    },
  ),
  'domain.stopped': outcome(
    'A domain stopped running.',
    {
      domid: domid('the domain'),
      reason: choice(['poweroff', 'reboot', 'suspend', 'crash', 'watchdog', 'soft_reset', 'other'], ''),
      why: text('log line of a crash, else empty'),
    },
    { told: ['guest', 'toolstack'], reads: '{domid} stops: {reason} {why}', gist: null },
  ),
  'domain.released': outcome(
    'Xen took back what a destroyed domain still held.',
    {
      domid: domid('the domain'),
    },
    { told: 'inside', reads: 'Xen takes back what {domid} still held' },
  ),
  'permission.changed': outcome(
    'A grant of access was given or taken.',
    {
      domid: domid('the domain'),
      resource: choice(['iomem', 'ioport', 'irq', 'gsi'], ''),
      first: text('first frame, port or interrupt, hex'),
      last: text('last one, inclusive, hex'),
      allowed: flag(''),
    },
    { told: 'inside', reads: '{domid} {allowed?may:may not} use {resource} {first} to {last}' },
  ),
};
