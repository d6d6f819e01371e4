import { readDevice } from '../messages/field.js';
import type { Listed, ListedBar, Place } from './evidence.js';

const HEAD = /^((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (\S.*)$/i;
const REGION =
  /^Region (\d): (Memory|I\/O ports) at ([0-9a-f]+)(?: \(.*?\))? (?:\[(?:disabled|virtual|ignored)\] )?.*\[size=(\d+)([KMGT]?)\]/i;
const MSIX = /MSI-X: Enable([+-]) Count=\d+ Masked([+-])/;
const DRIVER = /^Kernel driver in use: (\S+)/;
/** Words that begin a line of a device's block; others go on with the line before. */
const FIELD =
  /^(?:Control|Status|Latency|Interrupt|Region \d|Expansion ROM|Capabilities|Kernel|Subsystem|IOMMU|NUMA|Bus|I\/O behind|Memory behind|Prefetchable|Secondary|BridgeCtl|Flags|DeviceName|Physical Slot|Vector table|PBA|Address|Dev\w+|Lnk\w+|Slt\w+|Root\w+|UE\w+|CE\w+|AER\w+|Masking|Mapping)\b/;

/** Collects what `lspci -v` and its longer forms print, a line at a time. */
export class Listing {
  readonly #listed: Listed[] = [];
  #open: (Omit<Listed, 'bars'> & { bars: ListedBar[] }) | null = null;
  /** A line that may go on with the next. */
  #held: { text: string; place: Place } | null = null;
  #listing = 0;
  /** Nothing but the head of the open block has come. */
  #fresh = false;
  /** The device that a command asked for, whose block may come without its head. */
  #asked = '';

  /** Whether the line was one of a listing. */
  take(place: Place): boolean {
    const head = HEAD.exec(place.text);
    const device = head === null ? null : readDevice(head[1]!);
    if (head !== null && device !== null) {
      this.#close();
      if (this.#listed.some((one) => one.listing === this.#listing && one.device === device))
        this.#listing += 1;
      this.#fresh = true;
      this.#open = {
        device,
        title: head[2]!,
        bars: [],
        msix: null,
        driver: null,
        listing: this.#listing,
        place,
      };
      return true;
    }
    const text = place.text.trim();
    if (this.#open === null) {
      // A block without its head, as `lspci -s` of one device is often cut.
      const msix = MSIX.exec(text);
      if (msix === null) return false;
      this.#listed.push({
        device: this.#asked,
        title: '',
        bars: [],
        msix: { enabled: msix[1] === '+', masked: msix[2] === '+', place },
        driver: null,
        listing: this.#listing,
        place,
      });
      return true;
    }
    if (text === '') {
      this.#close();
      return false;
    }
    if (FIELD.test(text)) {
      this.#fresh = false;
      this.#field();
      this.#held = { text, place };
      return true;
    }
    if (this.#held === null && this.#fresh) {
      // A title that a mailer broke.
      this.#open = { ...this.#open, title: `${this.#open.title} ${text}` };
      return true;
    }
    if (!/^\s/.test(place.text) && this.#held === null) {
      this.#close();
      return false;
    }
    if (this.#held !== null) this.#held = { ...this.#held, text: `${this.#held.text} ${text}` };
    return true;
  }

  /** A heading or a prompt ends a listing. @param asked The device a command names, empty where it names none. */
  break(asked = ''): void {
    this.#asked = asked;
    if (this.#open !== null || this.#listed.length > 0) this.#listing += 1;
    this.#close();
  }

  end(): readonly Listed[] {
    this.#close();
    return this.#listed;
  }

  #close(): void {
    this.#field();
    if (this.#open !== null) this.#listed.push(this.#open);
    this.#open = null;
  }

  #field(): void {
    const held = this.#held;
    this.#held = null;
    const open = this.#open;
    if (held === null || open === null) return;
    const region = REGION.exec(held.text);
    if (region !== null) {
      open.bars.push({
        index: Number(region[1]),
        isMemory: region[2] === 'Memory',
        base: Number.parseInt(region[3]!, 16),
        sizeBytes: Number(region[4]) * (units[region[5]!.toUpperCase()] ?? 1),
      });
    }
    const msix = MSIX.exec(held.text);
    const driver = DRIVER.exec(held.text);
    this.#open = {
      ...open,
      msix:
        msix === null ? open.msix : { enabled: msix[1] === '+', masked: msix[2] === '+', place: held.place },
      driver: driver?.[1] ?? open.driver,
    };
  }
}

const units: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
