import { domid, orNull, text, u8, u32 } from '../field.js';
import { outcome } from '../kind.js';

/** @source facts/xen 1.2; xen/common/event_channel.c */
export const evtchnKinds = {
  'evtchn.opened': outcome(
    'A domain has a new event channel, or one changed what it is bound to.',
    {
      domid: domid('the owner'),
      port: u32('its number'),
      state: text('`unbound`, `interdomain`, `pirq`, `virq` or `ipi`'),
      remote: orNull(domid('the other domain of an unbound or interdomain channel')),
      remotePort: orNull(u32('the port over there')),
      number: orNull(u32('pirq or virq')),
      vcpu: u32('which vCPU is notified'),
    },
    { told: 'guest', reads: 'port {port} of {domid} is {state}', gist: null },
  ),
  'evtchn.closed': outcome(
    'A domain closed an event channel.',
    {
      domid: domid('the owner'),
      port: u32('its number'),
    },
    { told: 'guest', reads: '{domid} closes port {port}', gist: null },
  ),
  'evtchn.moved': outcome(
    'Notifications of a channel go to another vCPU.',
    {
      domid: domid('the owner'),
      port: u32('its number'),
      vcpu: u32('the vCPU'),
    },
    { told: 'guest', reads: 'port {port} of {domid} goes to vcpu {vcpu}', gist: null },
  ),
  'evtchn.notified': outcome(
    'An event is pending for a domain.',
    {
      domid: domid('who is notified'),
      port: u32('on which port'),
    },
    { told: 'guest', reads: 'port {port} of {domid} is pending', gist: null },
  ),
  'evtchn.fifo': outcome(
    'A domain switched to the FIFO event ABI.',
    { domid: domid('the domain') },
    { told: 'guest', reads: '{domid} switches to the FIFO event ABI', gist: null },
  ),
  'evtchn.prioritised': outcome(
    'A FIFO channel got a priority.',
    {
      domid: domid('the owner'),
      port: u32('its number'),
      priority: u8('0 highest to 15 lowest'),
    },
    { told: 'guest', reads: 'port {port} of {domid} has priority {priority}', gist: null },
  ),
};
