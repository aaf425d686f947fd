import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { z } from "zod";
import { type CheckResult, failed, failedBy, ok, warning } from "./check.ts";
import { compareVersions, requirementsFor } from "./requirements.ts";

const oldestTested = "3.10";

const answerSchema = z.object({ version: z.string(), packages: z.record(z.string(), z.string()) });

// Not by importing them: that takes a second.
const question = `
import importlib.metadata, json, platform
found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in importlib.metadata.distributions()}
print(json.dumps({"version": platform.python_version(), "packages": found}))
`;

/**
 * The Python that model-written programs run with, and its packages against requirements.txt.
 *
 * `find` gives the interpreter that the sandbox uses, or throws a UserError. With another interpreter than the set-up's
 * (`isOwn` false) other versions are the user's choice, and a warning.
 */
export async function checkPython(
  find: () => Promise<{ executable: string }>,
  { requirementsPath, isOwn }: { requirementsPath: string; isOwn: boolean },
): Promise<CheckResult[]> {
  let executable: string;
  try {
    ({ executable } = await find());
  } catch (error) {
    return [failedBy("python", error)];
  }
  const { stdout } = await execa(executable, ["-I", "-c", question], { timeout: 30_000, stdin: "ignore" });
  const { version, packages } = answerSchema.parse(JSON.parse(stdout));
  const where = `${version} at ${executable}`;
  const python =
    compareVersions(version, oldestTested) < 0
      ? warning("python", `${where} is older than ${oldestTested}`, "Use a newer one: what models write may need it.")
      : ok("python", where);
  return [python, comparePackages(await readFile(requirementsPath, "utf8"), { version, packages, isOwn })];
}

function comparePackages(
  requirements: string,
  { version, packages, isOwn }: z.infer<typeof answerSchema> & { isOwn: boolean },
): CheckResult {
  const check = "python packages";
  const wanted = requirementsFor(requirements, version);
  const missing = wanted.filter(({ name }) => packages[name] === undefined);
  const others = wanted.filter((one) => packages[one.name] !== undefined && packages[one.name] !== one.version);
  const mend = isOwn ? "Run `npm run setup`." : "Install requirements.txt into it, or unset SCTIR_PYTHON.";
  if (missing.length > 0) {
    return failed(check, `missing: ${missing.map(({ name }) => name).join(", ")}`, mend);
  }
  if (others.length > 0) {
    const list = others.map((one) => `${one.name} ${packages[one.name]} (pinned: ${one.version})`).join(", ");
    return warning(check, `other versions than others evaluate with: ${list}`, mend);
  }
  return ok(check, wanted.map(({ name, version: pinned }) => `${name} ${pinned}`).join(", "));
}
