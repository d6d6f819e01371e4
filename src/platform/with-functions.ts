import type { Platform, PlatformFunction } from './platform.js';

/** The same platform with these functions in place of the ones it had: what a tree or table cannot say. */
export function withFunctions(platform: Platform, functions: readonly PlatformFunction[]): Platform {
  return { ...platform, functions };
}
