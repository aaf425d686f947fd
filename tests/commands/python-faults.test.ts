import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ownPython } from "../helpers/own-python.ts";
import { profileNamed } from "../helpers/profiles.ts";
import { comparable, jsonOf, rowsOf, writeConfig } from "../helpers/run-files.ts";
import { type ScriptedReply, type ScriptedRequest, startScriptedEngine, until } from "../helpers/scripted-engine.ts";
import { sctir, startSctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** A Python that is not as it should be, and no place for programs: exit code 3, what to do, and a run that resumes. */

const problems = [{ id: "a", problem: "What is $6 \\cdot 7$?", answer: "42" }];
const program = (code: string) => `I compute.\n\`\`\`python\n${code}\n\`\`\`\n\`\`\`output\n`;
const compute = ({ turn }: ScriptedRequest, code = "print(6 * 7)") =>
  turn < 2 ? program(code) : "\nThe answer is $\\boxed{42}$.";

interface Setting {
  reply?: (request: ScriptedRequest) => ScriptedReply | Promise<ScriptedReply>;
  /** Of the config. One that puts nothing before a program needs no numpy. */
  profile?: string;
  python?: object;
}

/** A run of three candidates that compute twice and then answer. */
async function setting({ reply = (request) => compute(request), profile = "./bare.yaml", python = {} }: Setting = {}) {
  const engine = await startScriptedEngine(reply);
  onTestFinished(() => engine.close());
  const folder = await temporaryFolder();
  const bare = { ...profileNamed("tir"), prelude: [] };
  await writeFile(join(folder, "bare.yaml"), JSON.stringify(bare));
  await writeFile(join(folder, "preloading.yaml"), JSON.stringify({ ...bare, preload: ["pandas"] }));
  const out = join(folder, "run");
  const config = await writeConfig(folder, problems, engine.baseUrl, { profile, python });
  return { engine, folder, out, config, args: ["run", config, "--out", out] };
}

const noStack = expect.not.stringMatching(/this is a bug|^ +at /mu);

describe("a Python without the usual libraries", () => {
  it("ends a run before it begins where the profile needs one, and says how to install it", async () => {
    const { folder, args, engine } = await setting({ profile: "tir" });
    const SCTIR_PYTHON = await ownPython(join(folder, "python"));
    const ended = await sctir(args, { env: { SCTIR_PYTHON } });
    expect(ended).toMatchObject({ exitCode: 3, stderr: noStack });
    expect(ended.stderr).toContain("the profile tir puts before it: ModuleNotFoundError: No module named 'numpy'");
    expect(ended.stderr).toContain(`${SCTIR_PYTHON} -m pip install numpy`);
    expect(engine.log).toEqual([]);
  });

  it("is enough for a profile that needs none, with a note", async () => {
    const { folder, args, out } = await setting();
    const SCTIR_PYTHON = await ownPython(join(folder, "python"));
    const ended = await sctir(args, { env: { SCTIR_PYTHON } });
    expect(ended).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("note: mpmath cannot be imported") });
    expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "complete", sandbox: { packages: {} } });
  });
});

describe("python.preload", () => {
  it("that names what is not installed ends a run before it begins; a resumed one may have another list", async () => {
    const { args, out, config } = await setting({ python: { preload: ["numpy", "pandas"] } });
    const ended = await sctir(args);
    expect(ended).toMatchObject({ exitCode: 3, stderr: noStack });
    expect(ended.stderr).toMatch(/cannot import .*pandas .*No module named 'pandas'/u);
    expect(ended.stderr).toMatch(/→ .*requirements\.in.*npm run setup/u);
    const solved = await sctir(["solve", "What is 1 + 1?", config]);
    expect(solved).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("pandas") });
    const looked = await sctir(["doctor", config]);
    expect(looked.exitCode).toBe(3);
    expect(looked.stdout).toMatch(/^failed {3}programs: .*pandas/mu);
    expect(await sctir([...args, "--set", "python.preload=[numpy]"])).toMatchObject({ exitCode: 0 });
    expect(jsonOf(out, "manifest.json")).toMatchObject({ config: { python: { preload: ["numpy"] } } });
  });

  it("may come from the profile", async () => {
    const { args } = await setting({ profile: "./preloading.yaml" });
    const ended = await sctir(args);
    expect(ended).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("pandas") });
  });

  it.each([["a b"], ["--user"], ["os;x"], [""], ["a..b"]])("takes no %j for a module", async (name) => {
    const { args } = await setting({ python: { preload: [name] } });
    expect(await sctir(args)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("python.preload.0") });
  });
});

describe("a Python that is taken away while a run goes on", () => {
  it("ends the run with 3 and counts nothing against the model; with a new one it goes on", async () => {
    let isGone = false;
    const { engine, folder, out, args } = await setting({
      reply: async (request) => {
        if (request.turn > 0 && request.candidate > 0) await until(() => isGone);
        return compute(request, "import fractions, wave\nprint(fractions.Fraction(84, 2))");
      },
    });
    const place = join(folder, "python");
    const SCTIR_PYTHON = await ownPython(place);
    const running = startSctir(args, { env: { SCTIR_PYTHON } });
    await until(() => rowsOf(out, "turns.jsonl").length >= 3);
    await rm(place, { recursive: true });
    isGone = true;
    const { exitCode, stderr } = await running;
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 3, stderr: noStack });
    expect(stderr).toContain("was removed or made anew");
    const kept = rowsOf(out, "turns.jsonl");
    for (const { execution } of kept) {
      if (execution !== undefined) expect(execution).toMatchObject({ outcome: "ok", output: "42" });
    }
    expect(await sctir(args, { env: { SCTIR_PYTHON } })).toMatchObject({ exitCode: 3, stderr: noStack });
    expect(comparable(out, "turns.jsonl")).toHaveLength(kept.length);

    await ownPython(place);
    const bought = engine.log.length;
    expect(await sctir(args, { env: { SCTIR_PYTHON } })).toMatchObject({ exitCode: 0 });
    expect(engine.log.length - bought).toBe(9 - kept.length);
    expect(jsonOf(out, "summary.json")).toMatchObject({ all: { ledger: { answered: 3 }, executions: { ok: 6 } } });
  });
});

describe("a temporary directory", () => {
  it.each([
    ["that is not there", "gone"],
    ["that is a file", "file"],
    ["that cannot be written", "closed"],
  ])("%s is named, or not needed", async (_, name) => {
    const { folder, args, out } = await setting();
    await mkdir(join(folder, "closed"));
    await chmod(join(folder, "closed"), 0o500);
    await writeFile(join(folder, "file"), "");
    const ended = await sctir(args, { env: { TMPDIR: join(folder, name) } });
    expect(ended.stderr).toEqual(noStack);
    if (ended.exitCode === 0)
      return expect(jsonOf(out, "summary.json")).toMatchObject({ all: { accuracy: { estimate: 1 } } });
    expect(ended).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(join(folder, name)) });
    expect(ended.stderr).toContain("TMPDIR");
    expect(await sctir(args)).toMatchObject({ exitCode: 0 });
  });
});
