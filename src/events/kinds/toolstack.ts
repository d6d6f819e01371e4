import {
  choice,
  count,
  dom0Sbdf,
  domid,
  errnoField,
  flag,
  int,
  namingRecord,
  namingText,
  orNull,
  record,
  text,
} from '../field.js';
import { input, outcome } from '../kind.js';

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
  'toolstack.requested': input(
    'An administrator started a command of xl.',
    {
      job: count('number of the command, unique in the trace'),
      op: choice(toolstackOps, ''),
      domid: orNull(domid('the domain concerned')),
      devices: namingText(
        'dom0',
        'device specifications in the order of the configuration, separated by blanks',
      ),
      options: record('flags of the command line: `force`, `rebind`, `name`'),
    },
    {
      told: 'toolstack',
      reads: 'xl {op}[ {domid}] {devices}',
      decidedBy: 'xl and libxl, facts/dom0 8',
      step: ({ op, domid: guest, devices }) =>
        [op, guest === null ? '' : `d${guest}`, devices].filter((word) => word !== '').join(' '),
    },
  ),
  'toolstack.stepped': input(
    'A running command of xl took its next step.',
    {
      job: count('the command'),
    },
    {
      told: 'toolstack',
      reads: 'command {job} takes its next step',
      decidedBy: 'xl and libxl, step by step, facts/dom0 8',
    },
  ),
  'toolstack.answered': input(
    'The device model answered a QMP command.',
    {
      job: count('the command that had asked'),
      ok: flag(''),
      reply: text(
        'error text; slot and function as hex of `query-pci`; id of the device that is gone; empty',
      ),
    },
    {
      told: 'toolstack',
      reads: 'the device model answers command {job}: {reply}',
      decidedBy: 'answers of the device model over QMP, facts/dom0 8.5, 8.8',
    },
  ),
  'toolstack.timed-out': input(
    'A wait of a command ran out.',
    { job: count('the command') },
    {
      told: 'toolstack',
      reads: 'command {job} waits no longer',
      decidedBy: 'waits of libxl, facts/dom0 8.5, 8.8',
    },
  ),
  'toolstack.killed': input(
    'A running command of xl was killed.',
    { job: count('the command') },
    {
      told: 'toolstack',
      reads: 'command {job} is killed',
      decidedBy: 'state only: what the command had done stays, facts/dom0 8.5',
      note: () => ({ result: 'killed' }),
      step: () => 'xl is killed',
      accident: true,
    },
  ),

  'channel.opened': input(
    'The hardware domain offers its files to the toolstack over a channel of its own.',
    {
      server: domid('the hardware domain'),
    },
    {
      told: 'toolstack',
      reads: '{server} offers its files to the toolstack',
      decidedBy: 'state only: files of another hardware domain, facts/dom0 12.3',
    },
  ),
  'channel.closed': input(
    'The channel between toolstack and hardware domain broke.',
    {
      reason: text('why'),
    },
    {
      told: 'toolstack',
      reads: 'the channel of files breaks: {reason}',
      decidedBy: 'state only: files of another hardware domain, facts/dom0 12.3',
    },
  ),
  'split.requested': input(
    'A guest without passthrough asked its frontend driver for data.',
    {
      domid: domid('the guest'),
      device: choice(['vbd', 'vif'], 'block or network'),
      dir: choice(['read', 'write'], ''),
      sizeBytes: count('amount of data'),
    },
    {
      told: 'guest',
      reads: '{domid} asks its {device} to {dir} {sizeBytes} bytes',
      decidedBy: 'split drivers for comparison, docs/models/toolstack.md',
    },
  ),

  'channel.carried': outcome(
    'An access of the toolstack to a file went over the channel.',
    {
      job: count('the command'),
      verb: text('`exists`, `list`, `read`, `write`, `link`'),
      path: namingText('dom0', 'absolute path in the hardware domain'),
      errno: errnoField('0, the answer of the hardware domain, or -EPIPE when the channel is broken'),
    },
    { told: 'toolstack', reads: '{verb} of {path} goes over the channel: {errno}' },
  ),
  'split.carried': outcome(
    'A backend in the hardware domain moved data for a guest.',
    {
      domid: domid('the guest'),
      through: domid('whose memory and drivers the data passed'),
      grants: count('pages the guest lent'),
      copiedBytes: count('bytes the backend copied: all of a network packet, none of a disk block'),
      interruptOwner: domid('who took the device interrupt'),
    },
    { told: 'guest', reads: '{through} moves data for {domid}, {copiedBytes} bytes copied', gist: null },
  ),
  'toolstack.advanced': outcome(
    'A command did one step.',
    {
      job: count('the command'),
      step: text('the step just done'),
      next: orNull(text('the step to come; null: it has ended')),
      waits: choice(
        ['no', 'qmp', 'backend', 'removal', 'channel', 'retry', 'guest'],
        'what it waits for before the next step',
      ),
      vars: namingRecord('dom0', 'what it remembers from here on'),
    },
    { told: 'toolstack', reads: 'command {job} has done {step}[, next {next}]', gist: ({ step }) => step },
  ),
  'toolstack.asked': outcome(
    'A command sent a QMP command to a device model.',
    {
      job: count('the command'),
      command: text('`device_add`, `device_del`, `query-pci`, `stop`, `xen-save-devices-state`, …'),
      args: namingRecord('dom0', 'its arguments'),
    },
    { told: 'toolstack', reads: 'command {job} asks the device model: {command}' },
  ),
  'toolstack.refused': outcome(
    'A device model could not do what a command asked: where it runs, the files of the device are not there.',
    {
      job: count('the command'),
      command: text('what it was asked'),
      domid: domid('the domain it runs in'),
      path: namingText('dom0', 'the file it opens first'),
      errno: errnoField('what its kernel says'),
      text: namingText('dom0', 'its error message'),
    },
    { told: 'toolstack', reads: 'the device model cannot {command}: {text}' },
  ),
  'toolstack.logged': outcome(
    'A command printed a message.',
    {
      job: count('the command'),
      level: choice(['error', 'warning', 'info', 'output'], ''),
      text: namingText('dom0', 'the message'),
    },
    {
      told: 'toolstack',
      reads: 'command {job} says: {text}',
      gist: ({ level, text: line }) => (level === 'error' ? `says "${line}"` : null),
      note: ({ level, text: line }) =>
        level === 'output' ? { printed: line.trim() } : level === 'info' ? null : { message: line },
    },
  ),
  'toolstack.ledger': outcome(
    'What each of the parties that keep books says of a device when a command has ended.',
    {
      job: count('the command'),
      sbdf: dom0Sbdf('the device'),
      standing: text('where it stands: `assignable`, `claimed`, `exported`, …'),
      xen: text('owner in Xen, and the proposed flag'),
      kernel: text('driver in the hardware domain, and the guest pciback exported it to'),
      store: namingText('dom0', 'what XenStore has: claim, remembered driver, keys of a backend'),
    },
    {
      told: 'toolstack',
      reads: '{sbdf} is {standing} (Xen: {xen}; kernel: {kernel}; XenStore: {store})',
      gist: ({ standing, xen, kernel, store }) =>
        `${standing} (Xen: ${xen}; kernel: ${kernel}; XenStore: ${store})`,
    },
  ),
  'toolstack.finished': outcome(
    'A command ended.',
    {
      job: count('the command'),
      rc: int('0 or a negative libxl error'),
    },
    {
      told: 'toolstack',
      reads: 'command {job} ends with {rc}',
      gist: ({ rc }) => `ends with ${rc}`,
      note: ({ rc }) => ({ result: rc === 0 ? 'done' : 'failed' }),
    },
  ),
};
