import type { FunctionId } from '../pci/function-id.js';
import { type Dom0Sbdf, formatSbdf } from '../pci/sbdf.js';
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

const savedWithDevices: Rule = {
  code: 'PV-009',
  severity: 'warning',
  title: 'A guest was saved or migrated while it held a device',
  doc: 'libxl does not ask for devices before it saves: Xen refuses to log the writes of a guest that has one, so a live migration fails; an image of a guest that stands still has nothing of the device.',
  watch: () => ({
    'toolstack.finished': ({ data }, { state, report }) => {
      const job = state.toolstack.jobs[data.job];
      if (job === undefined || (job.op !== 'save' && job.op !== 'migrate')) return;
      const held = (Array.isArray(job.vars['held']) ? job.vars['held'] : []) as Dom0Sbdf[];
      if (held.length === 0) return;
      const names = held.map((one) => formatSbdf(one)).join(', ');
      report({
        message:
          data.rc === 0
            ? `the image of d${job.domid} has nothing of ${names}`
            : `d${job.domid} holds ${names}, and ${job.op === 'migrate' ? 'a live migration' : 'the save'} failed (rc ${data.rc})`,
        function: (state.linux.devices[held[0]!]?.function ?? null) as FunctionId | null,
        dom0Name: held[0]!,
        evidence: { domid: job.domid, op: job.op, rc: data.rc, devices: names },
      });
    },
  }),
};

/** Rules about sleep of the host and of guests. @source docs/models/toolstack.md, Suspend */
export const suspendRules: readonly Rule[] = [lostPower, savedWithDevices];
