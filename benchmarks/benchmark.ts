/** A way to do a task, in a table of ways. */
export interface Way {
  name: string;
  /** Does the task once. Resolves with the milliseconds that count: all it took, unless the benchmark says otherwise. */
  runOnce(): Promise<number>;
  runsPerRound: number;
}

/** One task, done in several ways. The others are compared with the first. */
export interface Contest {
  task: string;
  ways: readonly [Way, ...Way[]];
}

/** Milliseconds, except for `perSecond` and `runs`. */
export interface Row {
  task: string;
  way: string;
  runs: number;
  perSecond: number; // runs divided by the time of all rounds, with `concurrency` at a time
  median: number;
  p99: number;
  /** The lowest and the highest median of a round. */
  spread: Range;
  /** How many times as many runs per second the first way makes: median over rounds, lowest and highest. */
  ratio?: Range & { median: number };
}

export interface Range {
  lowest: number;
  highest: number;
}

/** A figure that others have told, for comparison: not measured here. */
export interface Quoted {
  task: string;
  way: string;
  perSecond: number;
  median?: number;
}

export interface BenchmarkResult {
  /** What the figures depend on: versions, isolation, concurrency. */
  conditions: Record<string, string | number>;
  rows: Row[];
  quoted?: readonly Quoted[];
  /** Where times are not the point: a table of its own instead of `rows`, each line by the names of its columns. */
  figures?: Record<string, string | number>[];
  /** What the benchmark is to show, and whether it did. */
  aims: { aim: string; measured: string; reached: boolean }[];
}

/** One claim. A file of this folder that exports one as `benchmark` is run by `npm run bench`. */
export interface Benchmark {
  name: string;
  compares: string; // what with what, in a sentence
  measure(options: { rounds: number; say(line: string): void }): Promise<BenchmarkResult>;
}
