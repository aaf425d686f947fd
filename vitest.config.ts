import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
    // A process for each file: tests start servers and programs, set environment variables and send signals.
    pool: "forks",
    // More files than cores: many tests wait for a bad engine or a time limit most of their time.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    // Far beyond what a test takes: a bound on hanging, also on a busy machine.
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
