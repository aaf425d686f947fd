import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** A command starts in half the time where it leaves alone what only others need. */

const hook = `
import { registerHooks } from "node:module";
import { writeFileSync } from "node:fs";
const packages = new Set();
registerHooks({
  load(url, context, next) {
    const [, name] = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/u.exec(url) ?? [];
    if (name !== undefined) packages.add(name);
    return next(url, context);
  },
});
process.on("exit", () => writeFileSync(process.env.LOADED, JSON.stringify([...packages])));
`;

async function packagesLoadedBy(args: readonly string[]): Promise<string[]> {
  const folder = await temporaryFolder();
  const loaded = join(folder, "loaded.json");
  await writeFile(join(folder, "hook.mjs"), hook);
  await sctir(args, { env: { NODE_OPTIONS: `--import=${join(folder, "hook.mjs")}`, LOADED: loaded } });
  return JSON.parse(await readFile(loaded, "utf8")) as string[];
}

const forServersAndPrograms = ["openai", "undici", "execa", "hyparquet", "csv-parse", "@node-llama-cpp/linux-x64"];

it.each([
  [["--help"], ["zod", "yaml"]],
  [["status", "absent"], ["yaml"]],
  [["vote", "absent"], []],
  [["score", "absent"], []],
  [["verify", "absent"], []],
  [["run", "absent.yaml", "--out", "absent"], []],
])("sctir %j loads nothing for servers, programs and data files", async (args, others) => {
  const packages = await packagesLoadedBy(args);
  expect(packages).toContain("yargs");
  expect(packages.filter((name) => [...forServersAndPrograms, ...others].includes(name))).toEqual([]);
});
