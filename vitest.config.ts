import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
    // A process for each file: tests start servers and programs, set environment variables and send signals.
    pool: "forks",
    // The default leaves a core for watching, which on two cores means one file at a time.
    maxWorkers: "100%",
    // Far beyond what a test takes: a bound on hanging, also on a busy machine.
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
