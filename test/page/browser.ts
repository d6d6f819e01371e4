import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const executablePath = '/usr/bin/chromium';

/** Debian's browser; null and a printed reason where it is not installed, an error where tests have to be whole. */
export async function openBrowser(): Promise<Browser | null> {
  if (existsSync(executablePath)) {
    // A folder of its own for the user's data comes with each launch.
    return chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  }
  const reason = 'chromium is not installed: the bundle for a page is not run in a browser';
  if (process.env['CI'] === 'true') throw new Error(reason);
  process.stderr.write(`skipped: ${reason}\n`);
  return null;
}
