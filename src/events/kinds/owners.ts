import {
  choice,
  count,
  dom0Sbdf,
  domid,
  errnoField,
  flag,
  functionField,
  namingText,
  orNull,
  text,
  u8,
  u32,
  xenSbdf,
} from '../field.js';
import { input, outcome } from '../kind.js';

/** What the toolstack may ask of a hardware domain that is not its own. @source facts/dom0 12.3 (idea of 2020) */
export const channelVerbs = [
  'list',
  'bind',
  'unbind',
  'reset',
  'resources',
  'irq',
  'groups',
  'permissive',
] as const;
export type ChannelVerb = (typeof channelVerbs)[number];

const message = {
  id: count('the request; its reply has the same'),
  job: count('the command that asked'),
  verb: choice(channelVerbs, 'what is asked'),
  device: namingText('dom0', 'the device as the toolstack names it; empty for `list`'),
} as const;

/** Who owns the hardware, and how the toolstack speaks with an owner that is not its own domain. */
export const ownerKinds = {
  'system.booted': input(
    'The machine came up, or what of it had gone: Xen built the domains that the design has.',
    { dom0: domid('the control domain, where the design has one'), domd: domid('the driver domain') },
    {
      told: 'toolstack',
      reads: 'the system boots with {dom0} and {domd}',
      decidedBy: 'who gets the hardware, facts/dom0 12.3; late_hwdom_init of Xen',
      step: () => 'the system boots',
    },
  ),
  'hardware.described': input(
    'A function stands on a bus of whoever owns the host bridges.',
    {
      sbdf: dom0Sbdf("the owner's name for it"),
      function: functionField('the function'),
      gsi: u32('interrupt the firmware routes its pin to; 0 for none'),
      driver: orNull(text('driver the owner has for it')),
      physfn: orNull(dom0Sbdf('its physical function; null: it is none of the virtual ones')),
    },
    {
      told: 'toolstack',
      reads: '{sbdf}, {function}, stands on a bus of the owner',
      decidedBy: 'what Linux tells Xen of a function, facts/dom0 2.1, 12.3',
    },
  ),
  'owner.ended': input(
    'The domain that owns the hardware went down.',
    { how: text('what happened to it') },
    {
      told: 'toolstack',
      reads: 'the owner of the hardware goes down: {how}',
      decidedBy: 'end of the hardware domain: hwdom_shutdown of Xen, docs/models/toolstack.md',
      step: () => 'the owner goes down',
      accident: true,
    },
  ),
  'store.lost': input(
    'The keeper of XenStore came up again with an empty tree.',
    {},
    {
      told: 'toolstack',
      reads: 'XenStore comes up with an empty tree',
      decidedBy: 'C xenstored keeps its tree in memory, docs/models/toolstack.md',
      step: () => 'XenStore loses its tree',
      accident: true,
    },
  ),
  'static.wanted': input(
    'The device tree names a device for a domain that Xen builds.',
    {
      domid: domid('the domain'),
      path: text("`xen,path`: a node of the host's tree; a PCI function where the maker tries that"),
      found: flag("the host's tree has the node"),
      hasReg: flag('the node for the domain has `xen,reg`'),
      hasIommus: flag("the node in the host's tree has `iommus`"),
      force: flag('`xen,force-assign-without-iommu`'),
    },
    {
      told: ['toolstack', 'inside'],
      reads: 'the device tree names {path} for {domid}',
      decidedBy: 'passthrough nodes, facts/xen 7.4, 12.1; dom0less-build.c of Xen',
    },
  ),

  'domain.built': outcome(
    'A domain of the design came into being.',
    {
      domid: domid('its id'),
      type: choice(['pv', 'hvm', 'pvh', 'arm'], 'guest type'),
      privileged: flag('control domain'),
      hardware: flag('hardware domain'),
      target: orNull(domid('the domain it is device model for')),
      name: text('name for people'),
    },
    { told: ['guest', 'toolstack'], reads: '{domid} {name} is built, {type}', gist: null },
  ),
  'owner.chosen': outcome(
    'The design has settled who owns the hardware and who runs the toolstack.',
    {
      owner: orNull(domid('domain whose Linux drives the host bridges; null: none')),
      hardware: orNull(domid('what Xen takes for its hardware domain; null: none')),
      toolstack: orNull(domid('domain of the toolstack; null: none')),
    },
    {
      told: 'toolstack',
      reads: 'the hardware is of {owner}, for Xen of {hardware}, the toolstack in {toolstack}',
    },
  ),
  'owner.kept': outcome(
    'A device stayed with the former hardware domain.',
    {
      sbdf: xenSbdf('the device'),
      owner: domid('who keeps it'),
      text: namingText('xen', "Xen's warning"),
    },
    {
      told: ['toolstack', 'inside'],
      reads: '{owner} keeps {sbdf}: {text}',
      note: ({ text: line }) => ({ message: line }),
    },
  ),
  'owner.went': outcome(
    'The owner of the hardware is gone, and with it all its Linux knew.',
    {
      domid: domid('the domain'),
    },
    { told: 'toolstack', reads: '{domid}, the owner of the hardware, is gone' },
  ),
  'system.reset': outcome(
    'The machine was reset: nothing but the hardware is left.',
    {
      reason: text('why'),
    },
    {
      told: ['hardware', 'guest', 'toolstack'],
      reads: 'the machine is reset: {reason}',
      gist: null,
      note: ({ reason }) => ({ message: `machine reset: ${reason}` }),
    },
  ),
  'store.emptied': outcome(
    'XenStore has lost its tree.',
    {},
    { told: 'toolstack', reads: 'XenStore has lost its tree' },
  ),
  'linux.routed': outcome(
    'The interrupt of a function is known to its Linux.',
    {
      sbdf: dom0Sbdf('the device'),
      gsi: u32('interrupt its pin is routed to'),
      physfn: orNull(dom0Sbdf('its physical function')),
    },
    { told: 'toolstack', reads: '{sbdf} has GSI {gsi}' },
  ),
  'toolstack.absent': outcome(
    'Nobody can carry out a command.',
    {
      job: count('the command'),
      why: text('why nobody'),
    },
    {
      told: 'toolstack',
      reads: 'nobody carries out command {job}: {why}',
      note: ({ why }) => ({ result: 'nobody', message: why }),
    },
  ),
  'static.assigned': outcome(
    'Xen gave a device-tree node to a domain it built.',
    {
      domid: domid('the domain'),
      path: text('the node'),
    },
    { told: 'inside', reads: 'Xen gives {path} to {domid}' },
  ),
  'static.refused': outcome(
    'Xen did not give a device to a domain it built.',
    {
      domid: domid('the domain'),
      what: text('the node or the PCI function'),
      errno: errnoField('0 where there is nothing to call'),
      why: text("Xen's message, or that there is no mechanism"),
    },
    {
      told: 'inside',
      reads: 'Xen does not give {what} to {domid}: {why}',
      note: ({ what, why }) => ({ message: `${what}: ${why}` }),
    },
  ),

  'vchan.offered': input(
    'The hardware domain offers its request channel.',
    {
      version: u8('of its protocol'),
      ringBytes: count('room of the ring for each direction'),
    },
    {
      told: 'toolstack',
      reads: 'the hardware domain offers its channel',
      decidedBy: 'libxenvchan_server_init; idea of 2020, facts/dom0 12.3',
    },
  ),
  'vchan.dialled': input(
    'The toolstack connects to the request channel.',
    {
      version: u8('of its protocol'),
    },
    {
      told: 'toolstack',
      reads: 'the toolstack connects to the channel',
      decidedBy: 'libxenvchan_client_init; idea of 2020, facts/dom0 12.3',
    },
  ),
  'vchan.served': input(
    'The server of the channel takes its turn.',
    {},
    {
      told: 'toolstack',
      reads: 'the server of the channel takes its turn',
      decidedBy: 'requests of the toolstack, docs/models/toolstack.md',
    },
  ),
  'vchan.delivered': input(
    'The toolstack reads the channel.',
    {},
    {
      told: 'toolstack',
      reads: 'the toolstack reads the channel',
      decidedBy: 'replies to the toolstack, docs/models/toolstack.md',
    },
  ),
  'vchan.lost': input(
    'The server died over a request.',
    {
      done: flag('it had carried the request out'),
    },
    {
      told: 'toolstack',
      reads: 'the server of the channel dies, its request {done?done:not done}',
      decidedBy: 'a server that dies closes nothing, docs/models/toolstack.md',
    },
  ),
  'vchan.hung-up': input(
    'One side closed the channel.',
    { side: choice(['server', 'client'], 'who') },
    {
      told: 'toolstack',
      reads: 'the {side} closes the channel',
      decidedBy: 'libxenvchan_close, docs/models/toolstack.md',
    },
  ),

  'vchan.changed': outcome(
    'The channel has another state.',
    {
      phase: choice(['absent', 'offered', 'open', 'closed'], ''),
      server: orNull(domid('hardware domain at the other end')),
      version: u8('of the protocol'),
      ringBytes: count('room of the ring for each direction'),
      why: text('what happened'),
    },
    { told: 'toolstack', reads: 'the channel is {phase}: {why}' },
  ),
  'vchan.refused': outcome(
    'The toolstack could not connect.',
    { errno: errnoField(''), why: text('why') },
    { told: 'toolstack', reads: 'the toolstack cannot connect: {why}' },
  ),
  'vchan.silent': outcome(
    'The server is gone and has not said so: its byte in the ring still says open.',
    {},
    { told: 'toolstack', reads: 'the server of the channel is gone and has not said so' },
  ),
  'vchan.sent': outcome(
    'A request stands in the ring.',
    {
      ...message,
      argument: text(
        'the driver to bind afterwards; the guest to map an interrupt for; the option that asks; else empty',
      ),
      sizeBytes: count('what it takes of the ring'),
    },
    { told: 'toolstack', reads: 'request {id} stands in the ring: {verb} {device}' },
  ),
  'vchan.taken': outcome(
    'The server took the oldest request out of the ring.',
    { id: message.id },
    { told: 'toolstack', reads: 'the server takes request {id}' },
  ),
  'vchan.answered': outcome(
    'A reply stands in the ring.',
    {
      ...message,
      errno: errnoField('0 or a negative errno of the hardware domain'),
      text: namingText('dom0', 'what was read; the driver a device had'),
      sizeBytes: count('what it takes of the ring'),
    },
    { told: 'toolstack', reads: 'the reply to request {id} stands in the ring: {errno}' },
  ),
  'vchan.received': outcome(
    'The toolstack took the oldest reply out of the ring.',
    {
      id: message.id,
      used: flag('its command was still waiting for it'),
    },
    { told: 'toolstack', reads: 'the toolstack takes the reply to request {id}' },
  ),
  'vchan.blocked': outcome(
    'The ring has no room: the writer waits.',
    {
      side: choice(['server', 'client'], 'who waits'),
      needsBytes: count('what it wants to write'),
      freeBytes: count('what there is'),
    },
    { told: 'toolstack', reads: 'the {side} waits for room of {needsBytes} bytes in the ring' },
  ),
};
