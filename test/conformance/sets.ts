import type { ConformanceSet } from './row.js';
import { armConfigSet } from './sets/arm-config.js';
import { armSteSet } from './sets/arm-ste.js';
import { armTapSet } from './sets/arm-tap.js';
import { dtbSet } from './sets/dtb.js';
import { dtcSet } from './sets/dtc.js';
import { linuxAssignSet } from './sets/linux-assign.js';
import { linuxAssignXenSet } from './sets/linux-assign-xen.js';
import { qemuSet } from './sets/qemu.js';
import { qtestSet } from './sets/qtest.js';
import { qtestLiveSet } from './sets/qtest-live.js';
import { toolstackSet } from './sets/toolstack.js';
import { xenIoreqSet } from './sets/xen-ioreq.js';
import { xenTapSet } from './sets/xen-tap.js';
import { xenVpciSet } from './sets/xen-vpci.js';
import { xentraceSet } from './sets/xentrace.js';

/** Every set of the runner, in the order it runs them. A new set is a file in `sets/` and a line here. */
export const conformanceSets: readonly ConformanceSet[] = [
  armTapSet,
  armConfigSet,
  armSteSet,
  dtbSet,
  dtcSet,
  linuxAssignSet,
  linuxAssignXenSet,
  qemuSet,
  qtestSet,
  qtestLiveSet,
  toolstackSet,
  xenIoreqSet,
  xenTapSet,
  xenVpciSet,
  xentraceSet,
];
