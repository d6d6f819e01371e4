import { limits } from '../../src/base/limits.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import type { Platform } from '../../src/platform/platform.js';
import { GistBook, type PlaceOf } from './gist.js';
import type { Reason } from './reason.js';

/** An access whose owner, value or interrupt differs, in one line for each run. */
export interface AccessChange {
  readonly seq: number;
  readonly recorded: string;
  readonly variant: string;
  /** The register of configuration space it reached for, `ssss:bb:dd.f+0xrr`; null for others. */
  readonly register: string | null;
  /** Which rule of the design chose who answers; null for what is no access. */
  readonly recordedReason: Reason | null;
  readonly variantReason: Reason | null;
}

export interface AccessChanges {
  /** The first that differ, by place: all up to the last of them. */
  readonly accesses: readonly AccessChange[];
  /** All that differ. */
  readonly changedAccesses: number;
}

/**
 * What two runs say of each access. An access about which they agree is forgotten once it is over, of those that differ
 * the first are told and the others counted, so that memory grows neither with the runs nor with their differences.
 */
export class AccessBook {
  readonly before: GistBook;
  readonly after: GistBook;
  /** Accesses spoken of since the last input. */
  #touched = new Set<number>();
  /** Accesses that differ or are under way. */
  readonly #live = new Set<number>();
  /** Differing ones that are only counted, and the first place of one. */
  #counted = 0;
  #countedFrom = Number.POSITIVE_INFINITY;

  constructor(recorded: Platform, variant: Platform) {
    this.before = new GistBook(recorded);
    this.after = new GistBook(variant);
  }

  /** The recording's side of an access; arguments as of `GistBook.note`. */
  noteBefore(access: number, kind: string, event: TraceEvent): void {
    this.#touch(this.before.note(access, kind, event, null));
  }

  noteAfter(access: number, kind: string, event: TraceEvent, places: PlaceOf): void {
    this.#touch(this.after.note(access, kind, event, places));
  }

  #touch(access: number | null): void {
    if (access !== null) this.#touched.add(access);
  }

  /** Both runs are done with an input. */
  settle(): void {
    for (const access of this.#touched) {
      if (this.#differs(access) || !this.before.isClosed(access) || !this.after.isClosed(access)) {
        this.#live.add(access);
      } else {
        this.#forget(access);
      }
    }
    this.#touched = new Set();
    if (this.#live.size > limits.whatIfAccesses + limits.whatIfOpen) this.#count();
  }

  #differs(access: number): boolean {
    return this.before.about(access) !== this.after.about(access);
  }

  #forget(access: number): void {
    this.before.forget(access);
    this.after.forget(access);
    this.#live.delete(access);
  }

  /** Takes the older half of what comes behind those that are told out of the books. */
  #count(): void {
    const places = [...this.#live].sort((a, b) => a - b);
    const counted = places.slice(limits.whatIfAccesses, limits.whatIfAccesses + limits.whatIfOpen / 2);
    for (const access of counted) {
      if (this.#differs(access)) {
        this.#counted += 1;
        this.#countedFrom = Math.min(this.#countedFrom, access);
      }
      this.#forget(access);
    }
  }

  changes(): AccessChanges {
    const differing = [...this.#live].sort((a, b) => a - b).filter((access) => this.#differs(access));
    const told = differing.filter((access) => access < this.#countedFrom).slice(0, limits.whatIfAccesses);
    return {
      accesses: told.map((seq) => ({
        seq,
        recorded: this.before.about(seq),
        variant: this.after.about(seq),
        register: this.before.register(seq) ?? this.after.register(seq),
        recordedReason: this.before.why(seq),
        variantReason: this.after.why(seq),
      })),
      changedAccesses: differing.length + this.#counted,
    };
  }
}
