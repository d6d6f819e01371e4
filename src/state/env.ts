import type { Platform } from '../platform/platform.js';
import type { Policies } from '../policy/axes.js';
import type { ChangeName } from '../policy/has.js';
import type { Switches } from '../policy/switches.js';

/** What stays the same during one trace; stored in its header. */
export interface Env {
  readonly platform: Platform;
  readonly policies: Policies;
  readonly switches: Switches;
  /** Numbers of the behaviour changes the trace has; `hasBehaviour` asks. */
  readonly behaviour: readonly number[];
  /** Changes taken the other way than the releases have them, to see what each does; never stored. */
  readonly toggled?: ReadonlySet<ChangeName>;
}
