import { basename, resolve } from "node:path";
import type { DatasetCard } from "../../artifacts/dataset-card.ts";
import type { ProblemSource } from "../../artifacts/run-config.ts";
import { UserError } from "../../core/user-error.ts";
import type { ProblemReader } from "../../stages/ports.ts";
import { loadCard } from "./cards.ts";
import { type ProblemFile, type ProblemFileSource, readProblems } from "./read-problems.ts";
import { type Environment, resolveDatasetFile } from "./resolve-dataset-file.ts";

export interface ProblemReaderOptions {
  /** Where relative paths of a source count from [here]. */
  directory?: string;
  /** Where SCTIR_DATA and SCTIR_CACHE are looked for [the process's]. */
  environment?: Environment;
}

export type LoadedProblems = Awaited<ReturnType<ProblemReader["read"]>>;

/**
 * The load stage's reader, over data files. It reads one entry of a config's `problems`: a card's set, or a file of the user's own under any label. `take` and
 * `sample` are not applied. A known set's file with an unexpected number of rows or other bytes is worth a note.
 */
export async function loadProblems(source: ProblemSource, options: ProblemReaderOptions = {}): Promise<LoadedProblems> {
  const { directory = ".", environment } = options;
  const { set, file, path, fields, where } = source;
  if (file !== undefined && path !== undefined) {
    throw new UserError(`The set ${set} has both path and file.`, {
      hint: "path: says where a known set's file is; file: names a file of your own. Keep one.",
    });
  }
  if (file !== undefined) {
    const own = resolve(directory, file);
    return loaded(set, own, await readProblems({ set, path: own, fields, where }));
  }
  const card = await loadCard(set);
  const found = await resolveDatasetFile(card, path === undefined ? path : resolve(directory, path), environment);
  const contents = await readAsCardSays(card, found.path, source);
  return loaded(set, found.path, contents, surprises(card, found.path, contents));
}

function loaded(set: string, file: string, contents: ProblemFile, surprising: readonly string[] = []): LoadedProblems {
  const { problems, sha256, rows, notes } = contents;
  return { problems, dataset: { set, file, sha256, rows }, notes: [...notes, ...surprising] };
}

async function readAsCardSays(card: DatasetCard, path: string, source: ProblemSource): Promise<ProblemFile> {
  try {
    return await readProblems(withCard(card, path, source));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message, hint, exitCode } = error;
    throw new UserError(message, {
      hint: `${hint ? `${hint} ` : ""}The file is read as the card of ${card.name} says. A file of another form goes under a label of its own: {set: my-${card.name}, file: FILE, fields: {…}}.`,
      exitCode,
      cause: error,
    });
  }
}

/** A card's way to read a file, with what the config says instead. Another id field has no use for the card's key rule. */
export function withCard(
  card: DatasetCard,
  path: string,
  { fields, where }: Pick<ProblemSource, "fields" | "where"> = {},
): ProblemFileSource {
  const chosen = Object.fromEntries(Object.entries(fields ?? {}).filter(([, name]) => name !== undefined));
  return {
    set: card.name,
    path,
    fields: { ...card.fields, ...chosen },
    key: fields?.id === undefined ? card.key : undefined,
    where: { ...card.where, ...where },
  };
}

/** What is unexpected of a set's file: another number of rows than any known file of it, or other bytes. */
export function surprises(
  card: DatasetCard,
  path: string,
  { rows, sha256 }: Pick<ProblemFile, "rows" | "sha256">,
): string[] {
  const main = { file: card.file, rows: card.rows.before, sha256: card.source?.sha256 };
  const known = [main, ...card.copies];
  const notes = [];
  if (!known.some((copy) => copy.rows === rows)) {
    const expected = known.map((copy) => `${copy.rows} (${basename(copy.file)})`).join(" or ");
    notes.push(`${path} has ${rows} rows; known files of the set ${card.name} have ${expected}.`);
  }
  // A file under a name whose checksum nobody knows is no surprise.
  const namesakes = known.filter((copy) => basename(copy.file) === basename(path));
  const checksumUnknown = namesakes.some((copy) => copy.sha256 === undefined);
  const checksums = known.flatMap((copy) => copy.sha256 ?? []);
  if (checksums.length > 0 && !checksumUnknown && !checksums.includes(sha256)) {
    notes.push(`${path} is none of the known files of the set ${card.name}: its sha256 is ${sha256}.`);
  }
  return notes;
}
