import {
  choice,
  count,
  dom0Sbdf,
  domid,
  flag,
  guestSbdf,
  int,
  namingText,
  orNull,
  record,
  reg32,
  registers,
  text,
  u8,
  u32,
} from '../field.js';
import { input, outcome } from '../kind.js';

/** pciback, pcifront and the page between them. @source facts/dom0 3 to 7 */
export const pcibackKinds = {
  'pciback.loaded': input(
    'The pciback module was loaded, or its built-in form initialised.',
    {
      hide: namingText('dom0', '`hide=` parameter'),
      passthrough: flag('`passthrough=1`: guests see real addresses'),
      permissive: flag('`permissive=1` for all devices'),
      pvSupport: flag('false: the ARM stub without a backend for guests'),
    },
    {
      told: 'toolstack',
      reads: 'pciback comes up with hide={hide}',
      decidedBy: 'hide= and the devices of pciback, facts/dom0 4.1, 4.2, 4.4',
    },
  ),
  'pciback.unloaded': input(
    'pciback went away with its module.',
    {},
    {
      told: 'toolstack',
      reads: 'pciback goes away',
      decidedBy: 'devices that pciback gives back, facts/dom0 4.4, 11.4',
    },
  ),
  'pciback.woke': input(
    "pciback's worker took the oldest watch event that waits.",
    {},
    {
      told: 'toolstack',
      reads: 'pciback takes a watch event',
      decidedBy: 'state machine of the backend, facts/dom0 4.6, 4.7',
    },
  ),
  'pcifront.probed': input(
    "A guest's pcifront bound to its device.",
    {
      domid: domid('the guest'),
      magic: text('protocol it speaks, "7"'),
    },
    {
      told: 'guest',
      reads: 'pcifront of {domid} binds to its device',
      decidedBy: 'state machine of the frontend, facts/dom0 4.7, 6',
      step: ({ domid: guest }) => `d${guest} connects`,
    },
  ),
  'pcifront.woke': input(
    'pcifront took a watch event of its backend.',
    { domid: domid('the guest') },
    {
      told: 'guest',
      reads: 'pcifront of {domid} takes a watch event',
      decidedBy: 'state machine of the frontend, facts/dom0 4.7, 6',
    },
  ),
  'pcifront.shut-down': input(
    'A guest with pcifront shuts down: its devices close.',
    {
      domid: domid('the guest'),
    },
    {
      told: 'guest',
      reads: '{domid} shuts down',
      decidedBy: 'state machine of the frontend, facts/dom0 4.7, 6',
      step: ({ domid: guest }) => `d${guest} shuts down`,
    },
  ),
  'pciif.submitted': input(
    'pcifront put a request into the shared page.',
    {
      domid: domid('the guest'),
      cmd: u32('command number'),
      sbdf: guestSbdf('the device in the guest'),
      offset: int('register'),
      size: int('bytes'),
      value: reg32('data, or number of vectors'),
    },
    {
      told: 'guest',
      reads: 'pcifront of {domid} asks for command {cmd} at {offset} of {sbdf}: {value}',
      decidedBy: 'shared page of pcifront and pciback, facts/dom0 3, 6',
    },
  ),
  'pciif.taken': input(
    "pciback's worker copied the pending request.",
    { domid: domid('the guest') },
    {
      told: 'toolstack',
      reads: 'pciback copies the request of {domid}',
      decidedBy: 'shared page of pcifront and pciback, facts/dom0 3',
    },
  ),
  'pciif.served': input(
    "pciback's worker carried out the request it copied and answered.",
    {
      domid: domid('the guest'),
    },
    {
      told: 'toolstack',
      reads: 'pciback carries out the request of {domid}',
      decidedBy: 'operations of pciback, facts/dom0 5 (registers), 7 (MSI)',
    },
  ),
  'pciif.expired': input(
    "pcifront's two seconds for an answer passed.",
    { domid: domid('the guest') },
    {
      told: 'guest',
      reads: 'pcifront of {domid} waits no longer',
      decidedBy: 'pcifront waits two seconds, facts/dom0 6',
    },
  ),
  'aer.reported': input(
    'A device reported an error that AER recovery handles.',
    {
      sbdf: dom0Sbdf('the device'),
      cmd: u32('6 detected, 7 resume, 8 mmio, 9 slot reset'),
    },
    {
      told: 'toolstack',
      reads: '{sbdf} reports an error: {cmd}',
      decidedBy: 'error recovery through pciback, facts/dom0 4.7, 6',
    },
  ),

  'pciback.module-changed': outcome(
    'pciback came up or failed to.',
    {
      running: flag(''),
      reason: orNull(text('why it did not')),
    },
    { told: 'toolstack', reads: 'pciback is {running?running:not running}[: {reason}]' },
  ),
  'pciback.slot-changed': outcome(
    'A name entered or left the list of devices pciback seizes.',
    {
      sbdf: dom0Sbdf('the name'),
      listed: flag(''),
    },
    { told: 'toolstack', reads: '{sbdf} is {listed?in:out of} the list of pciback' },
  ),
  'pciback.seized': outcome(
    'pciback has a device.',
    {
      sbdf: dom0Sbdf('the device'),
      command: reg32('its command register then'),
      saved: registers('registers to restore at every release, by offset'),
    },
    { told: 'toolstack', reads: 'pciback has {sbdf}' },
  ),
  'pciback.let-go': outcome(
    'pciback no longer has a device.',
    { sbdf: dom0Sbdf('the device') },
    { told: 'toolstack', reads: 'pciback has {sbdf} no more' },
  ),
  'pciback.policy-changed': outcome(
    'What pciback allows or remembers of a device changed.',
    {
      sbdf: dom0Sbdf('the device'),
      patch: record('the new values by name'),
    },
    { told: 'toolstack', reads: 'what pciback allows of {sbdf} changes' },
  ),
  'pciback.backend-changed': outcome(
    'An instance of pciback for one guest came, changed or went.',
    {
      domid: domid('the guest'),
      state: u8('XenbusState as pciback holds it; 0: the instance is gone'),
      connected: flag('page mapped and event channel bound'),
    },
    { told: 'toolstack', reads: 'pciback for {domid} has state {state}' },
  ),
  'pciback.exported': outcome(
    'pciback gave a device a place on a guest bus.',
    {
      domid: domid('the guest'),
      sbdf: dom0Sbdf('the device'),
      virtual: guestSbdf('its address in the guest'),
    },
    { told: 'toolstack', reads: 'pciback shows {domid} {sbdf} as {virtual}' },
  ),
  'pciback.unexported': outcome(
    'pciback took a device off a guest bus.',
    {
      domid: domid('the guest'),
      sbdf: dom0Sbdf('the device'),
    },
    { told: 'toolstack', reads: 'pciback shows {domid} {sbdf} no more' },
  ),
  'pcifront.changed': outcome(
    "A guest's pcifront changed its state.",
    {
      domid: domid('the guest'),
      state: u8('XenbusState as pcifront holds it'),
      roots: namingText('guest', 'published roots it scanned, separated by blanks'),
      devices: namingText('guest', 'devices it sees, separated by blanks'),
    },
    { told: 'guest', reads: 'pcifront of {domid} has state {state} and sees {devices}', gist: null },
  ),
  'pciif.started': outcome(
    "pciback's worker began to carry out a request.",
    {
      domid: domid('the guest'),
    },
    { told: 'toolstack', reads: 'pciback begins with the request of {domid}' },
  ),
  'pciif.finished': outcome(
    'pciback wrote an answer into the shared page.',
    {
      domid: domid('the guest'),
      err: int('error number of the page, or a leaked errno'),
      value: reg32('data, pirq or result'),
      vectors: text('pirqs of MSI-X entries separated by blanks'),
    },
    { told: 'guest', reads: 'pciback answers {domid}: {err}, {value}', gist: null },
  ),
  'pciif.returned': outcome(
    'pcifront gave its caller an answer.',
    {
      domid: domid('the guest'),
      err: int('what the caller sees: a PCIBIOS code or an errno'),
      value: reg32('data'),
      attempts: count('requests without an answer so far'),
    },
    { told: 'guest', reads: 'pcifront of {domid} returns {err}, {value}', gist: null },
  ),
  'pciif.refused': outcome(
    'A request could not be put: no connection, or one is pending.',
    {
      domid: domid('the guest'),
      reason: choice(['not-connected', 'busy'], ''),
    },
    { told: 'guest', reads: 'pcifront of {domid} cannot ask: {reason}', gist: null },
  ),
};
