import { hex } from '../base/hex.js';
import { type FunctionId, formatFunction } from '../pci/function-id.js';
import { type Dom0Sbdf, formatSbdf } from '../pci/sbdf.js';
import { meantByDom0 } from './names.js';
import type { Rule } from './rule.js';

/** First access only: what follows on the same name repeats it. */
const reachedAnother: Rule = {
  code: 'CFG-001',
  severity: 'error',
  title: 'Xen reached the configuration space of another function',
  doc: 'While it carried out a request of Dom0, Xen read or wrote registers of a device Dom0 did not mean.',
  watch: () => {
    const reported = new Set<FunctionId>();
    return {
      'config.performed': ({ data }, { env, state, report }) => {
        if (env.platform.arch !== 'arm64' || data.function === null || reported.has(data.function)) return;
        const name = data.sbdf as number as Dom0Sbdf;
        const meant = meantByDom0(state, env, name);
        if (meant === null || meant === data.function) return;
        reported.add(data.function);
        report({
          message: `Xen ${data.dir === 'read' ? 'read' : 'wrote'} register ${hex(data.reg)} of ${formatFunction(data.function, env.platform)} as ${formatSbdf(data.sbdf)}; Dom0 calls ${formatFunction(meant, env.platform)} that`,
          function: meant,
          xenName: data.sbdf,
          dom0Name: name,
          evidence: { reg: data.reg, reached: formatFunction(data.function, env.platform) },
        });
      },
    };
  },
};

/** Rules about configuration accesses. */
export const configRules: readonly Rule[] = [reachedAnother];
