/**
 * The part of vitest's JSON result that is read here.
 *
 * @typedef {object} TestResult
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} [numPendingTests] skipped
 * @property {number} [numTodoTests]
 * @property {{status: string, assertionResults: {status: string}[]}[]} testResults a file each
 */

/**
 * How many tests passed, failed and were skipped. A file that failed without a failed test (it could not be loaded, or
 * its set-up threw) counts as one failure. Without a result all are 0.
 *
 * @param {TestResult | undefined} result
 */
export function countTests(result) {
  if (!result) return { passed: 0, failed: 0, skipped: 0 };
  const failedFiles = result.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + failedFiles.length,
    skipped: (result.numPendingTests ?? 0) + (result.numTodoTests ?? 0),
  };
}

/** @param {{passed: number, failed: number, skipped: number}} counts */
export function describeCounts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
