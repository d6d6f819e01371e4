import type { FunctionId } from '../pci/function-id.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Rule } from './rule.js';

const messagesText = {
  none: '',
  restored: '',
  refused: '; Xen refused to write its message interrupts again',
  lost: '; nobody asked Xen to write its message interrupts again',
} as const;

const lostPower: Rule = {
  code: 'PV-008',
  severity: 'error',
  title: 'A device of a guest lost its power while the machine slept',
  doc: 'Linux restores the configuration header of a device that a guest holds, and its message interrupts only when a PV guest had them switched on through pciback; what the guest set in the device itself is gone, and nobody tells the guest.',
  watch: () => ({
    'linux.device-woke': ({ data }, { state, report }) => {
      const holder = data.domid === null ? undefined : state.domains[data.domid];
      if (holder === undefined || holder.hardware) return;
      const registers = data.registers === '' ? '' : `; not restored: ${data.registers}`;
      report({
        message: `${formatSbdf(data.sbdf)} lost its power while d${data.domid} holds it, and d${data.domid} was not told${registers}${messagesText[data.messages]}`,
        function: (state.linux.devices[data.sbdf]?.function ?? null) as FunctionId | null,
        dom0Name: data.sbdf,
        evidence: { domid: data.domid, registers: data.registers, messages: data.messages },
      });
    },
  }),
};

/** Rules about sleep of the host and of guests. @source docs/models/toolstack.md, Suspend */
export const suspendRules: readonly Rule[] = [lostPower];
