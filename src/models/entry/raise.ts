import type { FunctionId } from '../../pci/function-id.js';
import type { MsiController } from '../../platform/platform.js';
import type { Context, Decider } from '../context.js';
import type { HardwareIds } from '../hardware/smmu/hardware-ids.js';
import { latchAxi, serviceAxi } from './controllers/axi.js';
import { raiseV2m } from './controllers/gicv2m.js';
import { raiseIts } from './controllers/its.js';
import { latchNwl, serviceNwl } from './controllers/nwl.js';
import { latchXgene, serviceXgene } from './controllers/xgene.js';

/** A message of `fn` arrived at `address`, in the doorbell pages of `controller`. */
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
      raiseV2m(context, fn, ids, controller, address, data);
      return;
    case 'nwl':
      latchNwl(context, fn, controller, data);
      return;
    case 'axi':
      latchAxi(context, fn, controller, data);
      return;
    case 'xgene':
      latchXgene(context, fn, controller, address, data);
  }
}

/** The handler behind a controller's line reads what it kept. An ITS and a GICv2m keep nothing. */
export const decideMsiService: Decider<'msi.serviced'> = (context, { data }) => {
  const controller = context.env.platform.msiControllers.find((known) => known.base === data.controller);
  if (controller?.model === 'nwl') serviceNwl(context, controller);
  else if (controller?.model === 'axi') serviceAxi(context, controller);
  else if (controller?.model === 'xgene') serviceXgene(context, controller);
};
