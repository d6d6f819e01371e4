import { Trouble } from '../base/errors.js';
import { didYouMean } from '../base/near.js';

/** A name of a list that is not in it, with those that may be meant and the verb that has all. */
export const unknownName = (
  code: string,
  what: string,
  name: string,
  known: readonly string[],
  list: string,
): Trouble =>
  new Trouble(code, `no ${what} ${name}`, {
    actual: name,
    hint: [didYouMean(name, known), `xpr ${list} lists them`].filter((part) => part !== null).join('; '),
  });
