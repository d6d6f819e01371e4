import type { DomainId } from '../../base/brand.js';
import { emptyPlatform } from '../../platform/platform.js';
import type { Scenario } from '../scenario.js';
import { armOwners } from './arm-owners.js';
import { armWorkload } from './arm-workload.js';
import { dataPaths } from './data-paths.js';
import { dmaCases } from './dma.js';
import { errorRecovery } from './error-recovery.js';
import { farDeviceModels } from './far-device-models.js';
import { e1000e, machineWith, nvme, packed } from './functions.js';
import { grants } from './grants.js';
import { hungDevices } from './hung.js';
import { lifeCycles } from './life-cycles.js';

import { oneSideMissing } from './one-side-missing.js';
import { owners } from './owners.js';

import { ownership } from './ownership.js';
import { pvProtocol } from './pv-protocol.js';
import { quarantined } from './quarantined.js';
import { requestChannel } from './request-channel.js';
import { reservedMemory } from './reserved-memory.js';
import { stubDomains } from './stub-domains.js';
import { suspendCases } from './suspend.js';
import { toScenario } from './symptom.js';
import { touches } from './touch.js';

const dom0 = 0 as DomainId;

/** Arm without passthrough: every add is refused. @source facts/dom0 Appendix C 3 */
const armAddRefused: Scenario = {
  name: 'failed-to-add-passthrough-or-msi',
  title: 'Failed to add - passthrough or MSI/MSI-X might fail!',
  source: 'facts/dom0 Appendix C 3, recording arm64-gicv2',
  shows:
    'Xen on ARM without passthrough and IOMMU refuses every device with EOPNOTSUPP; Linux logs a line each and goes on.',
  expects: ['SEG-007'],
  policies: { iommu: 'off', 'pci-passthrough': 'off' },
  takesPlatform: false,
  platform: () => ({
    ...emptyPlatform,
    name: 'arm',
    arch: 'arm64',
    bridges: machineWith([nvme]).bridges.map((one) => ({
      ...one,
      access: 'ecam',
      compatible: ['pci-host-ecam-generic'],
    })),
    functions: [nvme.described, e1000e.described],
  }),
  programs: () => ({
    *linux() {
      yield {
        kind: 'domain.created',
        by: 'xen',
        data: { domid: dom0, type: 'arm', privileged: true, hardware: true, target: null, name: 'Domain-0' },
      };
      for (const one of [nvme, e1000e]) {
        yield {
          kind: 'linux.enumerated',
          by: 'd0',
          data: {
            sbdf: packed(one),
            function: one.described.function,
            gsi: 0,
            driver: null,
            enabled: false,
            physfn: null,
          },
        };
      }
    },
  }),
};

/** The threads of 2008 and 2020 as cases. @source facts/dom0 Appendix C */
export const toolstackScenarios: readonly Scenario[] = [
  ...[...lifeCycles, ...pvProtocol, ...oneSideMissing, ...ownership, ...owners].map(toScenario),
  ...[
    ...requestChannel,
    ...stubDomains,
    ...reservedMemory,
    ...errorRecovery,
    ...grants,
    ...dmaCases,
    ...quarantined,
    ...touches,
    ...dataPaths,
    ...hungDevices,
    ...farDeviceModels,
    ...suspendCases,
  ].map(toScenario),
  ...armOwners,
  armWorkload,
  armAddRefused,
];
