import type { Clock } from "../../stages/ports.ts";

/** Real time that passes `speedUp` times as fast, from 0 on. Timers are as exact as the machine's, times `speedUp`. */
export function scaledClock(speedUp: number): Clock {
  const began = performance.now();
  return {
    now: () => (performance.now() - began) * speedUp,
    after(milliseconds, callback) {
      // A timer's longest delay is 2^31 - 1 ms, 24.8 days; longer ones would fire at once. Of negative ones Node warns.
      const timer = setTimeout(callback, Math.max(0, Math.min(milliseconds / speedUp, 2 ** 31 - 1)));
      return () => clearTimeout(timer);
    },
  };
}
