import type { MachineView } from '../../machine/program.js';
import type { Scenario } from '../scenario.js';
import type { Part } from '../segments/boot.js';

/** A scenario whose parties act one after the other: one program. */
export interface Story extends Omit<Scenario, 'programs' | 'takesPlatform'> {
  story(machine: MachineView): Part;
}

/** Stories name their controllers and cards, so they run on their own platform only. */
export function scenario({ story, ...rest }: Story): Scenario {
  return { ...rest, takesPlatform: false, programs: () => ({ story }) };
}
