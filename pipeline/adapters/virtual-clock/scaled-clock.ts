import type { Clock } from "../../stages/ports.ts";
import { realTimer } from "./real-timer.ts";

/** Real time that passes `speedUp` times as fast, from 0 on. Timers are as exact as the machine's, times `speedUp`. */
export function scaledClock(speedUp: number): Clock {
  const began = performance.now();
  return {
    now: () => (performance.now() - began) * speedUp,
    after: (milliseconds, callback) => realTimer(milliseconds / speedUp, callback),
  };
}
