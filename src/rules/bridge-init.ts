import { bridgeAnswers } from '../models/hardware/bridge-init.js';
import { bridgeOf, type FunctionId, formatFunction } from '../pci/function-id.js';
import { about } from './msi.js';
import type { Rule, Watching } from './rule.js';

const tooEarly: Rule = {
  code: 'CFG-002',
  severity: 'error',
  title: 'A bridge was touched before its initialisation',
  doc: 'A configuration access went to a host bridge whose window or link was not up: it hits nothing valid.',
  watch: () => {
    const reported = new Set<number>();
    const check = (fn: FunctionId | null, watching: Watching): void => {
      const { env, state } = watching;
      if (fn === null || bridgeAnswers(state, env, fn) || reported.has(bridgeOf(fn))) return;
      reported.add(bridgeOf(fn));
      const cfgBase = env.platform.bridges[bridgeOf(fn)]?.cfgBase;
      const steps = Object.keys(cfgBase === undefined ? {} : (state.bridgeInit[cfgBase] ?? {}));
      watching.report(
        about(
          watching,
          fn,
          `${formatFunction(fn, env.platform)} was accessed before its bridge was up (${steps.length === 0 ? 'no step is done' : `done: ${steps.join(', ')}`})`,
          { steps },
        ),
      );
    };
    return {
      'config.completed': ({ data }, watching) => check(data.function, watching),
      'config.performed': ({ data }, watching) => check(data.function, watching),
    };
  },
};

/** Rules about bridges that need software before they answer. */
export const bridgeInitRules: readonly Rule[] = [tooEarly];
