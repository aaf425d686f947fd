import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DatasetCard, datasetCardSchema } from "../../artifacts/dataset-card.ts";
import { nearestName } from "../../core/schema-issue.ts";
import { UserError } from "../../core/user-error.ts";
import { parseYaml } from "../yaml-text/parse-yaml.ts";
import { fileFault } from "./data-file.ts";

/** The project's datasets/: one card per set, beside what is shipped with them. */
export const cardsDirectory = fileURLToPath(new URL("../../../datasets/", import.meta.url));

/** The names of the sets that have a card, sorted. */
export async function cardNames(directory = cardsDirectory): Promise<string[]> {
  const files = await readdir(directory).catch((error: unknown) => {
    throw fileFault(error, directory);
  });
  return files
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .toSorted();
}

export async function listCards(directory = cardsDirectory): Promise<DatasetCard[]> {
  return Promise.all((await cardNames(directory)).map((name) => readCard(name, directory)));
}

/** The card of a set. Throws a UserError with the nearest name for a set without one. */
export async function loadCard(name: string, directory = cardsDirectory): Promise<DatasetCard> {
  const names = await cardNames(directory);
  if (names.includes(name)) return readCard(name, directory);
  const nearest = nearestName(name, names);
  throw new UserError(`No data set is called "${name}".`, {
    hint:
      (nearest ? `Did you mean "${nearest}"? ` : "") +
      `Known are ${names.join(", ")}; a set of your own needs file: in the config.`,
  });
}

async function readCard(name: string, directory: string): Promise<DatasetCard> {
  const path = join(directory, `${name}.yaml`);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw fileFault(error, path);
  });
  const card = datasetCardSchema.safeParse(parseYaml(text, path));
  if (!card.success) {
    const [issue] = card.error.issues;
    throw new UserError(`${path}: ${issue?.path.join(".") || "the card"}: ${issue?.message}.`, {
      hint: "docs/datasets.md shows a card.",
    });
  }
  if (card.data.name === name) return card.data;
  throw new UserError(`${path}: name: expected "${name}", as the file is called, found "${card.data.name}".`, {
    hint: "Rename the one or the other.",
  });
}
