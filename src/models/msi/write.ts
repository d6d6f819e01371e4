import { reachMemory } from '../arm/dma.js';
import { hardwareIds } from '../arm/hardware-ids.js';
import { STOPPED, translate } from '../arm/translate.js';
import type { Decider } from '../context.js';
import { controllerAt } from './doorbells.js';
import { raise } from './raise.js';

/**
 * A message leaves its function: through the SMMU by the function's own StreamID, to the doorbell, to the controller.
 * @source facts/arm-msi-iommu 3.3, 6.6
 */
export const decideMsiWrite: Decider<'msi.written'> = (context, { data }) => {
  const { platform } = context.env;
  const ids = hardwareIds(platform, data.function);
  const target =
    ids.smmu === null ? data.address : translate(context, ids.smmu, ids.streamId, data.address, 'write');
  if (target === STOPPED) {
    context.emit('hw', 'msi.dropped', { reason: 'the SMMU stopped the write: the controller sees nothing' });
    return;
  }
  const controller = controllerAt(platform, target);
  if (controller !== null) {
    raise(context, data.function, ids, controller, target, data.data);
    return;
  }
  reachMemory(context, ids, target);
  context.emit('hw', 'msi.dropped', { reason: 'the address is no doorbell: the message went to memory' });
};
