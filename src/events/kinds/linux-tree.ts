import { address, choice, dom0Sbdf, flag, orNull, reg32, segment, text, u8, u16, u32 } from '../field.js';
import { input, outcome } from '../kind.js';

const slot = {
  segment: segment(32, 'dom0', 'segment in its numbering'),
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
    {
      told: 'toolstack',
      reads: 'Linux goes over all root buses',
      decidedBy: "what Linux keeps of firmware's places, arch/x86/pci/i386.c, docs/models/linux.md",
    },
  ),
  'linux.driver-probed': input(
    "A driver of the hardware domain's Linux bound to a device and enabled it.",
    {
      sbdf: dom0Sbdf('the device'),
      driver: text('name of the driver'),
    },
    {
      told: 'toolstack',
      reads: 'driver {driver} binds to {sbdf}',
      decidedBy: 'pci_enable_device, drivers/pci/pci.c, docs/models/linux.md',
    },
  ),
  'linux.slot-enabled': input("The hardware domain's Linux brought up what was plugged into a slot.", slot, {
    told: 'toolstack',
    reads: 'Linux brings up slot {bus}:{device} of segment {segment}',
    decidedBy: 'hot-plug drivers of Linux, docs/models/linux.md',
  }),
  'linux.slot-disabled': input("The hardware domain's Linux let go of everything in a slot.", slot, {
    told: 'toolstack',
    reads: 'Linux lets go of slot {bus}:{device} of segment {segment}',
    decidedBy: 'hot-plug drivers of Linux, docs/models/linux.md',
  }),
  'linux.bus-changed': outcome(
    'Linux has a bus with this range.',
    {
      segment: segment(32, 'dom0', 'segment in its numbering'),
      bus: u8('its number'),
      last: u8('highest bus below it'),
      host: u32('index of the host bridge'),
      bridge: orNull(dom0Sbdf('bridge it is behind; null: a root bus')),
      control: reg32('BRIDGE_CONTROL when the bus was made'),
    },
    { told: 'toolstack', reads: 'Linux has bus {bus} to {last} of segment {segment}[ behind {bridge}]' },
  ),
  'linux.bus-removed': outcome(
    'Linux dropped a bus; its number is free.',
    {
      segment: segment(32, 'dom0', 'segment in its numbering'),
      bus: u8('its number'),
    },
    { told: 'toolstack', reads: 'Linux drops bus {bus} of segment {segment}' },
  ),
  'linux.listed': outcome(
    'A device is set up and stands in the list of its bus.',
    {
      sbdf: dom0Sbdf('its name'),
    },
    { told: 'toolstack', reads: '{sbdf} stands in the list of its bus' },
  ),
  'linux.removed': outcome(
    'Linux dropped a device with its resources.',
    { sbdf: dom0Sbdf('its name') },
    { told: 'toolstack', reads: 'Linux drops {sbdf} with its resources' },
  ),
  'linux.bridge-learned': outcome(
    'A scan learned what windows a bridge has, by trying.',
    {
      sbdf: dom0Sbdf('the bridge'),
      io: flag('it has a window for ports'),
      prefetch: choice(['none', '32', '64'], 'address bits of its prefetchable window'),
      hotplug: flag('its slot can take a device later: room is kept'),
    },
    { told: 'toolstack', reads: 'Linux knows the windows of bridge {sbdf}' },
  ),
  'linux.vfs-learned': outcome(
    'A scan learned how many buses the virtual functions of a device need.',
    {
      sbdf: dom0Sbdf('the physical function'),
      lastBus: u16('bus of the last one'),
    },
    { told: 'toolstack', reads: 'the virtual functions of {sbdf} reach to bus {lastBus}' },
  ),
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
    {
      told: 'toolstack',
      reads: 'resource {index} of {sbdf} is {sizeBytes} bytes at {start}, {placed?placed:without a place}',
    },
  ),
};
