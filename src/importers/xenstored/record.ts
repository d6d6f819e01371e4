import type { XenstoreOp } from '../../events/kinds/xenbus.js';

/** One line of xenstored's access log that says something. */
export type XenstoreRecord =
  | { readonly is: 'connect'; readonly line: number; readonly conn: string; readonly domid: number }
  | { readonly is: 'disconnect'; readonly line: number; readonly conn: string }
  | {
      readonly is: 'request';
      readonly line: number;
      readonly conn: string;
      readonly time: string;
      readonly op: XenstoreOp;
      readonly path: string;
      readonly value: string | null;
      /** Transaction it belongs to, 0 outside any; deduced, the log does not say. */
      readonly tx: number;
    }
  | {
      readonly is: 'reply';
      readonly line: number;
      readonly conn: string;
      readonly op: string;
      readonly error: string | null;
      readonly data: string;
    }
  | {
      readonly is: 'event';
      readonly line: number;
      readonly conn: string;
      readonly path: string;
      readonly token: string;
    }
  /** An event was left out because an equal one still waited to be sent. */
  | {
      readonly is: 'dropped';
      readonly line: number;
      readonly domid: number;
      readonly path: string;
      readonly token: string;
    };
