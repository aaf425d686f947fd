// The closing line of .ci/run: `node scripts/print-test-counts.mjs RESULT.json` prints `N passed, N failed`, and
// exits with 1 unless tests ran and none failed.
import { readJson } from "./lib/json-file.mjs";
import { countTests, describeCounts } from "./lib/test-counts.mjs";

const counts = countTests(readJson(process.argv[2] ?? ""));
process.stdout.write(`${describeCounts(counts)}\n`);
process.exitCode = counts.passed > 0 && counts.failed === 0 ? 0 : 1;
