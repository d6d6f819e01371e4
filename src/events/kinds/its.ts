import { address, choice, domid, errnoField, flag, orNull, reg32, text, u8, u16, u32 } from '../field.js';
import { input, outcome } from '../kind.js';

const its = address('base of the ITS');
const deviceId = reg32('DeviceID');

/** The virtual ITS of the hardware domain and what Xen does on the real one for it. @source facts/arm-msi-iommu 3 */
export const itsKinds = {
  'its.commanded': input(
    'A domain put a command into the queue of its ITS and moved CWRITER.',
    {
      domid: domid('whose virtual ITS'),
      its,
      d0: text('word 0 as 0x and 16 digits'),
      d1: text('word 1'),
      d2: text('word 2'),
      d3: text('word 3'),
      property: orNull(
        u8(
          'property byte of the LPI in guest memory, read by MAPTI, MAPI and INV; null: enabled, priority 0xa0',
        ),
      ),
    },
    {
      told: 'guest',
      reads: '{domid} gives its ITS at {its} the command {d0} {d1} {d2} {d3}',
      decidedBy: 'virtual ITS, facts/arm-msi-iommu 3.5, 3.6',
      holds: ({ d0, d1, d2, d3 }) => [{ is: 'its-command', words: [d0, d1, d2, d3] }],
    },
  ),
  'its.completed': outcome(
    'Xen carried out a command on the virtual ITS; an error is logged and nothing else.',
    {
      domid: domid('whose virtual ITS'),
      its,
      command: choice(
        [
          'MAPD',
          'MAPC',
          'MAPTI',
          'MAPI',
          'MOVI',
          'INT',
          'CLEAR',
          'INV',
          'INVALL',
          'MOVALL',
          'DISCARD',
          'SYNC',
          'unknown',
        ],
        'the command',
      ),
      deviceId: orNull(deviceId),
      eventId: orNull(reg32('EventID')),
      eventIdBits: orNull(u8('MAPD: log2 of the number of events')),
      lpi: orNull(u32('virtual LPI')),
      icid: orNull(u16('collection')),
      vcpu: orNull(u16('MAPC: virtual processor')),
      valid: orNull(flag('MAPD, MAPC: the valid bit')),
      errno: errnoField('0 or what Xen logs: -1, -ENOENT, -EINVAL, -EBUSY, -ENOSPC', -1),
      reason: text('why, empty when it worked'),
    },
    { told: 'guest', reads: 'Xen carries out {command} of {domid} on the ITS at {its}: {errno}', gist: null },
  ),
  'its.mapped': outcome(
    'Xen mapped a DeviceID on the real ITS (host MAPD, then MAPTI for every event).',
    {
      its,
      deviceId,
      domid: domid('owner of every event of that DeviceID'),
      events: u32('number of events, a power of two of at least 32'),
    },
    {
      told: 'hardware',
      reads: 'the ITS at {its} maps device {deviceId} with {events} events for {domid}',
      gist: null,
    },
  ),
  'its.unmapped': outcome(
    'Xen unmapped a DeviceID on the real ITS and freed its LPI blocks.',
    {
      its,
      deviceId,
      failed: flag('the end of a mapping that failed half way'),
    },
    { told: 'hardware', reads: 'the ITS at {its} unmaps device {deviceId}', gist: null },
  ),
  'lpi.reserved': outcome(
    'Xen took 32 consecutive host LPIs for 32 events of a device and enabled them.',
    {
      its,
      deviceId,
      block: u32('first event of the block divided by 32'),
      firstLpi: u32('first host LPI'),
    },
    {
      told: 'hardware',
      reads:
        'Xen enables 32 LPIs from {firstLpi} on for block {block} of device {deviceId} of the ITS at {its}',
      gist: null,
    },
  ),
  'lpi.connected': outcome(
    'A host LPI leads to a virtual LPI of a domain from here on.',
    {
      hostLpi: u32('host LPI'),
      domid: domid('the domain'),
      lpi: u32('virtual LPI'),
      vcpu: u16('virtual processor that gets it'),
      enabled: flag('property byte, bit 0'),
    },
    {
      told: 'inside',
      reads: 'LPI {hostLpi} leads to {lpi} of {domid} on vcpu {vcpu}, {enabled?enabled:disabled}',
    },
  ),
  'lpi.changed': outcome(
    'A connected LPI changed its processor, its enable bit or its pending state.',
    {
      hostLpi: u32('host LPI'),
      vcpu: u16('virtual processor that gets it'),
      enabled: flag('property byte, bit 0'),
      pending: flag('waits to be enabled'),
    },
    {
      told: 'inside',
      reads: 'LPI {hostLpi} is {enabled?enabled:disabled} on vcpu {vcpu}, {pending?pending:not pending}',
    },
  ),
  'lpi.disconnected': outcome(
    'A host LPI leads nowhere any more; the host mapping stays.',
    {
      hostLpi: u32('host LPI'),
    },
    { told: 'inside', reads: 'LPI {hostLpi} leads nowhere any more' },
  ),
};
