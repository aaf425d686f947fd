import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import yargs from "yargs";
import { loadProblems } from "../../pipeline/adapters/dataset-files/load-problems.ts";
import { command } from "../../pipeline/commands/datasets.ts";

const amcShaped = new URL("../adapters/dataset-files/fixtures/amc-shaped.parquet", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "sctir-datasets-command-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(() => {
  vi.stubEnv("SCTIR_DATA", "");
  vi.stubEnv("SCTIR_CACHE", join(folder, "empty"));
  vi.stubEnv("HF_TOKEN", "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** Runs `sctir datasets …` and returns what it wrote. */
async function datasets(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      written[stream] += String(text);
      return true;
    });
  }
  try {
    await yargs(["datasets", ...args])
      .scriptName("sctir")
      .command(command)
      .strict()
      .exitProcess(false)
      .fail((message, error) => {
        throw error ?? new Error(message);
      })
      .parseAsync();
  } finally {
    vi.restoreAllMocks();
  }
  return written;
}

/** A data folder that holds AMC-like rows under the name of the AMC file. */
function dataFolder(rows = 1): string {
  const path = mkdtempSync(join(folder, "data-"));
  mkdirSync(join(path, "validation"));
  const lines = Array.from({ length: rows }, (_row, at) =>
    JSON.stringify({ problem: `p${at}`, answer: 1, url: `wiki/2022_AMC_12A_Problems/Problem_${at + 1}` }),
  );
  writeFileSync(join(path, "validation/aimo-validation-amc.jsonl"), `${lines.join("\n")}\n`);
  return path;
}

describe("sctir datasets", () => {
  it("lists every set with its problems, licence and how to get it", async () => {
    const { stdout } = await datasets();
    expect(stdout).toMatch(/^set +problems +licence +file$/mu);
    expect(stdout).toMatch(/^amc +83 +Apache-2\.0 +sctir datasets fetch amc$/mu);
    expect(stdout).toMatch(/^math-level-5 +721 .* sctir datasets fetch math-level-5$/mu);
    expect(stdout).toMatch(/^sample +24 .*problems\.jsonl \(shipped\)$/mu);
  });

  it("says where a file is that was found", async () => {
    const data = dataFolder();
    vi.stubEnv("SCTIR_DATA", data);
    const { stdout } = await datasets("list");
    expect(stdout).toMatch(/^amc .*aimo-validation-amc\.jsonl \(data folder\)$/mu);
  });

  it("prints JSON alone on standard output with --json", async () => {
    const { stdout } = await datasets("--json");
    expect(JSON.parse(stdout)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "aime", problems: 90, file: null, fetch: "sctir datasets fetch aime" }),
        expect.objectContaining({ name: "sample", problems: 24, origin: "shipped", fetch: null }),
      ]),
    );
    expect(JSON.parse((await datasets("list", "--json")).stdout)).toEqual(JSON.parse(stdout));
  });
});

describe("sctir datasets show", () => {
  it("shows a card, and that its file is missing", async () => {
    const { stdout } = await datasets("show", "math-level-4");
    expect(stdout).toContain("math-test-level4.jsonl: 1214 rows");
    expect(stdout).toContain("here: no; sctir datasets fetch math-level-4");
  });

  it("checks the file where there is one, and says what is unexpected", async () => {
    vi.stubEnv("SCTIR_DATA", dataFolder(3));
    const { contents } = JSON.parse((await datasets("show", "amc", "--json")).stdout);
    expect(contents).toMatchObject({
      rows: 3,
      firstProblem: "amc/2022_AMC_12A_Problem_1",
      notes: [expect.stringContaining("has 3 rows"), expect.stringContaining("sha256")],
    });
  });

  it("refuses an unknown name with the nearest", async () => {
    await expect(datasets("show", "aimee")).rejects.toMatchObject({
      name: "UserError",
      exitCode: 2,
      hint: expect.stringContaining('Did you mean "aime"?'),
    });
  });
});

describe("sctir datasets fetch", () => {
  async function hub(body: string | Buffer) {
    const paths: string[] = [];
    const server = createServer((request, response) => {
      paths.push(request.url ?? "");
      response.end(body);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    afterAll(() => {
      server.closeAllConnections();
      server.close();
    });
    vi.stubEnv("HF_ENDPOINT", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return paths;
  }

  it("downloads a set into the cache, where it is found from then on", async () => {
    await hub(readFileSync(amcShaped));
    vi.stubEnv("SCTIR_CACHE", join(folder, "cache"));
    const path = join(folder, "cache/datasets/amc/aimo-validation-amc.parquet");
    const { stdout, stderr } = await datasets("fetch", "amc", "--json");
    expect(JSON.parse(stdout)).toEqual([{ name: "amc", path, rows: 83, sha256: expect.any(String), downloaded: true }]);
    expect(stderr).toMatch(/^amc: .* KiB\namc: 83 rows, checked\n$/u);
    expect((await datasets()).stdout).toMatch(/^amc .*aimo-validation-amc\.parquet \(cache\)$/mu);
    const { problems, dataset, notes } = await loadProblems({ set: "amc" });
    expect(problems[0]).toMatchObject({ problemId: "amc/2022_AMC_12A_Problem_1", gold: "1.0" });
    expect(dataset).toMatchObject({ file: path, rows: 83 });
    expect(notes).toEqual([]);
  });

  it("asks the hub for the set's file, and keeps nothing that is not the set", async () => {
    const paths = await hub("<html>Sign in</html>");
    await expect(datasets("fetch", "amc")).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining("did not send the set amc: the file is not a .parquet file: it is a web page"),
    });
    expect(paths).toEqual(["/datasets/AI-MO/aimo-validation-amc/resolve/main/data/train-00000-of-00001.parquet"]);
    expect(JSON.parse((await datasets("--json")).stdout)).toContainEqual(
      expect.objectContaining({ name: "amc", file: null }),
    );
  });

  it("writes progress to standard error, and paths or JSON to standard output", async () => {
    const plain = await datasets("fetch", "sample");
    expect(plain.stderr).toBe("sample: is here already\n");
    expect(plain.stdout).toMatch(/^.+problems\.jsonl\n$/u);
    expect(readFileSync(plain.stdout.trim(), "utf8")).toContain('"sample-01"');
    const { stdout } = await datasets("fetch", "sample", "--json");
    expect(JSON.parse(stdout)).toMatchObject([{ name: "sample", rows: 24, downloaded: false }]);
  });

  it("looks at all names before it downloads anything", async () => {
    const paths = await hub("");
    await expect(datasets("fetch", "amc", "no-such-set")).rejects.toMatchObject({
      message: 'No data set is called "no-such-set".',
    });
    expect(paths).toEqual([]);
  });

  it.each([[[]], [["amc", "--all"]]])("refuses %j and says what to give", async (args) => {
    await expect(datasets("fetch", ...args)).rejects.toMatchObject({
      name: "UserError",
      hint: expect.stringContaining("aime, amc, math-level-4"),
    });
  });
});
