import { limits } from '../../base/limits.js';
import type { XenstoreRecord } from './record.js';

type RequestRecord = Extract<XenstoreRecord, { is: 'request' }>;

/**
 * Gives each request the transaction it most likely belongs to; the log does not say. One sent after the reply that
 * opened a transaction and before its end is taken to be inside, unless its watch events show that it was not, or the
 * transaction was abandoned, which only readers do.
 *
 * Records go on in their order as soon as nothing can change them any more. Of a transaction that does not end, no more
 * is held than `limits.xenstoredAheadRecords` records and `limits.xenstoredAheadCharacters` characters: what is older
 * stays as it is.
 */
export class Transactions {
  readonly #give: (record: XenstoreRecord) => void;
  /** Records that are held, and the place of the first: places count from the start of the log. */
  #records: XenstoreRecord[] = [];
  #sizes: number[] = [];
  #first = 0;
  #characters = 0;
  /** Place of the first record that is not looked at yet, and how far its watch events have been looked for. */
  #next = 0;
  #searched = 0;
  /** Open transactions of a connection, the latest last. */
  readonly #open = new Map<string, Open[]>();
  #openCount = 0;
  /** Held records at which it is worth while to see what can go on. */
  #nextGiving = GIVE_EVERY;

  constructor(give: (record: XenstoreRecord) => void) {
    this.#give = give;
  }

  take(record: XenstoreRecord, characters: number): void {
    this.#records.push(record);
    this.#sizes.push(characters);
    this.#characters += characters;
    this.#look(false);
    const { xenstoredAheadRecords, xenstoredAheadCharacters } = limits;
    if (this.#records.length > xenstoredAheadRecords || this.#characters > xenstoredAheadCharacters) {
      this.#drop(this.#first + (this.#records.length >> 1));
    } else if (this.#records.length >= this.#nextGiving) this.#giveUpTo(this.#firstOpen());
  }

  /** The log has ended: nothing more is known. */
  end(): void {
    this.#look(true);
    this.#giveUpTo(this.#next);
  }

  /** Looks at records until one waits for what comes after it. */
  #look(isLast: boolean): void {
    while (this.#next < this.#first + this.#records.length) {
      const record = this.#at(this.#next);
      const inside = this.#insideOf(record);
      if (inside !== null && record.is === 'request') {
        const fires = isChange(record) ? this.#firesAtOnce(record) : false;
        if (fires === null && !isLast) return;
        this.#place(record, inside, fires === true);
      } else this.#note(record);
      this.#next += 1;
      this.#searched = 0;
    }
  }

