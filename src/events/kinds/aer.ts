import { choice, dom0Sbdf, domid, flag, reg32, u8 } from '../field.js';
import { input, outcome } from '../kind.js';

const results = ['none', 'can-recover', 'need-reset', 'disconnect', 'recovered'] as const;
/** `pci_ers_result_t`, 1 to 5. @source facts/dom0 3 */
export type AerResult = (typeof results)[number];

const command = u8('6 error_detected, 8 mmio_enabled, 9 slot_reset, 7 resume');

/** Error recovery of a passed-through device. @source facts/dom0 3, 6; drivers/pci/pcie/err.c of Linux 6.12 */
export const aerKinds = {
  'aer.raised': input(
    'The AER core of the hardware domain began to recover a device.',
    {
      sbdf: dom0Sbdf('the device'),
      severity: choice(['nonfatal', 'fatal'], 'fatal: the link is taken for frozen'),
    },
    {
      told: 'toolstack',
      reads: 'Linux begins to recover {sbdf}: {severity}',
      decidedBy: 'pcie_do_recovery of Linux, facts/dom0 6',
    },
  ),
  'pcifront.recovered': input(
    'A driver in the guest answered a question of error recovery.',
    {
      domid: domid('the guest'),
      answer: choice(
        ['no-driver', 'no-handler', ...results],
        'no driver is bound; the driver has no error handlers; what its handler returned',
      ),
    },
    {
      told: 'guest',
      reads: 'a driver of {domid} answers {answer}',
      decidedBy: 'answers of pcifront, facts/dom0 6',
    },
  ),
  'aer.expired': input(
    "pciback's 300 seconds for an answer of a frontend passed.",
    {
      domid: domid('the guest'),
    },
    {
      told: 'toolstack',
      reads: 'pciback waits no longer for {domid}',
      decidedBy: 'pciback waits 300 seconds, facts/dom0 6',
    },
  ),
  'aer.asked': outcome(
    "pciback put a question into the page's aer_op and rang.",
    {
      domid: domid('the guest'),
      sbdf: dom0Sbdf('the device'),
      cmd: command,
      channel: u8('1 normal, 2 frozen, 3 permanent failure'),
      flags: reg32('flags of the page: 2 frontend handles AER, 4 question out'),
      status: choice(results, 'what the core has been told in this step so far'),
      fatal: flag('the recovery began as a fatal one'),
    },
    { told: 'guest', reads: 'pciback asks {domid} about {sbdf}: {cmd}', gist: null },
  ),
  'aer.answered': outcome(
    'A question of error recovery was settled.',
    {
      domid: domid('the guest'),
      sbdf: dom0Sbdf('the device'),
      cmd: command,
      result: choice(results, ''),
      late: flag("nobody answered in time: the result is pciback's own"),
      flags: reg32('flags of the page from here on'),
    },
    {
      told: ['guest', 'toolstack'],
      reads: 'the question about {sbdf} to {domid} is settled: {result}',
      gist: null,
    },
  ),
  'aer.ended': outcome(
    'The AER core ended its recovery.',
    {
      sbdf: dom0Sbdf('the device'),
      recovered: flag(''),
    },
    { told: 'toolstack', reads: 'Linux ends the recovery of {sbdf}, {recovered?recovered:lost}' },
  ),
};
