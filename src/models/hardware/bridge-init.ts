import { errno } from '../../base/errno.js';
import { bridgeOf, type FunctionId, functionBdf } from '../../pci/function-id.js';
import { busOf } from '../../pci/sbdf.js';
import type { InitStep } from '../../state/bridge-init.js';
import type { Env } from '../../state/env.js';
import type { ReadonlyWorld } from '../../state/world.js';
import type { Context, Decider } from '../context.js';

/** What must be behind a bridge before a step can work. @source facts/arm-msi-iommu 5.1 (init sequence) */
const needs: Readonly<Record<InitStep, readonly InitStep[]>> = {
  clocks: [],
  gt: ['clocks'],
  breg: ['clocks'],
  link: ['breg', 'gt'],
  ecam: ['breg'],
  msi: ['ecam'],
};

/**
 * One step of bringing an NWL bridge up. The transceivers belong to the firmware even where the rest does not: a link
 * that is waited for before they are assigned times out, and the driver has to come back.
 */
export const decideBridgeStep: Decider<'bridge.stepped'> = (context, { data }) => {
  const { by, cfgBase, step, result } = data;
  const stuck = (code: number, reason: string): void => {
    context.emit('hw', 'bridge.stuck', { by, cfgBase, step, errno: code === 0 ? 0 : -code, reason });
  };
  const steps = context.state.bridgeInit[cfgBase];
  if (steps === undefined) return stuck(0, 'the bridge needs no initialisation');
  if (by !== context.env.policies['bridge-init'] && by !== 'firmware') {
    return stuck(errno.EPERM, `the bridge belongs to ${context.env.policies['bridge-init']}`);
  }
  if (result === 'absent') {
    // The driver prints that the block is missing and returns 0, so that probing goes on; only MSI is an error.
    return step === 'msi' ? stuck(errno.EIO, 'MSI window not present') : stuck(0, `${step} not present`);
  }
  const missing = needs[step].find((needed) => steps[needed] === undefined);
  if (missing !== undefined) {
    return step === 'link'
      ? stuck(errno.ETIMEDOUT, `PHY link never came up in 10 tries: no ${missing}`)
      : stuck(errno.EIO, `no ${missing}`);
  }
  context.emit('hw', 'bridge.advanced', { by, cfgBase, step });
};

/** Whether a bridge, named by its node, has a step behind it or needs none. */
export function bridgeHasStep(context: Context, node: string, step: InitStep): boolean {
  const bridge = context.env.platform.bridges.find((known) => known.node === node);
  const steps = bridge === undefined ? undefined : context.state.bridgeInit[bridge.cfgBase];
  return steps === undefined || steps[step] === true;
}

/**
 * Whether configuration accesses of a function get anywhere: the root port as soon as the window is enabled, what is
 * below it only with the link up. Earlier accesses hit nothing valid.
 */
export function bridgeAnswers(state: ReadonlyWorld, env: Env, fn: FunctionId): boolean {
  // Then no bridge waits for anything, and a look-up by an address beyond 31 bits costs more than the read it guards.
  if (env.policies['bridge-init'] === 'firmware') return true;
  const bridge = env.platform.bridges[bridgeOf(fn)];
  const steps = bridge === undefined ? undefined : state.bridgeInit[bridge.cfgBase];
  if (bridge === undefined || steps === undefined) return true;
  if (steps.ecam === undefined) return false;
  return busOf(functionBdf(fn)) === bridge.busStart || steps.link === true;
}
