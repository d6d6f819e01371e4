/** Published Xen releases that the models know, oldest first: the tags RELEASE-x.y.z of Xen's repository up to August 2026. */
export const xenReleases = [
  ...(['4.17.0', '4.17.1', '4.17.2', '4.17.3', '4.17.4', '4.17.5', '4.17.6', '4.17.7'] as const),
  ...(['4.18.0', '4.18.1', '4.18.2', '4.18.3', '4.18.4', '4.18.5', '4.18.6'] as const),
  ...(['4.19.0', '4.19.1', '4.19.2', '4.19.3', '4.19.4', '4.19.5', '4.19.6'] as const),
  ...(['4.20.0', '4.20.1', '4.20.2', '4.20.3', '4.20.4'] as const),
  ...(['4.21.0', '4.21.1', '4.21.2'] as const),
  '4.22.0',
] as const;

type MinorOf<Release> = Release extends `${infer Major}.${infer Minor}.${string}`
  ? `${Major}.${Minor}`
  : never;

/** Not published yet: Xen's master branch, read in August 2026. */
export const xenMaster = '4.23';

/**
 * Minors of Xen: a minor means its newest point release above, which is how the models read each stable branch.
 * @see {@link newestOf}
 */
export const xenMinors = ['4.17', '4.18', '4.19', '4.20', '4.21', '4.22', xenMaster] as const;

export type XenPoint = (typeof xenReleases)[number];
export type XenMinor = MinorOf<XenPoint> | typeof xenMaster;
export type XenRelease = XenPoint | XenMinor;

/** Point releases of Linux 6, the first of a series written with its 0. */
export type LinuxRelease = `6.${number}.${number}`;

/** Series of Linux 6 that have ended, with their last point release; the others are still looked after. */
const lastOfLinux: Readonly<Record<number, number>> = {
  0: 19,
  2: 16,
  3: 13,
  4: 16,
  5: 13,
  7: 12,
  8: 12,
  9: 12,
  10: 14,
  11: 11,
  13: 12,
  14: 11,
  15: 11,
  16: 12,
  17: 13,
};
const NEWEST_LINUX_SERIES = 19;

export function isLinuxRelease(text: string): text is LinuxRelease {
  const parts = /^6\.(0|[1-9]\d?)\.(0|[1-9]\d{0,2})$/.exec(text);
  if (parts === null) return false;
  const series = Number(parts[1]);
  return series <= NEWEST_LINUX_SERIES && Number(parts[2]) <= (lastOfLinux[series] ?? 999);
}

/** Releases of QEMU the model follows, each with what its stable branch carries at the end. */
export const qemuReleases = ['7.2', '8.2', '9.2', '10.0', '10.2'] as const;
export type QemuRelease = (typeof qemuReleases)[number];

/** Compares dotted release numbers part by part; a missing part counts as 0. Negative, zero or positive. */
export function compareReleases(a: string, b: string): number {
  const left = parts(a);
  const right = parts(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The branch a release stands on: `4.19` for 4.19.4 and for 4.19. */
export const minorOf = (release: string): string => parts(release).slice(0, 2).join('.');

/** The point release a minor of Xen stands for; every other text, master among them, stands for itself. */
export function newestOf<Release extends string>(release: Release): Release | XenPoint {
  return xenReleases.findLast((point) => minorOf(point) === release) ?? release;
}

/**
 * Releases a user may have meant: those that agree with the text up to its last part, the nearest number first; the
 * newest ones when none does.
 */
export function nearReleases(text: string, known: readonly string[], most = 4): readonly string[] {
  const wanted = parts(text);
  const distance = (release: string): number => {
    const own = parts(release);
    const shared = wanted.findIndex((part, i) => part !== own[i]);
    const at = shared < 0 ? wanted.length : shared;
    return (3 - at) * 1000 + Math.abs((wanted[at] ?? 0) - (own[at] ?? 0));
  };
  return [...known]
    .map((release, i) => ({ release, i, far: wanted.some(Number.isNaN) ? -i : distance(release) }))
    .sort((a, b) => a.far - b.far || b.i - a.i)
    .slice(0, most)
    .map(({ release }) => release);
}

/** Models ask on every hypercall: a release is taken apart once. The texts come from the tables above and the sources. */
const known = new Map<string, readonly number[]>();

function parts(release: string): readonly number[] {
  let numbers = known.get(release);
  if (numbers === undefined) {
    numbers = release.split('.').map(Number);
    known.set(release, numbers);
  }
  return numbers;
}

const isXenRelease = (text: string): text is XenRelease =>
  [...xenMinors, ...xenReleases].some((one) => one === text);

/** The release a banner states (`4.17.7`, `4.17`), or its minor where the point release is not known; null for others. */
export function statedXen(text: string | null): XenRelease | null {
  if (text === null) return null;
  return [text, minorOf(text)].find(isXenRelease) ?? null;
}
