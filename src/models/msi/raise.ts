import type { FunctionId } from '../../pci/function-id.js';
import type { MsiController } from '../../platform/platform.js';
import type { HardwareIds } from '../arm/hardware-ids.js';
import { raiseIts } from '../arm/its.js';
import type { Context } from '../context.js';
import { drop } from './drop.js';

/** A message of `fn` arrived at `address`, a doorbell of `controller`. */
export function raise(
  context: Context,
  fn: FunctionId,
  ids: HardwareIds,
  controller: MsiController,
  address: number,
  data: number,
): void {
  switch (controller.model) {
    case 'its':
      raiseIts(context, fn, ids, controller, address, data);
      return;
    case 'gicv2m':
    case 'nwl':
    case 'xgene':
      drop(context, `no model of ${controller.model}`);
  }
}
