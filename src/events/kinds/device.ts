import {
  choice,
  domid,
  errnoField,
  flag,
  functionField,
  namingText,
  orNull,
  text,
  xenSbdf,
} from '../field.js';
import { input, outcome } from '../kind.js';

/** @source facts/xen 2.4, 3.1, 7.2 */
export const deviceKinds = {
  'device.plugged': input(
    'A function appeared on its bus.',
    {
      function: functionField('the function, described by the platform'),
    },
    {
      told: 'hardware',
      reads: '{function} appears on its bus',
      decidedBy: 'state only: a function and its registers, facts/arm-msi-iommu 8.1',
    },
  ),
  'device.unplugged': input(
    'A function vanished from its bus.',
    { function: functionField('the function') },
    {
      told: 'hardware',
      reads: '{function} vanishes from its bus',
      decidedBy: 'state only: a function vanishes; what the software knows of it stays',
    },
  ),
  'device.reset': input(
    'A function was reset.',
    {
      function: functionField('the function'),
      method: text('`flr`, `pm`, `bus`, `af_flr`, `device_specific`, `acpi`, `cxl_bus`'),
    },
    {
      told: 'hardware',
      reads: '{function} is reset by {method}',
      decidedBy: 'events of a function that is reset, facts/arm-msi-iommu 5.3',
    },
  ),
  'device.hung': input(
    'A function that does not answer configuration accesses, or will not after its next reset.',
    {
      function: functionField('the function'),
      hangs: choice(
        ['at-reset', 'now', 'no'],
        'from its next reset on, from now on, or no longer: it answers with what its registers hold',
      ),
    },
    {
      told: 'hardware',
      reads: '{function} hangs: {hangs}',
      decidedBy:
        'a function answers with all ones, drivers/pci/pci.c (pci_dev_wait), docs/models/toolstack.md',
    },
  ),
  'device.registered': outcome(
    'Xen has an object for a name.',
    {
      sbdf: xenSbdf('the name'),
      function: orNull(functionField('what stands behind the name for Xen; null when no bridge has it')),
      owner: orNull(domid('owning domain; null after a failed IOMMU add')),
      type: text('Xen device type, as `pcie-endpoint`'),
      isExtfn: text('`extfn`, `virtfn` or `plain`'),
      physfn: orNull(xenSbdf('the physical function of a virtual one')),
    },
    { told: 'inside', reads: 'Xen has an object for {sbdf}[, {function}], owner {owner}' },
  ),
  'device.unregistered': outcome(
    'Xen dropped its object for a name.',
    { sbdf: xenSbdf('the name') },
    { told: 'inside', reads: 'Xen drops its object for {sbdf}' },
  ),
  'device.assigned': outcome(
    'A device changed its owner inside Xen.',
    {
      sbdf: xenSbdf('the name'),
      function: orNull(functionField('what Xen believes to be that device')),
      from: orNull(domid('previous owner')),
      to: domid('new owner'),
    },
    { told: 'inside', reads: 'Xen gives {sbdf}[, {function},] to {to}[ from {from}]' },
  ),
  'device.quarantined': outcome(
    'A device was marked to go to dom_io, not to the hardware domain, when given back.',
    {
      sbdf: xenSbdf('the name'),
      quarantined: flag('false: the mark was taken off'),
    },
    { told: 'inside', reads: '{sbdf} will go to {quarantined?dom_io:the hardware domain} when given back' },
  ),
  'device.broken': outcome(
    'Xen no longer lets guests have a device.',
    { sbdf: xenSbdf('the name') },
    { told: 'inside', reads: 'Xen lets no guest have {sbdf} any more' },
  ),
  'device.failed': outcome(
    'A step of device set-up failed inside Xen.',
    {
      sbdf: xenSbdf('the name'),
      step: text('`vpci`, `iommu`, `segment`, …'),
      errno: errnoField('negative errno'),
      reason: namingText('xen', 'log line'),
    },
    { told: 'inside', reads: 'step {step} of {sbdf} fails with {errno}: {reason}' },
  ),
  'xen.logged': outcome(
    'Xen printed a line about a device.',
    {
      level: choice(['error', 'warning', 'info'], ''),
      text: namingText('xen', 'the line'),
    },
    { told: 'inside', reads: 'Xen says: {text}' },
  ),
  'device.marked': outcome(
    'The proposed `assigned` flag of a device changed (never merged; policy `assignable`).',
    {
      sbdf: xenSbdf('the name'),
      assignable: flag('eligible for passthrough'),
    },
    { told: 'inside', reads: '{sbdf} is {assignable?assignable:not assignable} for Xen' },
  ),
};
