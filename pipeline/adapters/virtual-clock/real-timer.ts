/** Calls back after so many milliseconds, unless it is cancelled by the returned function. */
export function realTimer(milliseconds: number, callback: () => void): () => void {
  // A timer's longest delay is 2^31 - 1 ms, 24.8 days; longer ones would fire at once. Of negative ones Node warns.
  const timer = setTimeout(callback, Math.max(0, Math.min(milliseconds, 2 ** 31 - 1)));
  return () => clearTimeout(timer);
}
