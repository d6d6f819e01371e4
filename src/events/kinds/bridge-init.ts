import { cfgBase, choice, errnoField, text } from '../field.js';
import { input, outcome } from '../kind.js';

/** Steps of a bridge that needs software before it answers. @source facts/arm-msi-iommu 5.1 */
export const initSteps = ['clocks', 'gt', 'breg', 'link', 'ecam', 'msi'] as const;

const step = choice(
  initSteps,
  'clocks on; transceiver lanes assigned; bridge registers; PHY ready; configuration window; MSI window',
);
const party = choice(['firmware', 'dom0', 'xen'], 'who took the step');

/** @source facts/arm-msi-iommu 5.1 */
export const bridgeInitKinds = {
  'bridge.stepped': input(
    'Somebody took one step of initialising a host bridge.',
    {
      by: party,
      cfgBase: cfgBase('the bridge'),
      step,
      result: choice(['done', 'absent'], 'absent: the capability register says the block is not there'),
    },
    {
      told: 'hardware',
      reads: '{by} takes step {step} of the bridge at {cfgBase}: {result}',
      decidedBy: 'initialisation of an NWL bridge, facts/arm-msi-iommu 5.1',
    },
  ),
  'bridge.advanced': outcome(
    'The bridge has this step behind it.',
    {
      by: party,
      cfgBase: cfgBase('the bridge'),
      step,
    },
    { told: 'hardware', reads: 'the bridge at {cfgBase} has step {step} behind it', gist: null },
  ),
  'bridge.stuck': outcome(
    'The step came to nothing.',
    {
      by: party,
      cfgBase: cfgBase('the bridge'),
      step,
      errno: errnoField('negative errno; 0 where the driver logs and goes on'),
      reason: text('why'),
    },
    {
      told: 'hardware',
      reads: 'step {step} of the bridge at {cfgBase} comes to nothing: {reason}',
      gist: null,
    },
  ),
};
