import { hasBehaviour } from '../../policy/behaviours.js';
import type { StepIo } from './step.js';

/**
 * Why a domain with these devices is not built at all: libxl checks its configuration before it creates anything.
 * Options of the command: `passthrough` and `type` as in the configuration, `memory` and `maxmem` in MiB.
 * @returns The message, or null when the domain may be built.
 * @source facts/dom0 8.5 (domain creation gate); tools/libs/light/libxl_create.c `libxl__domain_config_setdefault`,
 *   libxl_x86.c and libxl_arm.c `libxl__arch_passthrough_mode_setdefault`
 */
export function refusedAtCreation(io: StepIo): string | null {
  const { env } = io.context;
  if (!hasBehaviour(env.behaviour, 'creation-gate')) return null;
  const needed = io.job.devices.length > 0;
  const chosen = io.job.options['passthrough'];
  const mode = typeof chosen === 'string' ? chosen : needed ? 'enabled' : 'disabled';
  if (mode === 'disabled') return needed ? 'passthrough disabled but devices are specified' : null;
  if (env.policies.iommu === 'off') return 'passthrough not supported on this platform';
  const type = typeOf(io);
  if (env.platform.arch === 'arm64') {
    if (mode !== 'enabled' && mode !== 'share_pt') return `passthrough="${mode}" not supported on ARM`;
  } else {
    if (type === 'pvh') return 'passthrough not yet supported for x86 PVH guests';
    if (mode === 'share_pt' && type === 'pv') return 'passthrough="share_pt" not valid for PV domain';
  }
  if (type !== 'pv' && populatesOnDemand(io)) {
    return 'IOMMU required for device passthrough but not supported together with PoD';
  }
  return null;
}

/** The domain itself where it exists already, else what its configuration says. */
function typeOf(io: StepIo): string {
  const chosen = io.job.options['type'];
  return io.context.state.domains[io.domid]?.type ?? (typeof chosen === 'string' ? chosen : 'pv');
}

/** Less memory than the maximum: the rest would be populated when it is touched. */
function populatesOnDemand(io: StepIo): boolean {
  const { memory, maxmem } = io.job.options;
  return typeof memory === 'number' && typeof maxmem === 'number' && memory < maxmem;
}
