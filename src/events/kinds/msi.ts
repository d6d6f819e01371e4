import { address, choice, domid, functionField, input, orNull, outcome, reg32, text, u32 } from '../field.js';

/** Who turns a message into an interrupt. */
export const translators = ['its', 'gicv2m', 'nwl', 'axi', 'xgene', 'apic', 'remapping'] as const;

/** @source facts/arm-msi-iommu 3 to 5, 7; facts/xen 6 */
export const msiKinds = {
  'msi.written': input('A function wrote an MSI message.', {
    function: functionField('the writer'),
    address: address('message address'),
    data: reg32('message data'),
  }),
  'msi.translated': outcome('An MSI controller found the interrupt of the message.', {
    translator: choice(translators, 'the controller'),
    doorbell: address('where the write ended after the IOMMU'),
    streamId: orNull(reg32('StreamID that came with the write; null when it passed no SMMU')),
    deviceId: orNull(reg32('DeviceID that came with the write, where the controller sees one')),
    eventId: reg32('EventID, or the data of a controller without DeviceIDs'),
    intid: u32('interrupt id of the host: LPI, SPI or vector'),
    owner: orNull(domid('domain the event belongs to')),
    forgeable: choice(
      ['device', 'frame', 'bridge', 'any'],
      'who could have produced the same interrupt: senders of the same DeviceID or source id only, whoever reaches the frame, every device below the bridge, every bus master',
    ),
  }),
  'msi.delivered': outcome('A domain got the interrupt.', {
    domid: domid('the receiver'),
    intid: orNull(u32('interrupt id, ARM')),
    vector: orNull(u32('vector, x86')),
    function: orNull(functionField('the function whose write raised it; null when a command did')),
    driver: orNull(domid('domain that function was given to, by the name Dom0 uses for it')),
  }),
  'msi.pended': outcome('The interrupt is pending and waits to be enabled.', {
    intid: u32('interrupt id of the host'),
    domid: orNull(domid('who will get it')),
    reason: text('what it waits for'),
  }),
  'msi.dropped': outcome('No domain got an interrupt for the message.', { reason: text('why') }),
};
