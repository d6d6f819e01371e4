import {
  choice,
  count,
  dom0Sbdf,
  domid,
  flag,
  guestSbdf,
  input,
  int,
  orNull,
  outcome,
  record,
  reg32,
  registers,
  text,
  u8,
  u32,
} from '../field.js';

/** pciback, pcifront and the page between them. @source facts/dom0 3 to 7 */
export const pcibackKinds = {
  'pciback.loaded': input('The pciback module was loaded, or its built-in form initialised.', {
    hide: text('`hide=` parameter'),
    passthrough: flag('`passthrough=1`: guests see real addresses'),
    permissive: flag('`permissive=1` for all devices'),
    pvSupport: flag('false: the ARM stub without a backend for guests'),
  }),
  'pciback.unloaded': input('pciback went away with its module.', {}),
  'pciback.woke': input("pciback's worker took the oldest watch event that waits.", {}),
  'pcifront.probed': input("A guest's pcifront bound to its device.", {
    domid: domid('the guest'),
    magic: text('protocol it speaks, "7"'),
  }),
  'pcifront.woke': input('pcifront took a watch event of its backend.', { domid: domid('the guest') }),
  'pcifront.shut-down': input('A guest with pcifront shuts down: its devices close.', {
    domid: domid('the guest'),
  }),
  'pciif.submitted': input('pcifront put a request into the shared page.', {
    domid: domid('the guest'),
    cmd: u32('command number'),
    sbdf: guestSbdf('the device in the guest'),
    offset: int('register'),
    size: int('bytes'),
    value: reg32('data, or number of vectors'),
  }),
  'pciif.taken': input("pciback's worker copied the pending request.", { domid: domid('the guest') }),
  'pciif.served': input("pciback's worker carried out the request it copied and answered.", {
    domid: domid('the guest'),
  }),
  'pciif.expired': input("pcifront's two seconds for an answer passed.", { domid: domid('the guest') }),
  'aer.reported': input('A device reported an error that AER recovery handles.', {
    sbdf: dom0Sbdf('the device'),
    cmd: u32('6 detected, 7 resume, 8 mmio, 9 slot reset'),
  }),

  'pciback.module-changed': outcome('pciback came up or failed to.', {
    running: flag(''),
    reason: orNull(text('why it did not')),
  }),
  'pciback.slot-changed': outcome('A name entered or left the list of devices pciback seizes.', {
    sbdf: dom0Sbdf('the name'),
    listed: flag(''),
  }),
  'pciback.seized': outcome('pciback has a device.', {
    sbdf: dom0Sbdf('the device'),
    command: reg32('its command register then'),
    saved: registers('registers to restore at every release, by offset'),
  }),
  'pciback.let-go': outcome('pciback no longer has a device.', { sbdf: dom0Sbdf('the device') }),
  'pciback.policy-changed': outcome('What pciback allows or remembers of a device changed.', {
    sbdf: dom0Sbdf('the device'),
    patch: record('the new values by name'),
  }),
  'pciback.backend-changed': outcome('An instance of pciback for one guest came, changed or went.', {
    domid: domid('the guest'),
    state: u8('XenbusState as pciback holds it; 0: the instance is gone'),
    connected: flag('page mapped and event channel bound'),
  }),
  'pciback.exported': outcome('pciback gave a device a place on a guest bus.', {
    domid: domid('the guest'),
    sbdf: dom0Sbdf('the device'),
    virtual: guestSbdf('its address in the guest'),
  }),
  'pciback.unexported': outcome('pciback took a device off a guest bus.', {
    domid: domid('the guest'),
    sbdf: dom0Sbdf('the device'),
  }),
  'pcifront.changed': outcome("A guest's pcifront changed its state.", {
    domid: domid('the guest'),
    state: u8('XenbusState as pcifront holds it'),
    roots: text('published roots it scanned, separated by blanks'),
    devices: text('devices it sees, separated by blanks'),
  }),
  'pciif.started': outcome("pciback's worker began to carry out a request.", {
    domid: domid('the guest'),
  }),
  'pciif.finished': outcome('pciback wrote an answer into the shared page.', {
    domid: domid('the guest'),
    err: int('error number of the page, or a leaked errno'),
    value: reg32('data, pirq or result'),
    vectors: text('pirqs of MSI-X entries separated by blanks'),
  }),
  'pciif.returned': outcome('pcifront gave its caller an answer.', {
    domid: domid('the guest'),
    err: int('what the caller sees: a PCIBIOS code or an errno'),
    value: reg32('data'),
    attempts: count('requests without an answer so far'),
  }),
  'pciif.refused': outcome('A request could not be put: no connection, or one is pending.', {
    domid: domid('the guest'),
    reason: choice(['not-connected', 'busy'], ''),
  }),
};
