import type { Watching } from './rule.js';

/** Ordinary domains that are neither control nor hardware domain. */
export const isGuest = ({ state }: Watching, domid: number | null): domid is number =>
  domid !== null &&
  domid < 0x7ff0 &&
  state.domains[domid]?.hardware !== true &&
  state.domains[domid]?.privileged !== true;
