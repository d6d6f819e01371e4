import {
  address,
  choice,
  count,
  dom0Sbdf,
  domid,
  flag,
  functionField,
  input,
  int,
  orNull,
  outcome,
  reg32,
  text,
  u8,
  u16,
  u32,
} from '../field.js';

/** What the hardware domain's Linux does with its devices. @source facts/dom0 2, 9, 11 */
export const sysfsKinds = {
  'linux.enumerated': input("The hardware domain's Linux found a function on its bus.", {
    sbdf: dom0Sbdf('its name for it'),
    function: functionField('the function'),
    gsi: u32('interrupt the firmware routes its pin to; 0 for none'),
    driver: orNull(text('driver that bound to it at once')),
    enabled: flag('`pci_enable_device` is in effect'),
    physfn: orNull(dom0Sbdf('its physical function; null: it is none of the virtual ones')),
  }),
  'linux.scanned': input("The hardware domain's Linux scanned everything below a root bus.", {
    segment: u32('segment in its numbering'),
    bus: u8('the root bus'),
  }),
  'linux.forgot': input("The hardware domain's Linux dropped its object for a function.", {
    sbdf: dom0Sbdf('its name for it'),
  }),
  'sysfs.requested': input('A program in the hardware domain used a file below /sys.', {
    verb: choice(['read', 'write'], ''),
    path: text('absolute path'),
    value: orNull(text('what was written')),
  }),
  'sysfs.accessed': outcome('A file below /sys was looked at, read or written.', {
    verb: choice(['read', 'write', 'list', 'exists', 'link'], 'link: the target of a symbolic link'),
    path: text('absolute path'),
    value: orNull(text('what was written')),
    errno: int('0 or a negative errno'),
    result: orNull(text('what was read; list items separated by blanks')),
  }),
  'linux.found': outcome('A scan found a function.', {
    sbdf: dom0Sbdf('its name'),
    function: functionField('the function'),
  }),
  'linux.sized': outcome('A scan learned how large a base address register is, by writing ones.', {
    sbdf: dom0Sbdf('the device'),
    reg: u16('register offset'),
    space: choice(['io', 'mem32', 'mem64', 'rom'], ''),
    start: address('address it holds; 0: unassigned'),
    sizeBytes: count('size'),
  }),
  'linux.bus-numbered': outcome('A bridge has bus numbers.', {
    sbdf: dom0Sbdf('the bridge'),
    secondary: u8('bus behind it'),
    subordinate: u8('highest bus below it'),
    byFirmware: flag('they stood there before'),
  }),
  'linux.driver-changed': outcome('A driver bound to a device or let go of it.', {
    sbdf: dom0Sbdf('the device'),
    driver: orNull(text('driver name; null: none')),
  }),
  'linux.override-changed': outcome('`driver_override` of a device changed.', {
    sbdf: dom0Sbdf('the device'),
    driver: orNull(text('the only driver that may bind; null: any')),
  }),
  'linux.owner-changed': outcome('The table that says for which domain Linux maps interrupts changed.', {
    sbdf: dom0Sbdf('the device'),
    domid: orNull(domid('the domain; null: Linux itself')),
  }),
  'linux.enable-changed': outcome('`pci_enable_device` or `pci_disable_device` took effect.', {
    sbdf: dom0Sbdf('the device'),
    enabled: flag(''),
  }),
  'linux.gsi-mapped': outcome('Linux has an irq for a GSI.', { gsi: u32('the GSI') }),
  'linux.config-written': outcome('Linux wrote to configuration space on its own account.', {
    sbdf: dom0Sbdf('the device'),
    function: functionField('the function'),
    reg: u16('register offset in bytes'),
    size: u8('1, 2 or 4'),
    value: reg32('data'),
  }),
  'linux.device-reset': outcome('Linux reset a function.', {
    sbdf: dom0Sbdf('the device'),
    function: functionField('the function'),
    method: orNull(
      text('`device_specific`, `acpi`, `flr`, `af_flr`, `pm`, `bus`, `cxl_bus`; null: it has none'),
    ),
  }),
  'linux.logged': outcome('The hardware domain or a guest kernel printed a line.', {
    domid: domid('whose kernel'),
    text: text('the line without its time'),
  }),
};
