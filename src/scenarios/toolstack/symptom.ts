import type { MachineView } from '../../machine/program.js';
import { type Dom0Sbdf, parseSbdf } from '../../pci/sbdf.js';
import { defaultX86Facts, type ReservedRegion } from '../../platform/platform.js';
import type { Scenario } from '../scenario.js';
import { machineWith, rtl8139, type Wired } from './functions.js';
import type { Part } from './parts.js';

/** A case in the words of whoever runs into it. */
export interface Symptom {
  readonly name: string;
  readonly title: string;
  /** Row of facts/dom0 Appendix C, or another section. */
  readonly source: string;
  readonly shows: string;
  readonly expects?: readonly string[];
  readonly before?: NonNullable<Scenario['before']>;
  readonly devices: readonly Wired[];
  /** Memory that firmware keeps for devices. */
  readonly regions?: readonly ReservedRegion[];
  readonly policies?: NonNullable<Scenario['policies']>;
  readonly switches?: NonNullable<Scenario['switches']>;
  story(machine: MachineView): Part;
}

/** The releases the recordings were made with. */
export const release417 = { xen: '4.17', linux: '6.1.192' } as const;

/** A second card of the same kind, for cases that need two. */
export const secondCard: Wired = {
  ...rtl8139,
  name: '0000:07:02.0',
  described: {
    ...rtl8139.described,
    name: '0000:07:02.0',
    function: (parseSbdf<Dom0Sbdf>('0000:07:02.0')! & 0xffff) as typeof rtl8139.described.function,
  },
};

/** Puts a case on a machine of its own. */
export const toScenario = ({ devices, regions, story, expects, ...rest }: Symptom): Scenario => ({
  ...rest,
  expects: expects ?? [],
  takesPlatform: false,
  platform: () => {
    const machine = machineWith(devices.map((one) => (one.name === secondCard.name ? secondCard : one)));
    return regions === undefined
      ? machine
      : { ...machine, x86: { ...defaultX86Facts, reservedRegions: regions } };
  },
  programs: () => ({ administrator: story }),
});
