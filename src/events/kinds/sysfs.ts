import { errnoName } from '../../base/errno.js';
import {
  address,
  choice,
  count,
  dom0Sbdf,
  domid,
  errnoField,
  flag,
  functionField,
  namingText,
  orNull,
  reg32,
  registerOffset,
  segment,
  text,
  u8,
  u32,
} from '../field.js';
import { input, outcome } from '../kind.js';

/** Lines of pciback that say that a device did not reach its guest. */
const tellsOfFailure = (line: string): boolean =>
  /^Failed to add|Couldn't locate/.test(line.replace(/^pciback pci\S+ -?\d+ /, ''));

/** What the hardware domain's Linux does with its devices. @source facts/dom0 2, 9, 11 */
export const sysfsKinds = {
  'linux.enumerated': input(
    "The hardware domain's Linux found a function on its bus.",
    {
      sbdf: dom0Sbdf('its name for it'),
      function: functionField('the function'),
      gsi: u32('interrupt the firmware routes its pin to; 0 for none'),
      driver: orNull(text('driver that bound to it at once')),
      enabled: flag('`pci_enable_device` is in effect'),
      physfn: orNull(dom0Sbdf('its physical function; null: it is none of the virtual ones')),
    },
    {
      told: 'toolstack',
      reads: 'Linux finds {sbdf}, {function}[, driver {driver}]',
      decidedBy: 'what Linux tells Xen of a function, facts/dom0 2.1, 2.2',
    },
  ),
  'linux.scanned': input(
    "The hardware domain's Linux scanned everything below a root bus.",
    {
      segment: segment(32, 'dom0', 'segment in its numbering'),
      bus: u8('the root bus'),
    },
    {
      told: 'toolstack',
      reads: 'Linux scans below bus {bus} of segment {segment}',
      decidedBy: "Linux' numbering of the buses below a bridge, facts/dom0 2.1; drivers/pci/probe.c of Linux",
    },
  ),
  'linux.forgot': input(
    "The hardware domain's Linux dropped its object for a function.",
    {
      sbdf: dom0Sbdf('its name for it'),
    },
    {
      told: 'toolstack',
      reads: 'Linux drops its object for {sbdf}',
      decidedBy: 'state only: Linux drops its object, facts/dom0 2.1',
    },
  ),
  'sysfs.requested': input(
    'A program in the hardware domain used a file below /sys.',
    {
      verb: choice(['read', 'write'], ''),
      path: namingText('dom0', 'absolute path'),
      value: orNull(namingText('dom0', 'what was written')),
    },
    {
      told: 'toolstack',
      reads: 'a program {verb}s {path}[: {value}]',
      decidedBy: 'files below /sys: facts/dom0 4.3 (pciback), 9.1, 11.2 (reset)',
    },
  ),
  'sysfs.accessed': outcome(
    'A file below /sys was looked at, read or written.',
    {
      verb: choice(['read', 'write', 'list', 'exists', 'link'], 'link: the target of a symbolic link'),
      path: namingText('dom0', 'absolute path'),
      value: orNull(namingText('dom0', 'what was written')),
      errno: errnoField('0 or a negative errno'),
      result: orNull(namingText('dom0', 'what was read; list items separated by blanks')),
    },
    {
      told: 'toolstack',
      reads: '{verb} of {path}: {errno}[, {result}]',
      gist: ({ path, errno }) => (errno === 0 ? null : `${path} ${errnoName(errno)}`),
    },
  ),
  'linux.found': outcome(
    'A scan found a function.',
    {
      sbdf: dom0Sbdf('its name'),
      function: functionField('the function'),
    },
    { told: 'toolstack', reads: 'the scan finds {sbdf}, {function}' },
  ),
  'linux.sized': outcome(
    'A scan learned how large a base address register is, by writing ones.',
    {
      sbdf: dom0Sbdf('the device'),
      reg: registerOffset(16, 'register offset'),
      space: choice(['io', 'mem32', 'mem64', 'rom'], ''),
      start: address('address it holds; 0: unassigned'),
      sizeBytes: count('size'),
    },
    { told: 'toolstack', reads: '{space} register {reg} of {sbdf} has {sizeBytes} bytes at {start}' },
  ),
  'linux.bus-numbered': outcome(
    'A bridge has bus numbers.',
    {
      sbdf: dom0Sbdf('the bridge'),
      secondary: u8('bus behind it'),
      subordinate: u8('highest bus below it'),
      byFirmware: flag('they stood there before'),
    },
    { told: 'toolstack', reads: 'bridge {sbdf} has buses {secondary} to {subordinate}' },
  ),
  'linux.driver-changed': outcome(
    'A driver bound to a device or let go of it.',
    {
      sbdf: dom0Sbdf('the device'),
      driver: orNull(text('driver name; null: none')),
    },
    { told: 'toolstack', reads: 'the driver of {sbdf} is {driver}' },
  ),
  'linux.override-changed': outcome(
    '`driver_override` of a device changed.',
    {
      sbdf: dom0Sbdf('the device'),
      driver: orNull(text('the only driver that may bind; null: any')),
    },
    { told: 'toolstack', reads: 'driver_override of {sbdf} is {driver}' },
  ),
  'linux.owner-changed': outcome(
    'The table that says for which domain Linux maps interrupts changed.',
    {
      sbdf: dom0Sbdf('the device'),
      domid: orNull(domid('the domain; null: Linux itself')),
    },
    { told: 'toolstack', reads: 'Linux maps interrupts of {sbdf} for {domid}' },
  ),
  'linux.enable-changed': outcome(
    '`pci_enable_device` or `pci_disable_device` took effect.',
    {
      sbdf: dom0Sbdf('the device'),
      enabled: flag(''),
    },
    { told: 'toolstack', reads: 'Linux has {sbdf} {enabled?enabled:disabled}' },
  ),
  'linux.gsi-mapped': outcome(
    'Linux has an irq for a GSI.',
    { gsi: u32('the GSI') },
    { told: 'toolstack', reads: 'Linux has an irq for GSI {gsi}' },
  ),
  'linux.config-written': outcome(
    'Linux wrote to configuration space on its own account.',
    {
      sbdf: dom0Sbdf('the device'),
      function: functionField('the function'),
      reg: registerOffset(16, 'register offset in bytes'),
      size: u8('1, 2 or 4'),
      value: reg32('data'),
    },
    { told: 'hardware', reads: 'Linux writes {value} to register {reg} of {sbdf}, {function}', gist: null },
  ),
  'linux.device-reset': outcome(
    'Linux reset a function.',
    {
      sbdf: dom0Sbdf('the device'),
      function: functionField('the function'),
      method: orNull(
        text('`device_specific`, `acpi`, `flr`, `af_flr`, `pm`, `bus`, `cxl_bus`; null: it has none'),
      ),
    },
    {
      told: 'hardware',
      reads: 'Linux resets {sbdf}, {function}, by {method}',
      gist: null,
      note: ({ method }, by) => ({ reset: `${by} ${method ?? 'none'}` }),
    },
  ),
  'linux.logged': outcome(
    'The hardware domain or a guest kernel printed a line.',
    {
      domid: domid('whose kernel'),
      text: namingText('caller', 'the line without its time'),
    },
    {
      told: 'toolstack',
      reads: 'the kernel of {domid} says: {text}',
      note: ({ text: line }) => (tellsOfFailure(line) ? { message: line } : null),
    },
  ),
};
