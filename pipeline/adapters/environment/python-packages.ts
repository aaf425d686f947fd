import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { z } from "zod";
import { exitCodes } from "../../core/user-error.ts";
import { howToAdd, type Interpreter } from "../sandbox/interpreter.ts";
import { type CheckResult, failed, failedBy, ok, warning } from "./check.ts";
import { type Requirement, requirementsFor } from "./requirements.ts";

/** The interpreter that the sandbox uses. */
type Python = Pick<Interpreter, "executable" | "isOwn">;

const answerSchema = z.object({ version: z.string(), packages: z.record(z.string(), z.string()) });

// Not by importing them: that takes a second. What a broken installation has left may lack its name.
const question = `
import importlib.metadata, json, platform
found = {}
for one in importlib.metadata.distributions():
    name = one.metadata["Name"]
    if name:
        found.setdefault(name.lower().replace("_", "-"), str(one.version))
print(json.dumps({"version": platform.python_version(), "packages": found}))
`;

const tools = new Set(["pip", "setuptools", "wheel"]);
const othersShown = 12;

/**
 * The Python that model-written programs run with, and its packages against requirements.txt.
 *
 * `find` gives the interpreter, or throws a UserError. Other versions than the pinned ones are a warning.
 */
export async function checkPython(find: () => Promise<Python>, requirementsPath: string): Promise<CheckResult[]> {
  let python: Python;
  try {
    python = await find();
  } catch (error) {
    return [failedBy("python", error)];
  }
  const { executable } = python;
  const { stdout, stderr } = await execa(executable, ["-I", "-c", question], {
    ...{ timeout: 30_000, stdin: "ignore", reject: false },
  });
  const answer = answerSchema.safeParse(parseJson(stdout));
  if (!answer.success) {
    const detail = `the one at ${executable} does not list its packages: ${stderr.trim() || "no answer"}`;
    return [failed("python", detail, "Make its environment anew.", exitCodes.unavailable)];
  }
  const requirements = requirementsFor(await readFile(requirementsPath, "utf8"), answer.data.version);
  return [
    ok("python", `${answer.data.version} at ${executable}`),
    comparePackages(requirements, answer.data.packages, python),
  ];
}

function comparePackages(
  wanted: readonly Requirement[],
  packages: Readonly<Record<string, string>>,
  python: Python,
): CheckResult {
  const check = "python packages";
  const missing = wanted.filter(({ name }) => packages[name] === undefined);
  const others = wanted.filter((one) => packages[one.name] !== undefined && packages[one.name] !== one.version);
  const mend = python.isOwn
    ? "Run `npm run setup`."
    : `\`${python.executable} -m pip install -r requirements.txt\`, or unset SCTIR_PYTHON.`;
  if (missing.length > 0) {
    return failed(check, `missing: ${missing.map(({ name }) => name).join(", ")}`, mend);
  }
  if (others.length > 0) {
    const list = others.map((one) => `${one.name} ${packages[one.name]} (pinned: ${one.version})`).join(", ");
    return warning(check, `other versions than others evaluate with: ${list}`, mend);
  }
  const pinned = new Set(wanted.map(({ name }) => name));
  const more = Object.keys(packages)
    .filter((name) => !pinned.has(name) && !tools.has(name))
    .toSorted();
  const listed = [...wanted.map(({ name }) => name), ...more.slice(0, othersShown)].map(
    (name) => `${name} ${packages[name]}`,
  );
  const rest = more.length > othersShown ? `, and ${more.length - othersShown} more` : "";
  return ok(check, `${listed.join(", ")}${rest}`, `For another: ${howToAdd("NAME", python)}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
