import {
  address,
  choice,
  count,
  domid,
  flag,
  functionField,
  orNull,
  reg32,
  text,
  u8,
  u16,
  u32,
} from '../field.js';
import { input, outcome } from '../kind.js';

/** Who turns a message into an interrupt. */
const translators = ['its', 'gicv2m', 'nwl', 'axi', 'xgene', 'apic', 'remapping', 'smmu'] as const;

const vector = u16(
  'vector of the function: index of the MSI-X entry, or of the message of a multi-message MSI',
);
const controller = address('base of the controller');

/** @source facts/arm-msi-iommu 3 to 5, 7; facts/xen 6 */
export const msiKinds = {
  'vector.written': input(
    'A driver wrote a field of an MSI capability or of an MSI-X table entry.',
    {
      domid: domid('the domain of the driver'),
      function: functionField('the function'),
      vector,
      field: choice(
        ['address', 'address-high', 'data', 'mask', 'enable', 'messages'],
        'each is an access of its own; enable and messages concern the whole function, messages is log2 of the vectors a multi-message MSI may send',
      ),
      value: reg32('what was written; 0 or 1 for mask and enable'),
    },
    {
      told: 'guest',
      reads: '{domid} writes {value} to {field} of vector {vector} of {function}',
      decidedBy: 'trap and force, facts/arm-msi-iommu 5.3 (M1), 7',
    },
  ),
  'vector.read': input(
    'A driver read a field of a vector back.',
    {
      domid: domid('the domain of the driver'),
      function: functionField('the function'),
      vector,
      field: choice(['address', 'address-high', 'data', 'mask', 'pending'], 'which field'),
    },
    {
      told: 'guest',
      reads: '{domid} reads {field} of vector {vector} of {function}',
      decidedBy: 'trapped reads, facts/arm-msi-iommu 5.3 (M1)',
    },
  ),
  'vector.answered': outcome(
    'What the driver got: its own message, whatever the function holds.',
    {
      value: reg32('the value'),
    },
    { told: 'guest', reads: 'the driver reads {value}', gist: null },
  ),
  'msi.raised': input(
    'A function has something to report and sends the message of one of its vectors.',
    {
      function: functionField('the function'),
      vector,
    },
    {
      told: 'hardware',
      reads: '{function} has something to say with vector {vector}',
      decidedBy: 'masking and pending bits, facts/arm-msi-iommu 7.1, 7.2',
    },
  ),
  'msi.written': input(
    'A function wrote an MSI message.',
    {
      function: functionField('the writer'),
      address: address('message address'),
      data: reg32('message data'),
    },
    {
      told: 'hardware',
      reads: '{function} writes message {data} to {address}',
      decidedBy: 'way of a message, facts/arm-msi-iommu 3.3, 4, 5, 6.6, 7.3',
      request: () => ({ is: 'message' }),
      holds: ({ address, data }) => [{ is: 'message', address, data }],
    },
  ),
  'msi.serviced': input(
    "The handler behind a controller's interrupt line took its turn.",
    { controller },
    {
      told: ['hardware', 'inside'],
      reads: 'the handler of the controller at {controller} takes its turn',
      decidedBy: 'handlers of NWL, AXI and X-Gene, facts/arm-msi-iommu 5.1, 5.2',
    },
  ),
  'msi.ended': input(
    'A guest ended the interrupt of a vector (EOI).',
    {
      domid: domid('the guest'),
      function: functionField('the function'),
      vector,
    },
    {
      told: 'guest',
      reads: '{domid} ends the interrupt of vector {vector} of {function}',
      decidedBy: 'end of an interrupt, facts/arm-msi-iommu 5.3 (M1)',
    },
  ),
  'vector.changed': outcome(
    'A vector took a new state: what its driver asked for and what the hardware holds.',
    {
      function: functionField('the function'),
      vector,
      domid: domid('the domain of the driver'),
      askedAddress: address('message address the driver asked for'),
      askedData: reg32('message data the driver asked for'),
      address: address('message address in the function'),
      data: reg32('message data in the function'),
      masked: flag('mask bit of the vector'),
      pending: flag('waits for the mask to go'),
      phase: choice(
        ['free', 'claimed', 'armed', 'fired'],
        'whether Xen holds a host event for it, may deliver it, has delivered it and waits for the end',
      ),
      event: orNull(count('host event, numbered by its controller')),
      again: flag('another message came while the guest was busy with the last one'),
    },
    {
      told: 'hardware',
      reads: 'vector {vector} of {function} holds {address}:{data}, {masked?masked:unmasked}, {phase}',
      gist: null,
      holds: ({ askedAddress, askedData, address, data }) => [
        { is: 'message', address: askedAddress, data: askedData, label: 'asked: ' },
        { is: 'message', address, data, label: 'programmed: ' },
      ],
    },
  ),
  'vector.cleared': outcome(
    'A reset took every vector of a function back to its power-on state.',
    {
      function: functionField('the function'),
    },
    { told: 'hardware', reads: 'a reset clears every vector of {function}', gist: null },
  ),
  'function.switched': outcome(
    'MSI or MSI-X of a function was enabled or disabled, or its number of messages set.',
    {
      function: functionField('the function'),
      kind: choice(['msi', 'msix'], 'which capability its driver uses'),
      enabled: flag('the enable bit'),
      messagesLog2: u8('log2 of the vectors a multi-message MSI may send'),
    },
    { told: 'hardware', reads: '{kind} of {function} is {enabled?on:off}', gist: null },
  ),
  'event.claimed': outcome(
    'Xen gave a host event to a vector.',
    {
      controller,
      event: count('the event: SPI, bit, index or vector; DeviceID << 16 | EventID on an ITS'),
      domid: domid('its owner'),
      function: functionField('the function'),
      vector,
    },
    {
      told: 'inside',
      reads:
        'event {event} of the controller at {controller} goes to vector {vector} of {function} for {domid}',
    },
  ),
  'event.freed': outcome(
    'A host event can be given away again.',
    { controller, event: count('the event') },
    { told: 'inside', reads: 'event {event} of the controller at {controller} is free again' },
  ),
  'msi.refused': outcome(
    'Xen did not give a vector what its driver asked for; it stays masked.',
    {
      function: functionField('the function'),
      vector,
      errno: u8('positive errno'),
      reason: text('why'),
    },
    { told: 'hardware', reads: 'vector {vector} of {function} stays masked: {reason}', gist: null },
  ),
  'msi.sent': outcome(
    'The function wrote the message of a vector.',
    {
      address: address('message address'),
      data: reg32('message data, the vector in its low bits for a multi-message MSI'),
    },
    {
      told: 'hardware',
      reads: 'message {data} is written to {address}',
      gist: null,
      holds: ({ address, data }) => [{ is: 'message', address, data }],
    },
  ),
  'msi.latched': outcome(
    'A controller keeps the message until its handler reads it.',
    {
      controller,
      slot: u32('bit, vector, or place in a queue'),
      event: u32('event the message stands for'),
      function: functionField('the last writer; the controller itself does not know it'),
      merged: u32('messages already waiting under the same bit: they will be one interrupt'),
    },
    {
      told: 'hardware',
      reads: 'the controller at {controller} keeps event {event} of {function} in {slot}',
      gist: null,
    },
  ),
  'msi.drained': outcome(
    'A handler read and cleared what a controller had kept.',
    { controller },
    { told: 'hardware', reads: 'the handler takes what the controller at {controller} kept', gist: null },
  ),
  'msi.translated': outcome(
    'An MSI controller found the interrupt of the message.',
    {
      translator: choice(translators, 'the controller'),
      doorbell: address('where the write ended after the IOMMU'),
      streamId: orNull(reg32('StreamID that came with the write; null when it passed no SMMU')),
      deviceId: orNull(reg32('DeviceID that came with the write, where the controller sees one')),
      eventId: u32('EventID, or the data of a controller without DeviceIDs'),
      intid: u32('interrupt id of the host: LPI, SPI or vector'),
      owner: orNull(domid('domain the event belongs to')),
      forgeable: choice(
        ['device', 'frame', 'bridge', 'any'],
        'who could have produced the same interrupt: senders of the same DeviceID or source id only, whoever reaches the frame, every device below the bridge, every bus master',
      ),
      asked: orNull(
        text('message the owner asked for, as address:data; null when no vector is known for the event'),
      ),
      programmed: orNull(text('message the function holds, as address:data')),
    },
    {
      told: 'hardware',
      reads: '{translator} makes of event {eventId} at {doorbell} interrupt {intid}[ of {owner}]',
      gist: null,
    },
  ),
  'msi.delivered': outcome(
    'A domain got the interrupt.',
    {
      domid: domid('the receiver'),
      intid: orNull(u32('interrupt id, ARM')),
      vector: orNull(u32('vector, x86')),
      event: orNull(count('event its handler was given; null where the interrupt id says it')),
      function: orNull(functionField('the function whose write raised it; null when a command did')),
      driver: orNull(domid('domain that function was given to, by the name Dom0 uses for it')),
      claimant: orNull(
        functionField('the function the event was given to; null where Xen keeps no such table'),
      ),
    },
    {
      told: ['hardware', 'guest'],
      reads: '{domid} gets[ interrupt {intid}][ vector {vector}][ of {function}]',
      gist: ({ domid, intid, vector }) => `d${domid} interrupt ${intid ?? vector}`,
    },
  ),
  'msi.pended': outcome(
    'The interrupt is pending and waits.',
    {
      intid: u32('interrupt id of the host'),
      domid: orNull(domid('who will get it')),
      reason: text('what it waits for'),
    },
    { told: 'hardware', reads: 'interrupt {intid}[ of {domid}] waits: {reason}', gist: null },
  ),
  'msi.dropped': outcome(
    'No domain got an interrupt for the message.',
    { reason: text('why') },
    { told: 'hardware', reads: 'nobody gets an interrupt: {reason}', gist: () => 'no interrupt' },
  ),
};
