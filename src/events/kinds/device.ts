import { choice, domid, flag, functionField, input, int, orNull, outcome, text, xenSbdf } from '../field.js';

/** @source facts/xen 2.4, 3.1, 7.2 */
export const deviceKinds = {
  'device.plugged': input('A function appeared on its bus.', {
    function: functionField('the function, described by the platform'),
  }),
  'device.unplugged': input('A function vanished from its bus.', { function: functionField('the function') }),
  'device.reset': input('A function was reset.', {
    function: functionField('the function'),
    method: text('`flr`, `pm`, `bus`, `af_flr`, `device_specific`, `acpi`, `cxl_bus`'),
  }),
  'device.hung': input(
    'A function that does not answer configuration accesses, or will not after its next reset.',
    {
      function: functionField('the function'),
      hangs: choice(
        ['at-reset', 'now', 'no'],
        'from its next reset on, from now on, or no longer: it answers with what its registers hold',
      ),
    },
  ),
  'device.registered': outcome('Xen has an object for a name.', {
    sbdf: xenSbdf('the name'),
    function: orNull(functionField('what stands behind the name for Xen; null when no bridge has it')),
    owner: orNull(domid('owning domain; null after a failed IOMMU add')),
    type: text('Xen device type, as `pcie-endpoint`'),
    isExtfn: text('`extfn`, `virtfn` or `plain`'),
    physfn: orNull(xenSbdf('the physical function of a virtual one')),
  }),
  'device.unregistered': outcome('Xen dropped its object for a name.', { sbdf: xenSbdf('the name') }),
  'device.assigned': outcome('A device changed its owner inside Xen.', {
    sbdf: xenSbdf('the name'),
    function: orNull(functionField('what Xen believes to be that device')),
    from: orNull(domid('previous owner')),
    to: domid('new owner'),
  }),
  'device.quarantined': outcome(
    'A device was marked to go to dom_io, not to the hardware domain, when given back.',
    {
      sbdf: xenSbdf('the name'),
      quarantined: flag('false: the mark was taken off'),
    },
  ),
  'device.broken': outcome('Xen no longer lets guests have a device.', { sbdf: xenSbdf('the name') }),
  'device.failed': outcome('A step of device set-up failed inside Xen.', {
    sbdf: xenSbdf('the name'),
    step: text('`vpci`, `iommu`, `segment`, …'),
    errno: int('negative errno'),
    reason: text('log line'),
  }),
  'xen.logged': outcome('Xen printed a line about a device.', {
    level: choice(['error', 'warning', 'info'], ''),
    text: text('the line'),
  }),
  'device.marked': outcome(
    'The proposed `assigned` flag of a device changed (never merged; policy `assignable`).',
    {
      sbdf: xenSbdf('the name'),
      assignable: flag('eligible for passthrough'),
    },
  ),
};
