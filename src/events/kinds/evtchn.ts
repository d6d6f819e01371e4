import { domid, orNull, outcome, text, u8, u32 } from '../field.js';

/** @source facts/xen 1.2; xen/common/event_channel.c */
export const evtchnKinds = {
  'evtchn.opened': outcome('A domain has a new event channel, or one changed what it is bound to.', {
    domid: domid('the owner'),
    port: u32('its number'),
    state: text('`unbound`, `interdomain`, `pirq`, `virq` or `ipi`'),
    remote: orNull(domid('the other domain of an unbound or interdomain channel')),
    remotePort: orNull(u32('the port over there')),
    number: orNull(u32('pirq or virq')),
    vcpu: u32('which vCPU is notified'),
  }),
  'evtchn.closed': outcome('A domain closed an event channel.', {
    domid: domid('the owner'),
    port: u32('its number'),
  }),
  'evtchn.moved': outcome('Notifications of a channel go to another vCPU.', {
    domid: domid('the owner'),
    port: u32('its number'),
    vcpu: u32('the vCPU'),
  }),
  'evtchn.notified': outcome('An event is pending for a domain.', {
    domid: domid('who is notified'),
    port: u32('on which port'),
  }),
  'evtchn.fifo': outcome('A domain switched to the FIFO event ABI.', { domid: domid('the domain') }),
  'evtchn.prioritised': outcome('A FIFO channel got a priority.', {
    domid: domid('the owner'),
    port: u32('its number'),
    priority: u8('0 highest to 15 lowest'),
  }),
};
