import { readdir } from "node:fs/promises";
import { type EngineCard, engineCardFileSchema, type Gpu, gpusSchema } from "../artifacts/engine-card.ts";
import { nearestName } from "../core/schema-issue.ts";
import { UserError } from "../core/user-error.ts";
import { projectPath } from "./project-folder.ts";
import { checked, readYaml } from "./yaml-file.ts";

const folder = projectPath("engines");
const gpusFile = "gpus.yaml";
const hint = "docs/plan.md shows a card.";

/** An engine card by name (a file in engines/) or by path, with its GPU filled in. */
export async function loadEngineCard(nameOrPath: string): Promise<EngineCard> {
  const path = /[/\\]|\.ya?ml$/u.test(nameOrPath) ? nameOrPath : `${folder}/${await knownCard(nameOrPath)}.yaml`;
  const card = checked(path, await readYaml(path, "engine card"), engineCardFileSchema, hint);
  return { ...card, gpu: typeof card.gpu === "string" ? await loadGpu(card.gpu) : card.gpu };
}

/** A GPU by its key in engines/gpus.yaml. */
export async function loadGpu(key: string): Promise<Gpu> {
  const path = `${folder}/${gpusFile}`;
  const gpus = checked(path, await readYaml(path, "list of GPUs"), gpusSchema, hint);
  const gpu = new Map(Object.entries(gpus)).get(key.toLowerCase());
  if (gpu === undefined) throw unknown("GPU", key, Object.keys(gpus));
  return gpu;
}

/** The names of the cards in engines/, sorted. */
export async function engineCardNames(): Promise<string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith(".yaml") && file !== gpusFile)
    .map((file) => file.slice(0, -".yaml".length))
    .toSorted();
}

async function knownCard(name: string): Promise<string> {
  const names = await engineCardNames();
  if (!names.includes(name)) throw unknown("engine card", name, names);
  return name;
}

function unknown(what: string, name: string, known: readonly string[]): UserError {
  const near = nearestName(name, known);
  return new UserError(`There is no ${what} ${name}.`, {
    hint: `${near ? `Did you mean ${near}? ` : ""}Known: ${known.join(", ")}; or describe it in a card of your own, and give its path.`,
  });
}
