/** Xen stopped while it carried something out: nothing returns from it, and nobody decides anything any more. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}
