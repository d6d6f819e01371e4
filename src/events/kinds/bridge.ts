import { cfgBase, choice, errnoField, given, orNull, segment, text } from '../field.js';
import { input, outcome } from '../kind.js';

const party = choice(['xen', 'dom0'], 'whose driver or whose numbering');

/** @source facts/xen 3.4, facts/dom0 1 */
export const bridgeKinds = {
  'bridge.probed': input(
    "A host-bridge driver's probe ran.",
    {
      by: party,
      cfgBase: cfgBase('the bridge'),
      result: choice(
        ['bound', 'deferred', 'failed'],
        'bound: registered; deferred: gave up before asking for a number; failed: gave up after it had one',
      ),
    },
    {
      told: ['toolstack', 'inside'],
      reads: 'the driver of {by} probes the bridge at {cfgBase}: {result}',
      decidedBy: 'host-bridge numbering, facts/xen 3.4; facts/dom0 1.3, 1.4',
    },
  ),
  'bridge.unbound': input(
    "A host bridge's driver was unbound.",
    {
      by: party,
      cfgBase: cfgBase('the bridge'),
    },
    {
      told: ['toolstack', 'inside'],
      reads: 'the driver of {by} lets go of the bridge at {cfgBase}',
      decidedBy: 'release of a number, facts/dom0 1.3, 1.4',
    },
  ),
  'bridge.registered': outcome(
    'Xen took a host bridge into its list, before it has a number.',
    {
      by: party,
      cfgBase: cfgBase('the bridge'),
    },
    { told: ['toolstack', 'inside'], reads: '{by} lists the bridge at {cfgBase}' },
  ),
  'segment.created': outcome(
    'Xen made a segment object because a hypercall named a number it did not know.',
    {
      segment: given(segment(32, 'xen', 'the number')),
    },
    { told: 'inside', reads: 'Xen makes an object for segment {segment}' },
  ),
  'segment.assigned': outcome(
    'A party gave a host bridge its segment number.',
    {
      by: party,
      segment: given(segment(32, 'by', 'the number; Linux may exceed 16 bits')),
      cfgBase: cfgBase('the bridge'),
      source: given(
        choice(
          ['counter', 'ida', 'property', 'firmware', 'told', 'offset', 'synthetic'],
          'where the number came from: a counter, the lowest free id, `linux,pci-domain`, firmware tables, Dom0, a policy, a driver of its own range',
        ),
      ),
    },
    {
      told: ['toolstack', 'inside'],
      reads: '{by} gives the bridge at {cfgBase} segment {segment}, from {source}',
      gist: ({ by, segment: number }) => `${by} segment ${number}`,
    },
  ),
  'segment.released': outcome(
    'A segment number was given back or burnt.',
    {
      by: party,
      segment: given(segment(32, 'by', 'the number')),
      cfgBase: cfgBase('the bridge that had it'),
      reusable: choice(['yes', 'no'], 'whether a later bridge can get it'),
    },
    { told: ['toolstack', 'inside'], reads: '{by} takes segment {segment} from the bridge at {cfgBase}' },
  ),
  'bridge.rejected': outcome(
    'A party did not register a host bridge.',
    {
      by: party,
      cfgBase: cfgBase('the bridge'),
      errno: orNull(errnoField('negative errno where there is one')),
      reason: text('why, as the log of that party says it'),
    },
    {
      told: ['toolstack', 'inside'],
      reads: '{by} rejects the bridge at {cfgBase}: {reason}[ ({errno})]',
      gist: ({ by }) => `${by} rejects`,
    },
  ),
  'xen.panicked': outcome(
    'Xen stopped (BUG or panic).',
    { reason: text('the message') },
    { told: ['hardware', 'guest', 'toolstack'], reads: 'Xen stops: {reason}', gist: null },
  ),
};
