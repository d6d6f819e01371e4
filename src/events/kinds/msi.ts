import { address, domid, functionField, input, orNull, outcome, reg32, text, u32 } from '../field.js';

/** @source facts/arm-msi-iommu 3 to 5, 7; facts/xen 6 */
export const msiKinds = {
  'msi.written': input('A function wrote an MSI message.', {
    function: functionField('the writer'),
    address: address('message address'),
    data: reg32('message data'),
  }),
  'msi.translated': outcome('An MSI controller found the interrupt of the message.', {
    deviceId: orNull(reg32('DeviceID that came with the write, where the controller sees one')),
    eventId: reg32('EventID, or the data of a controller without DeviceIDs'),
    intid: u32('interrupt id'),
  }),
  'msi.delivered': outcome('A domain got the interrupt.', {
    domid: domid('the receiver'),
    intid: orNull(u32('interrupt id, ARM')),
    vector: orNull(u32('vector, x86')),
  }),
  'msi.dropped': outcome('No domain got an interrupt for the message.', { reason: text('why') }),
};
