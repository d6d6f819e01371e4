import type { DeviceModel } from '../machine/device-model.js';
import type { Programs } from '../machine/program.js';
import type { Platform } from '../platform/platform.js';
import type { Policies } from '../policy/axes.js';
import type { BehaviourName } from '../policy/behaviours.js';
import type { Switches } from '../policy/switches.js';
import type { Env } from '../state/env.js';

/** A case of the mailing lists as a runnable machine. */
export interface Scenario {
  /** What a user types; kebab-case, the symptom first. */
  readonly name: string;
  readonly title: string;
  /** Where the case comes from: thread and facts section. */
  readonly source: string;
  /** One or two sentences: what happens and what to look at. */
  readonly shows: string;
  /** Rule codes its trace gives, in order of first appearance; empty for a healthy run. */
  readonly expects: readonly string[];
  /** What traces give that were recorded before a change of behaviour. */
  readonly before?: { readonly lacking: BehaviourName; readonly expects: readonly string[] };
  readonly policies?: Partial<Policies>;
  readonly switches?: Partial<Switches>;
  /**
   * The machine it runs on. `given` is the platform of `--dtb` or other artefacts; a scenario that cannot use one
   * says so with `takesPlatform: false` and is never given one.
   */
  readonly takesPlatform: boolean;
  platform(given: Platform | null): Platform;
  /** Who acts. */
  programs(env: Env): Programs;
  /** Device models that answer IOREQs; fresh ones for every run. */
  deviceModels?(env: Env): readonly DeviceModel[];
}
