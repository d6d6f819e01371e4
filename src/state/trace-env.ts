import { invariant } from '../base/assert.js';
import { Trouble } from '../base/errors.js';
import { didYouMean, near } from '../base/near.js';
import type { TraceHeader } from '../log/header.js';
import { logTrouble } from '../log/trouble.js';
import { platformMisfit } from '../platform/check-platform.js';
import type { Platform } from '../platform/platform.js';
import {
  axes,
  defaultPolicies,
  isAxisName,
  isPolicies,
  isPolicyValue,
  type Policies,
} from '../policy/axes.js';
import { currentBehaviour, unknownBehaviour } from '../policy/behaviours.js';
import { nearReleases } from '../policy/releases.js';
import {
  defaultSwitches,
  isSwitches,
  isSwitchName,
  isSwitchValue,
  pinned,
  type Switch,
  type Switches,
  type SwitchName,
  shownValues,
  switchTable,
} from '../policy/switches.js';
import type { Env } from './env.js';

/** Checks `axis=value` choices and completes them from `base`. @throws {Trouble} POL-001 unknown axis, POL-002 bad value */
export function choosePolicies(
  choices: Readonly<Record<string, string>>,
  base: Policies = defaultPolicies,
): Policies {
  for (const [name, value] of Object.entries(choices)) {
    if (!isAxisName(name)) {
      throw new Trouble('POL-001', `no policy ${name}`, {
        actual: name,
        expected: Object.keys(axes).join(', '),
        hint: isSwitchName(name)
          ? `${name} is a switch: --switch ${name}=${value}`
          : (didYouMean(name, Object.keys(axes)) ?? 'xpr policies lists them'),
      });
    }
    if (!isPolicyValue(name, value)) {
      throw new Trouble('POL-002', `policy ${name} cannot be ${value}`, {
        actual: value,
        expected: shownValues(axes[name]).join(', '),
        hint: helpWith(value, axes[name]),
      });
    }
  }
  const chosen = { ...base, ...choices };
  invariant(isPolicies(chosen), 'policies that were checked are whole');
  return chosen;
}

/** Checks `switch=value` choices and completes them from `base`. @throws {Trouble} POL-003, POL-004 */
export function chooseSwitches(
  choices: Readonly<Record<string, string>>,
  base: Switches = defaultSwitches,
): Switches {
  for (const [name, value] of Object.entries(choices)) {
    if (!isSwitchName(name)) {
      throw new Trouble('POL-003', `no switch ${name}`, {
        actual: name,
        expected: Object.keys(switchTable).join(', '),
        hint: isAxisName(name)
          ? `${name} is a policy: --policy ${name}=${value}`
          : (didYouMean(name, Object.keys(switchTable)) ?? 'xpr policies lists them'),
      });
    }
    if (!isSwitchValue(name, value)) {
      throw new Trouble('POL-004', `switch ${name} cannot be ${value}`, {
        actual: value,
        expected: nearestValues(name, value).join(', '),
        hint: helpWith(value, switchTable[name]),
      });
    }
  }
  const chosen = { ...base, ...choices };
  invariant(isSwitches(chosen), 'switches that were checked are whole');
  return chosen;
}

/** Who writes a pattern such as `offset:N`, or something like it, is told what its letters are. */
function helpWith(value: string, { values, also }: Pick<Switch, 'values' | 'also'>): string {
  if (also !== undefined && near(value, [also.shown]).length > 0) return `${also.shown}: ${also.letters}`;
  return didYouMean(value, values) ?? 'xpr policies lists the values';
}

/**
 * Switches of another run: a release that is named is stored by its point release, the recorded ones stay as they were
 * written.
 * @throws {Trouble} POL-003, POL-004
 */
export function otherSwitches(chosen: Readonly<Record<string, string>>, { switches }: Env): Switches {
  const all = chooseSwitches(chosen, switches);
  return chosen['xen'] === undefined ? all : pinned(all);
}

/** The values of a switch; of a long list of releases those near the one that is not there. */
function nearestValues(name: SwitchName, value: string): readonly string[] {
  const shown = shownValues(switchTable[name]);
  return shown.length <= FEW ? shown : nearReleases(value, shown);
}

/** More values than a line can show. */
const FEW = 12;

/** Checks the behaviour numbers of a trace. @throws {Trouble} POL-005 a number this version does not know */
function chooseBehaviour(numbers: readonly number[]): readonly number[] {
  const unknown = unknownBehaviour(numbers);
  if (unknown.length === 0) return numbers;
  throw new Trouble(
    'POL-005',
    `the trace has behaviour ${unknown.join(', ')}, which this version does not know`,
    {
      actual: numbers.join(', '),
      expected: currentBehaviour.length === 0 ? 'none' : currentBehaviour.join(', '),
      hint: 'the trace was written by a newer version of xpr',
    },
  );
}

/** The platform in a header. @throws {Trouble} LOG-016 when it is none */
export function platformOf({ platform }: TraceHeader): Platform {
  const misfit = platformMisfit(platform);
  if (misfit === null) return platform as Platform;
  throw logTrouble('LOG-016', 'the platform is not as one should be', {
    at: { path: misfit.path },
    expected: misfit.expected,
  });
}

/**
 * The environment a trace was recorded in.
 * @throws {Trouble} LOG-016 no platform; POL-001 to POL-005 for choices this version does not know
 */
export function envOf(header: TraceHeader): Env {
  return {
    platform: platformOf(header),
    policies: inHeader('policies', header.policies, choosePolicies),
    switches: inHeader('switches', header.switches, chooseSwitches),
    behaviour: chooseBehaviour(header.behaviour),
  };
}

/** Completes the choices of a header; what is wrong is told with its place. */
function inHeader<T>(
  entry: string,
  choices: Readonly<Record<string, string>>,
  choose: (choices: Readonly<Record<string, string>>) => T,
): T {
  for (const [name, value] of Object.entries(choices)) {
    try {
      choose({ [name]: value });
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      throw new Trouble(error.code, error.message, { ...error.detail, at: { path: `${entry}.${name}` } });
    }
  }
  return choose(choices);
}
