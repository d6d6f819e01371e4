import { cfgBase, choice, input, int, outcome, text } from '../field.js';

/** Steps of a bridge that needs software before it answers. @source facts/arm-msi-iommu 5.1 */
export const initSteps = ['clocks', 'gt', 'breg', 'link', 'ecam', 'msi'] as const;

const step = choice(
  initSteps,
  'clocks on; transceiver lanes assigned; bridge registers; PHY ready; configuration window; MSI window',
);
const party = choice(['firmware', 'dom0', 'xen'], 'who took the step');

/** @source facts/arm-msi-iommu 5.1 */
export const bridgeInitKinds = {
  'bridge.stepped': input('Somebody took one step of initialising a host bridge.', {
    by: party,
    cfgBase: cfgBase('the bridge'),
    step,
    result: choice(['done', 'absent'], 'absent: the capability register says the block is not there'),
  }),
  'bridge.advanced': outcome('The bridge has this step behind it.', {
    by: party,
    cfgBase: cfgBase('the bridge'),
    step,
  }),
  'bridge.stuck': outcome('The step came to nothing.', {
    by: party,
    cfgBase: cfgBase('the bridge'),
    step,
    errno: int('negative errno; 0 where the driver logs and goes on'),
    reason: text('why'),
  }),
};