  /** The open transactions a request may be in; null for every other record. */
  #insideOf(record: XenstoreRecord): Open[] | null {
    if (record.is !== 'request' || record.op === 'TRANSACTION_START') return null;
    const open = this.#open.get(record.conn);
    return open === undefined || open.length === 0 ? null : open;
  }

  /** Opens and ends of what a record speaks of. */
  #note(record: XenstoreRecord): void {
    if (record.is === 'disconnect') {
      this.#openCount -= this.#open.get(record.conn)?.length ?? 0;
      this.#open.delete(record.conn);
    }
    if (record.is !== 'reply' || record.op !== 'TRANSACTION_START') return;
    const open = this.#open.get(record.conn) ?? [];
    open.push(new Open(Number(record.data)));
    this.#open.set(record.conn, open);
    this.#openCount += 1;
    if (this.#openCount <= limits.xenstoredTransactions) return;
    const [oldest, list] = this.#open.entries().next().value as [string, Open[]];
    list.shift();
    this.#openCount -= 1;
    if (list.length === 0) this.#open.delete(oldest);
  }

  #place(record: RequestRecord, open: Open[], outside: boolean): void {
    const last = open.at(-1)!;
    if (outside) {
      // What led to a change outside was read outside.
      for (const member of last.takeOut(record.path)) this.#move(member, 0, () => true);
      return;
    }
    this.#set(this.#next, { ...record, tx: last.id });
    if (record.op !== 'TRANSACTION_END') {
      last.join(this.#next, record.path);
      return;
    }
    open.pop();
    this.#openCount -= 1;
    if (open.length === 0) this.#open.delete(record.conn);
    if (record.value === 'F') this.#abandon(last.members, open.at(-1) ?? null);
  }

  /** With another one open it was that one's: a kernel runs several at a time over its one connection. */
  #abandon(members: readonly number[], other: Open | null): void {
    const changed = new Set(members.flatMap((member) => changedPath(this.#held(member))));
    for (const member of members) {
      const moved = this.#move(
        member,
        other?.id ?? 0,
        (one) => isChange(one) || (other !== null && changed.has(one.path)),
      );
      if (moved && other !== null) other.join(member, pathOf(this.#held(member)));
    }
  }

  /** Gives a held request another transaction. @returns Whether it was one that `which` takes */
  #move(place: number, tx: number, which: (record: RequestRecord) => boolean): boolean {
    const record = this.#held(place);
    if (record?.is !== 'request' || !which(record)) return false;
    this.#set(place, { ...record, tx });
    return true;
  }

  /**
   * A change made outside shows itself: its watch events come before its own reply.
   * @returns null where neither has come yet
   */
  #firesAtOnce(request: RequestRecord): boolean | null {
    const end = this.#first + this.#records.length;
    for (let at = Math.max(this.#next + 1, this.#searched); at < end; at++) {
      const record = this.#at(at);
      if (record.is === 'reply' && record.conn === request.conn) return false;
      if (record.is !== 'event') continue;
      if (record.path === request.path || request.path.endsWith(`/${record.path}`)) return true;
    }
    this.#searched = end;
    return null;
  }

  /** The first place that an open transaction may still change. */
  #firstOpen(): number {
    let first = this.#next;
    for (const list of this.#open.values()) {
      for (const { members } of list) for (const member of members) first = Math.min(first, member);
    }
    return first;
  }

  /** Lets go of everything before a place, whatever may be said of it later. */
  #drop(place: number): void {
    while (this.#next < place) {
      const record = this.#at(this.#next);
      const inside = this.#insideOf(record);
      if (inside !== null && record.is === 'request') this.#place(record, inside, false);
      else this.#note(record);
      this.#next += 1;
      this.#searched = 0;
    }
    for (const list of this.#open.values()) {
      for (const one of list) one.keepFrom(place);
    }
    this.#giveUpTo(place);
    this.#look(false);
  }

  #giveUpTo(place: number): void {
    const count = place - this.#first;
    for (let i = 0; i < count; i++) {
      this.#give(this.#records[i]!);
      this.#characters -= this.#sizes[i]!;
    }
    this.#records = this.#records.slice(count);
    this.#sizes = this.#sizes.slice(count);
    this.#first = place;
    this.#nextGiving = 2 * this.#records.length + GIVE_EVERY;
  }

  #at(place: number): XenstoreRecord {
    return this.#records[place - this.#first]!;
  }

  /** A record that is still held. */
  #held(place: number): XenstoreRecord | undefined {
    return place < this.#first ? undefined : this.#records[place - this.#first];
  }

  #set(place: number, record: XenstoreRecord): void {
    this.#records[place - this.#first] = record;
  }
}

const GIVE_EVERY = 256;

/** An open transaction. */
class Open {
  readonly id: number;
  /** Places of the requests that are taken to be inside. */
  members: number[] = [];
  /** Those not yet known to be outside, by path. */
  readonly #byPath = new Map<string, number[]>();

  constructor(id: number) {
    this.id = id;
  }

  join(place: number, path: string): void {
    this.members.push(place);
    const same = this.#byPath.get(path);
    if (same === undefined) this.#byPath.set(path, [place]);
    else same.push(place);
  }

  /** Members about a path that are told for the first time to be outside. */
  takeOut(path: string): readonly number[] {
    const places = this.#byPath.get(path) ?? [];
    this.#byPath.delete(path);
    return places;
  }

  /** Forgets members before a place. */
  keepFrom(place: number): void {
    this.members = this.members.filter((member) => member >= place);
    for (const [path, places] of this.#byPath) {
      const kept = places.filter((member) => member >= place);
      if (kept.length === 0) this.#byPath.delete(path);
      else this.#byPath.set(path, kept);
    }
  }
}

const pathOf = (record: XenstoreRecord | undefined): string => (record?.is === 'request' ? record.path : '');

const changedPath = (record: XenstoreRecord | undefined): string[] =>
  record?.is === 'request' && isChange(record) ? [record.path] : [];

const isChange = ({ op }: RequestRecord): boolean => op === 'WRITE' || op === 'RM' || op === 'MKDIR';
