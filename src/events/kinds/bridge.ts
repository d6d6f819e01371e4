import { cfgBase, choice, input, int, orNull, outcome, text, u32 } from '../field.js';

const party = choice(['xen', 'dom0'], 'whose driver or whose numbering');

/** @source facts/xen 3.4, facts/dom0 1 */
export const bridgeKinds = {
  'bridge.probed': input("A host-bridge driver's probe ran.", {
    by: party,
    cfgBase: cfgBase('the bridge'),
    result: choice(
      ['bound', 'deferred', 'failed'],
      'bound: registered; deferred: gave up before asking for a number; failed: gave up after it had one',
    ),
  }),
  'bridge.unbound': input("A host bridge's driver was unbound.", {
    by: party,
    cfgBase: cfgBase('the bridge'),
  }),
  'bridge.registered': outcome('Xen took a host bridge into its list, before it has a number.', {
    by: party,
    cfgBase: cfgBase('the bridge'),
  }),
  'segment.created': outcome(
    'Xen made a segment object because a hypercall named a number it did not know.',
    {
      segment: u32('the number'),
    },
  ),
  'segment.assigned': outcome('A party gave a host bridge its segment number.', {
    by: party,
    segment: u32('the number; Linux may exceed 16 bits'),
    cfgBase: cfgBase('the bridge'),
    source: choice(
      ['counter', 'ida', 'property', 'firmware', 'told', 'offset', 'synthetic'],
      'where the number came from: a counter, the lowest free id, `linux,pci-domain`, firmware tables, Dom0, a policy, a driver of its own range',
    ),
  }),
  'segment.released': outcome('A segment number was given back or burnt.', {
    by: party,
    segment: u32('the number'),
    cfgBase: cfgBase('the bridge that had it'),
    reusable: choice(['yes', 'no'], 'whether a later bridge can get it'),
  }),
  'bridge.rejected': outcome('A party did not register a host bridge.', {
    by: party,
    cfgBase: cfgBase('the bridge'),
    errno: orNull(int('negative errno where there is one')),
    reason: text('why, as the log of that party says it'),
  }),
  'xen.panicked': outcome('Xen stopped (BUG or panic).', { reason: text('the message') }),
};
