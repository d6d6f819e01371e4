import { spawnSync } from 'node:child_process';

/** Why no file system can be mounted for a test alone; null when it can. Fails where `CI=true`. */
export const unprivate: string | null = (() => {
  const { status, stderr, error } = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt'], {
    encoding: 'utf8',
  });
  if (status === 0) return null;
  const reason = `no private mount: ${error?.message ?? stderr.trim()}`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  console.warn(`skipped, ${reason}`);
  return reason;
})();
