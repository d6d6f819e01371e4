import { brokeOff } from '../events/broke-off.js';
import type { KindName, TraceEvent } from '../events/catalogue.js';
import type { Env } from '../state/env.js';
import { evolve, initialWorld, type World } from '../state/world.js';
import { FindingBook, type Findings } from './finding-book.js';
import { rules } from './index.js';
import type { Finding, Rule, Watching } from './rule.js';
import { ServerNames } from './server-names.js';
import { Shared } from './shared.js';

type AnyCheck = (event: TraceEvent, watching: Watching) => void;

export interface JudgeOptions {
  /** Rule codes or families (`SEG`) to run; null for all. */
  readonly only?: readonly string[] | null;
  /** The world before the first event; the initial one unless given. */
  readonly world?: World;
  /** Who made the servers that live before the first event. */
  readonly servers?: ServerNames;
  /** Takes every finding, also those that are only counted. */
  readonly each?: (finding: Finding) => void;
}

/**
 * Runs rules over a stream of events, one event at a time; keeps the world it folds and a bounded number of findings.
 */
export class Judge {
  readonly #env: Env;
  readonly #world: World;
  readonly #servers: ServerNames;
  readonly #checks = new Map<KindName, { readonly rule: Rule; readonly check: AnyCheck }[]>();
  readonly #book = new FindingBook();
  readonly #each: (finding: Finding) => void;
  #events = 0;

  constructor(env: Env, { only = null, world, servers, each }: JudgeOptions = {}) {
    this.#servers = servers ?? new ServerNames();
    this.#env = env;
    this.#world = world ?? initialWorld(env);
    this.#each = each ?? (() => {});
    const shared = new Shared();
    for (const rule of rules) {
      const { code } = rule;
      if (only !== null && !only.some((one) => code === one || code.startsWith(`${one}-`))) continue;
      for (const [kind, check] of Object.entries(rule.watch(env, shared)) as [KindName, AnyCheck][]) {
        const list = this.#checks.get(kind) ?? [];
        list.push({ rule, check });
        this.#checks.set(kind, list);
      }
    }
  }

  get world(): World {
    return this.#world;
  }

  /** What was found so far, all of it counted. */
  get found(): Findings {
    return this.#book;
  }

  /** The findings that are kept: the first of each sort. */
  get findings(): readonly Finding[] {
    return this.#book.kept;
  }

  /** Events looked at. */
  get events(): number {
    return this.#events;
  }

  /** Folds one event and lets the rules look at it. @throws {Trouble} RUN-001 when a reducer or a rule gives way */
  see(event: TraceEvent): void {
    this.#look(event);
    this.#events += 1;
  }

  #look(event: TraceEvent): void {
    evolve(this.#world, event, this.#env);
    this.#servers.see(event);
    const checks = this.#checks.get(event.kind);
    if (checks === undefined) return;
    for (const { rule, check } of checks) {
      try {
        check(event, {
          env: this.#env,
          state: this.#world,
          serverName: (domid, server) => this.#servers.text(domid, server),
          report: (report) => {
            const finding = { ...report, rule: rule.code, severity: rule.severity, seq: event.seq };
            this.#book.add(finding);
            this.#each(finding);
          },
        });
      } catch (error) {
        throw brokeOff(error, `rule ${rule.code}`, event);
      }
    }
  }
}
