import { type CheckResult, failed, ok } from "./check.ts";

/** The Node that runs this process; `features` tells whether it reads TypeScript. */
export function checkNode(version: string, readsTypeScript: boolean): CheckResult {
  const [major = 0] = version.split(".").map(Number);
  if (major >= 24 && readsTypeScript) return ok("node", version);
  return failed(
    "node",
    `${version} is older than 24`,
    "Run `npm run setup`: it brings its own Node into node_modules.",
  );
}
