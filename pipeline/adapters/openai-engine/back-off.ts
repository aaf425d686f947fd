const firstSeconds = 0.25;
const longestSeconds = 8;
const longestRetryAfterSeconds = 60;

/**
 * Milliseconds to wait after the failure with this number, counted from 0: 0.25 s doubling to 8 s, of which `random`
 * (in [0, 1)) takes up to half off, so that candidates that failed together do not come back together. A server's
 * own Retry-After counts if it is longer, up to 60 s.
 */
export function backOff(failures: number, random: number, retryAfterSeconds = 0): number {
  const seconds = Math.min(longestSeconds, firstSeconds * 2 ** failures) * (1 - random / 2);
  return Math.round(1000 * Math.max(seconds, Math.min(retryAfterSeconds, longestRetryAfterSeconds)));
}

/** Resolves after so many milliseconds, or as soon as the signal aborts. */
export function sleepUnlessAborted(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    signal.addEventListener("abort", finish);
  });
}
