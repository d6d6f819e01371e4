import type { TraceHeader } from '../log/header.js';
import type { DeviceModel } from '../machine/device-model.js';
import type { Env } from '../state/env.js';
import { findScenario } from './index.js';

/** The device models of a built-in scenario, which answer anew under another design; none for other traces. */
export function deviceModelsOf(
  { scenario }: TraceHeader,
  recorded: Env,
  design: Pick<Env, 'policies' | 'switches'>,
): readonly DeviceModel[] {
  const found = scenario === null ? undefined : findScenario(scenario);
  return found?.deviceModels?.({ ...recorded, ...design }) ?? [];
}
