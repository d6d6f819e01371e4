import type { BridgeTable, FunctionId } from '../pci/function-id.js';
import type { Field, Fields, RecordObject } from './field.js';

/** An input could not be known in advance; an outcome follows from state and input. */
export type Role = 'input' | 'outcome';

/** Payload of an event with these fields. */
export type DataOfFields<F extends Fields> = {
  readonly [N in keyof F]: F[N] extends Field<infer T> ? T : never;
};

/** One event kind as data: all that anybody says of it, from the columns of the file to the page of a comparison. */
export interface Kind<R extends Role = Role, F extends Fields = Fields> {
  readonly role: R;
  readonly doc: string;
  readonly fields: F;
  readonly told: readonly Teller[];
  readonly whose: string | null;
  readonly reads: string;
  readonly decidedBy: string | null;
  readonly accident: boolean;
  gist(data: DataOfFields<F>, bridges: BridgeTable): string | null;
  step(data: DataOfFields<F>): string | null;
  note(data: DataOfFields<F>, by: string): LifeNote | null;
  request(data: DataOfFields<F>): RequestPart | null;
  holds(data: DataOfFields<F>): readonly Held[];
}

/**
 * Who can tell that an event happened: the machine's devices, buses and IOMMUs; a guest, by what it asks, reads and is
 * interrupted by; the toolstack and the kernel of the hardware domain, which keep books; or nobody but Xen and the
 * device models inside. A request is told by whoever tells its answer, so that an answer keeps its question.
 */
export const tellers = ['hardware', 'guest', 'toolstack', 'inside'] as const;
export type Teller = (typeof tellers)[number];
type Bookkeeper = 'toolstack' | 'inside';

/** What an event adds to the account of a step in the life of a device. */
export interface LifeNote {
  readonly result?: 'done' | 'failed' | 'killed' | 'nobody';
  /** An error or a warning as it was printed. */
  readonly message?: string;
  /** What a command printed. */
  readonly printed?: string;
  /** `<who> <method>`. */
  readonly reset?: string;
}

/** Part of the way of a request that a device sends: it begins, it is no request to memory, or it ended somewhere. */
export type RequestPart =
  | { readonly is: 'begun'; readonly sender: FunctionId }
  | { readonly is: 'message' }
  | { readonly is: 'ended'; readonly where: string };

/** Bytes or a register that an event carries and that can be taken apart. */
export type Held =
  | { readonly is: 'call'; readonly hypercall: string; readonly op: string; readonly args: RecordObject }
  | { readonly is: 'register'; readonly reg: number; readonly size: number; readonly value: number | null }
  /** Four 64-bit words as 0x and 16 digits. */
  | {
      readonly is: 'smmu-record' | 'its-command';
      readonly words: readonly [string, string, string, string];
    }
  | { readonly is: 'message'; readonly address: number; readonly data: number; readonly label?: string }
  | { readonly is: 'cf8' | 'gflags'; readonly value: number };

/** What every kind says of itself beside its fields. */
interface Traits<F extends Fields, S extends string> {
  readonly told: Teller | readonly Teller[];
  /**
   * The event in one line, a clause without its full stop: `{field}` is the field's value, `{flag?yes:no}` one of two
   * texts, and what stands in `[]` is left out when a field in it is null.
   */
  readonly reads: S & (NamesIn<S> extends keyof F ? unknown : never);
  /**
   * Field with the domain that can tell: its id, or its connection to XenStore; null in it is nobody. Else it is
   * `domid`, and where there is none the domain of the input that the event follows from.
   */
  readonly whose?: keyof F & string;
  readonly holds?: (data: DataOfFields<F>) => readonly Held[];
  readonly note?: (data: DataOfFields<F>, by: string) => LifeNote | null;
  readonly request?: (data: DataOfFields<F>) => RequestPart | null;
}

/** Fields that a line of text names. */
type NamesIn<S extends string> = S extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${infer Flag}?${string}` ? Flag : Name) | NamesIn<Rest>
  : never;

interface InputTraits<F extends Fields, S extends string> extends Traits<F, S> {
  /** The rule that decides what follows, and where it is written down. */
  readonly decidedBy: string;
  /** What an administrator, a guest or an accident does with it, where a step in the life of a device begins. */
  readonly step?: (data: DataOfFields<F>) => string;
  /** The step is an accident: somebody may forget what he knew. */
  readonly accident?: true;
}

/** Owner, value or interrupt, as one looks for them when designs are compared; null for nothing to say. */
type Gist<F extends Fields> = (data: DataOfFields<F>, bridges: BridgeTable) => string | null;

/** An outcome that hardware or guests can tell has a gist, or says that it is an inner step: null. */
type OutcomeTraits<F extends Fields, S extends string> = Traits<F, S> &
  (
    | { readonly told: Bookkeeper | readonly Bookkeeper[]; readonly gist?: Gist<F> }
    | { readonly gist: Gist<F> | null }
  );

/** A kind of input. */
export const input = <const F extends Fields, const S extends string>(
  doc: string,
  fields: F,
  traits: InputTraits<F, S>,
): Kind<'input', F> => ({
  role: 'input',
  doc,
  fields,
  ...shared(traits),
  decidedBy: traits.decidedBy,
  accident: traits.accident ?? false,
  gist: nothing,
  step: traits.step ?? nothing,
});

/** A kind of outcome. */
export const outcome = <const F extends Fields, const S extends string>(
  doc: string,
  fields: F,
  traits: OutcomeTraits<F, S>,
): Kind<'outcome', F> => ({
  role: 'outcome',
  doc,
  fields,
  ...shared(traits),
  decidedBy: null,
  accident: false,
  gist: traits.gist ?? nothing,
  step: nothing,
});

const nothing = (): null => null;

const shared = <F extends Fields, S extends string>(traits: Traits<F, S>) => ({
  told: typeof traits.told === 'string' ? [traits.told] : traits.told,
  reads: traits.reads,
  whose: traits.whose ?? null,
  holds: traits.holds ?? (() => []),
  note: traits.note ?? nothing,
  request: traits.request ?? nothing,
});
