import { choice, domid, flag, input, orNull, outcome, text } from '../field.js';

export const domainKinds = {
  'domain.created': input('A domain came into being.', {
    domid: domid('its id'),
    type: choice(['pv', 'hvm', 'pvh', 'arm'], 'guest type'),
    privileged: flag('control domain'),
    hardware: flag('hardware domain'),
    target: orNull(domid('the domain it is device model for')),
    name: text('name for people'),
  }),
  'domain.destroyed': input('A domain ended.', { domid: domid('its id') }),
  'permission.changed': outcome('A grant of access was given or taken.', {
    domid: domid('the domain'),
    resource: choice(['iomem', 'ioport', 'irq', 'gsi'], ''),
    first: text('first frame, port or interrupt, hex'),
    last: text('last one, inclusive, hex'),
    allowed: flag(''),
  }),
};
