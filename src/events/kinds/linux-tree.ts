import {
  address,
  choice,
  dom0Sbdf,
  flag,
  input,
  orNull,
  outcome,
  reg32,
  text,
  u8,
  u16,
  u32,
} from '../field.js';

const slot = {
  segment: u32('segment in its numbering'),
  bus: u8('bus of the slot'),
  device: u8('device number of the slot'),
  method: choice(['pciehp', 'acpiphp'], 'driver of the slot'),
} as const;

/**
 * How the hardware domain's Linux numbers buses and gives out addresses. @source drivers/pci/probe.c, setup-bus.c of v6.1;
 * docs/models/linux.md
 */
export const linuxTreeKinds = {
  'linux.surveyed': input(
    "On x86 the hardware domain's Linux went over all root buses it had scanned: it claims what firmware assigned and assigns the rest.",
    {},
  ),
  'linux.driver-probed': input("A driver of the hardware domain's Linux bound to a device and enabled it.", {
    sbdf: dom0Sbdf('the device'),
    driver: text('name of the driver'),
  }),
  'linux.slot-enabled': input("The hardware domain's Linux brought up what was plugged into a slot.", slot),
  'linux.slot-disabled': input("The hardware domain's Linux let go of everything in a slot.", slot),
  'linux.bus-changed': outcome('Linux has a bus with this range.', {
    segment: u32('segment in its numbering'),
    bus: u8('its number'),
    last: u8('highest bus below it'),
    host: u32('index of the host bridge'),
    bridge: orNull(dom0Sbdf('bridge it is behind; null: a root bus')),
    control: reg32('BRIDGE_CONTROL when the bus was made'),
  }),
  'linux.bus-removed': outcome('Linux dropped a bus; its number is free.', {
    segment: u32('segment in its numbering'),
    bus: u8('its number'),
  }),
  'linux.listed': outcome('A device is set up and stands in the list of its bus.', {
    sbdf: dom0Sbdf('its name'),
  }),
  'linux.removed': outcome('Linux dropped a device with its resources.', { sbdf: dom0Sbdf('its name') }),
  'linux.bridge-learned': outcome('A scan learned what windows a bridge has, by trying.', {
    sbdf: dom0Sbdf('the bridge'),
    io: flag('it has a window for ports'),
    prefetch: choice(['none', '32', '64'], 'address bits of its prefetchable window'),
    hotplug: flag('its slot can take a device later: room is kept'),
  }),
  'linux.vfs-learned': outcome('A scan learned how many buses the virtual functions of a device need.', {
    sbdf: dom0Sbdf('the physical function'),
    lastBus: u16('bus of the last one'),
  }),
  'linux.resource-changed': outcome(
    'A resource of a device (a BAR, its ROM, the space of its virtual functions, a window of a bridge) got its range, or lost it.',
    {
      sbdf: dom0Sbdf('the device'),
      index: u8('0 to 5 BARs, 6 ROM, 7 to 12 BARs of virtual functions, 13 to 15 windows'),
      start: address("first address as the CPU sees it; without a place: 0, or a window's alignment"),
      sizeBytes: address('size'),
      flags: reg32('flags as the file `resource` shows them'),
      placed: flag('it has a place among the resources of the machine'),
    },
  ),
};
