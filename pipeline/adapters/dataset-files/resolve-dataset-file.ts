import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { DatasetCard } from "../../artifacts/dataset-card.ts";
import { UserError } from "../../core/user-error.ts";
import { cardsDirectory } from "./cards.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** How a set's file was found. */
export type FileOrigin = "given" | "shipped" | "data folder" | "cache";

export interface DatasetFile {
  path: string;
  origin: FileOrigin;
}

/**
 * Finds a set's file: the given path, else the file that comes with sctir, else one of the set's known files in the
 * folder SCTIR_DATA (in its `validation` folder or itself), else in the cache. Only its existence is looked at.
 *
 * Throws a UserError that says how to get the file.
 */
export async function resolveDatasetFile(
  card: DatasetCard,
  path?: string,
  environment: Environment = process.env,
): Promise<DatasetFile> {
  if (path !== undefined) {
    if (await exists(path)) return { path, origin: "given" };
    throw new UserError(`No file for the set ${card.name} is at ${path}.`, { hint: waysToGet(card) });
  }
  const found = await findDatasetFile(card, environment);
  if (found) return found;
  throw new UserError(`The file of the set ${card.name} is not here.`, { hint: waysToGet(card, environment) });
}

/** The same without a given path; undefined where the file is nowhere. */
export async function findDatasetFile(
  card: DatasetCard,
  environment: Environment = process.env,
): Promise<DatasetFile | undefined> {
  for (const place of placesOf(card, environment)) if (await exists(place.path)) return place;
  return undefined;
}

/** Where the file of a set goes once it is downloaded. */
export function cachedFile(card: DatasetCard, environment: Environment = process.env): string {
  return join(cacheDirectory(environment), "datasets", card.name, card.file);
}

function placesOf(card: DatasetCard, environment: Environment): DatasetFile[] {
  if (card.shipped) return [{ path: join(cardsDirectory, card.file), origin: "shipped" }];
  const copies = card.copies.map(({ file }) => file);
  const folder = environment.SCTIR_DATA;
  const cached = cachedFile(card, environment);
  return [
    ...(folder ? [...copies, card.file] : []).flatMap((file): DatasetFile[] => [
      { path: join(folder ?? "", "validation", file), origin: "data folder" },
      { path: join(folder ?? "", file), origin: "data folder" },
    ]),
    { path: cached, origin: "cache" },
    ...copies.map((file): DatasetFile => ({ path: join(cached, "..", file), origin: "cache" })),
  ];
}

/** SCTIR_CACHE, else sctir/ in the user's cache folder (https://specifications.freedesktop.org/basedir-spec/). */
function cacheDirectory({ SCTIR_CACHE, XDG_CACHE_HOME, HOME }: Environment): string {
  return SCTIR_CACHE || join(XDG_CACHE_HOME || join(HOME || homedir(), ".cache"), "sctir");
}

function waysToGet(card: DatasetCard, environment?: Environment): string {
  const folder = environment?.SCTIR_DATA;
  const names = [...card.copies.map(({ file }) => file), card.file].join(" or ");
  const copy = card.copies[0]?.file ?? card.file;
  return [
    card.source ? `Run \`sctir datasets fetch ${card.name}\`, or give` : "Give",
    `its place in the config (path: DIRECTORY/${copy}),`,
    folder
      ? `or put it into the folder SCTIR_DATA: ${folder} holds neither ${names}, nor does its validation/.`
      : `or set SCTIR_DATA to a folder that holds ${names}.`,
  ].join(" ");
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
