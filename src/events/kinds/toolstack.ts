import { choice, count, domid, flag, input, int, orNull, outcome, record, text } from '../field.js';

/** Commands of xl that concern PCI. @source facts/dom0 8 */
export const toolstackOps = [
  'assignable-add',
  'assignable-remove',
  'assignable-list',
  'create',
  'attach',
  'detach',
  'destroy',
] as const;
export type ToolstackOp = (typeof toolstackOps)[number];

export const toolstackKinds = {
  'toolstack.requested': input('An administrator started a command of xl.', {
    job: count('number of the command, unique in the trace'),
    op: choice(toolstackOps, ''),
    domid: orNull(domid('the domain concerned')),
    devices: text('device specifications in the order of the configuration, separated by blanks'),
    options: record('flags of the command line: `force`, `rebind`, `name`'),
  }),
  'toolstack.stepped': input('A running command of xl took its next step.', {
    job: count('the command'),
  }),
  'toolstack.answered': input('The device model answered a QMP command.', {
    job: count('the command that had asked'),
    ok: flag(''),
    reply: text('error text; slot and function as hex of `query-pci`; empty'),
  }),
  'toolstack.timed-out': input('A wait of a command ran out.', { job: count('the command') }),
  'toolstack.killed': input('A running command of xl was killed.', { job: count('the command') }),

  'toolstack.advanced': outcome('A command did one step.', {
    job: count('the command'),
    step: text('the step just done'),
    next: orNull(text('the step to come; null: it has ended')),
    waits: choice(['no', 'qmp', 'backend', 'removal'], 'what it waits for before the next step'),
    vars: record('what it remembers from here on'),
  }),
  'toolstack.asked': outcome('A command sent a QMP command to a device model.', {
    job: count('the command'),
    command: text('`device_add`, `device_del`, `query-pci`'),
    args: record('its arguments'),
  }),
  'toolstack.logged': outcome('A command printed a message.', {
    job: count('the command'),
    level: choice(['error', 'warning', 'info', 'output'], ''),
    text: text('the message'),
  }),
  'toolstack.finished': outcome('A command ended.', {
    job: count('the command'),
    rc: int('0 or a negative libxl error'),
  }),
};
