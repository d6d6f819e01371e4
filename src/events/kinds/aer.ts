import { choice, dom0Sbdf, domid, flag, input, outcome, reg32, u8 } from '../field.js';

const results = ['none', 'can-recover', 'need-reset', 'disconnect', 'recovered'] as const;
/** `pci_ers_result_t`, 1 to 5. @source facts/dom0 3 */
export type AerResult = (typeof results)[number];

const command = u8('6 error_detected, 8 mmio_enabled, 9 slot_reset, 7 resume');

/** Error recovery of a passed-through device. @source facts/dom0 3, 6; drivers/pci/pcie/err.c of Linux 6.12 */
export const aerKinds = {
  'aer.raised': input('The AER core of the hardware domain began to recover a device.', {
    sbdf: dom0Sbdf('the device'),
    severity: choice(['nonfatal', 'fatal'], 'fatal: the link is taken for frozen'),
  }),
  'pcifront.recovered': input('A driver in the guest answered a question of error recovery.', {
    domid: domid('the guest'),
    answer: choice(
      ['no-driver', 'no-handler', ...results],
      'no driver is bound; the driver has no error handlers; what its handler returned',
    ),
  }),
  'aer.expired': input("pciback's 300 seconds for an answer of a frontend passed.", {
    domid: domid('the guest'),
  }),
  'aer.asked': outcome("pciback put a question into the page's aer_op and rang.", {
    domid: domid('the guest'),
    sbdf: dom0Sbdf('the device'),
    cmd: command,
    channel: u8('1 normal, 2 frozen, 3 permanent failure'),
    flags: reg32('flags of the page: 2 frontend handles AER, 4 question out'),
    status: choice(results, 'what the core has been told in this step so far'),
    fatal: flag('the recovery began as a fatal one'),
  }),
  'aer.answered': outcome('A question of error recovery was settled.', {
    domid: domid('the guest'),
    sbdf: dom0Sbdf('the device'),
    cmd: command,
    result: choice(results, ''),
    late: flag("nobody answered in time: the result is pciback's own"),
    flags: reg32('flags of the page from here on'),
  }),
  'aer.ended': outcome('The AER core ended its recovery.', {
    sbdf: dom0Sbdf('the device'),
    recovered: flag(''),
  }),
};
