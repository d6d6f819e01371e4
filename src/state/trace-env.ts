import { Trouble } from '../base/errors.js';
import type { TraceHeader } from '../log/header.js';
import type { Platform } from '../platform/platform.js';
import { type AxisName, axes, defaultPolicies, isPolicyValue, type Policies } from '../policy/axes.js';
import { currentBehaviour, unknownBehaviour } from '../policy/behaviours.js';
import { defaultSwitches, type Switches, type SwitchName, switchTable } from '../policy/switches.js';
import type { Env } from './env.js';

/** Checks `axis=value` choices and completes them from `base`. @throws {Trouble} POL-001 unknown axis, POL-002 bad value */
export function choosePolicies(
  choices: Readonly<Record<string, string>>,
  base: Policies = defaultPolicies,
): Policies {
  for (const [name, value] of Object.entries(choices)) {
    if (!Object.hasOwn(axes, name)) {
      throw new Trouble('POL-001', `no policy ${name}`, {
        actual: name,
        expected: Object.keys(axes).join(', '),
        hint: 'xpr policies lists them',
      });
    }
    if (!isPolicyValue(name as AxisName, value)) {
      throw new Trouble('POL-002', `policy ${name} cannot be ${value}`, {
        actual: value,
        expected: axes[name as AxisName].values.join(', '),
        hint: 'xpr policies lists the values',
      });
    }
  }
  return { ...base, ...choices };
}

/** Checks `switch=value` choices and completes them from `base`. @throws {Trouble} POL-003, POL-004 */
export function chooseSwitches(
  choices: Readonly<Record<string, string>>,
  base: Switches = defaultSwitches,
): Switches {
  for (const [name, value] of Object.entries(choices)) {
    if (!Object.hasOwn(switchTable, name)) {
      throw new Trouble('POL-003', `no switch ${name}`, {
        actual: name,
        expected: Object.keys(switchTable).join(', '),
        hint: 'xpr policies lists them',
      });
    }
    const values: readonly string[] = switchTable[name as SwitchName].values;
    if (!values.includes(value)) {
      throw new Trouble('POL-004', `switch ${name} cannot be ${value}`, {
        actual: value,
        expected: values.join(', '),
        hint: 'xpr policies lists the values',
      });
    }
  }
  return { ...base, ...choices };
}

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

/** The environment a trace was recorded in. @throws {Trouble} POL-001 to POL-005 for choices this version does not know */
export function envOf(header: TraceHeader): Env {
  return {
    platform: header.platform as Platform,
    policies: choosePolicies(header.policies),
    switches: chooseSwitches(header.switches),
    behaviour: chooseBehaviour(header.behaviour),
  };
}
