import { choice, count, dom0Sbdf, domid, flag, input, int, orNull, outcome, record, text } from '../field.js';

/** Commands of xl that concern PCI. @source facts/dom0 8 */
const toolstackOps = [
  'assignable-add',
  'assignable-remove',
  'assignable-list',
  'create',
  'attach',
  'detach',
  'destroy',
  'save',
  'migrate',
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
    reply: text('error text; slot and function as hex of `query-pci`; id of the device that is gone; empty'),
  }),
  'toolstack.timed-out': input('A wait of a command ran out.', { job: count('the command') }),
  'toolstack.killed': input('A running command of xl was killed.', { job: count('the command') }),

  'channel.opened': input(
    'The hardware domain offers its files to the toolstack over a channel of its own.',
    {
      server: domid('the hardware domain'),
    },
  ),
  'channel.closed': input('The channel between toolstack and hardware domain broke.', {
    reason: text('why'),
  }),
  'split.requested': input('A guest without passthrough asked its frontend driver for data.', {
    domid: domid('the guest'),
    device: choice(['vbd', 'vif'], 'block or network'),
    dir: choice(['read', 'write'], ''),
    sizeBytes: count('amount of data'),
  }),

  'channel.carried': outcome('An access of the toolstack to a file went over the channel.', {
    job: count('the command'),
    verb: text('`exists`, `list`, `read`, `write`, `link`'),
    path: text('absolute path in the hardware domain'),
    errno: int('0, the answer of the hardware domain, or -EPIPE when the channel is broken'),
  }),
  'split.carried': outcome('A backend in the hardware domain moved data for a guest.', {
    domid: domid('the guest'),
    through: domid('whose memory and drivers the data passed'),
    grants: count('pages the guest lent'),
    copiedBytes: count('bytes the backend copied: all of a network packet, none of a disk block'),
    interruptOwner: domid('who took the device interrupt'),
  }),
  'toolstack.advanced': outcome('A command did one step.', {
    job: count('the command'),
    step: text('the step just done'),
    next: orNull(text('the step to come; null: it has ended')),
    waits: choice(
      ['no', 'qmp', 'backend', 'removal', 'channel', 'retry', 'guest'],
      'what it waits for before the next step',
    ),
    vars: record('what it remembers from here on'),
  }),
  'toolstack.asked': outcome('A command sent a QMP command to a device model.', {
    job: count('the command'),
    command: text('`device_add`, `device_del`, `query-pci`, `stop`, `xen-save-devices-state`, …'),
    args: record('its arguments'),
  }),
  'toolstack.refused': outcome(
    'A device model could not do what a command asked: where it runs, the files of the device are not there.',
    {
      job: count('the command'),
      command: text('what it was asked'),
      domid: domid('the domain it runs in'),
      path: text('the file it opens first'),
      errno: int('what its kernel says'),
      text: text('its error message'),
    },
  ),
  'toolstack.logged': outcome('A command printed a message.', {
    job: count('the command'),
    level: choice(['error', 'warning', 'info', 'output'], ''),
    text: text('the message'),
  }),
  'toolstack.ledger': outcome(
    'What each of the parties that keep books says of a device when a command has ended.',
    {
      job: count('the command'),
      sbdf: dom0Sbdf('the device'),
      standing: text('where it stands: `assignable`, `claimed`, `exported`, …'),
      xen: text('owner in Xen, and the proposed flag'),
      kernel: text('driver in the hardware domain, and the guest pciback exported it to'),
      store: text('what XenStore has: claim, remembered driver, keys of a backend'),
    },
  ),
  'toolstack.finished': outcome('A command ended.', {
    job: count('the command'),
    rc: int('0 or a negative libxl error'),
  }),
};
