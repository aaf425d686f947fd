import { describe, expect, it } from "vitest";
import { countTests, describeCounts } from "../../scripts/lib/test-counts.mjs";

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});

describe("countTests", () => {
  it("takes the runner's totals, todo counting as skipped", () => {
    const result = {
      numPassedTests: 5,
      numFailedTests: 1,
      numPendingTests: 2,
      numTodoTests: 1,
      testResults: [file("passed", "passed"), file("failed", "failed")],
    };
    expect(countTests(result)).toEqual({ passed: 5, failed: 1, skipped: 3 });
  });

  it("counts a file that could not be loaded as a failure", () => {
    const result = { numPassedTests: 5, numFailedTests: 0, testResults: [file("passed", "passed"), file("failed")] };
    expect(countTests(result)).toEqual({ passed: 5, failed: 1, skipped: 0 });
  });

  it("counts nothing without a result", () => {
    expect(countTests(undefined)).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});

describe("describeCounts", () => {
  it("is the closing line that scripts read", () => {
    expect(describeCounts({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
    expect(describeCounts({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
  });
});
