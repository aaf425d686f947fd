import { homedir } from "node:os";
import { relative, sep } from "node:path";
import { SingleBar } from "cli-progress";
import { stringify } from "yaml";
import type { Argv, CommandModule } from "yargs";
import { cardNames, listCards, loadCard } from "../adapters/dataset-files/cards.ts";
import type { DownloadProgress } from "../adapters/dataset-files/download.ts";
import { fetchDataset, sourceUrl } from "../adapters/dataset-files/fetch-dataset.ts";
import { surprises, withCard } from "../adapters/dataset-files/load-problems.ts";
import { readProblems } from "../adapters/dataset-files/read-problems.ts";
import { findDatasetFile } from "../adapters/dataset-files/resolve-dataset-file.ts";
import type { DatasetCard } from "../artifacts/dataset-card.ts";
import { UserError } from "../core/user-error.ts";
import { printJson, printLine, printNote } from "./output.ts";

/** `sctir datasets`: which problem sets there are, where their files are, and getting those that are missing. */
export const command: CommandModule = {
  command: "datasets",
  describe: "List the known problem sets, and download them",
  builder: (yargs) =>
    yargs
      .command(listCommand)
      .command(fetchCommand)
      .command(showCommand)
      .option("json", { type: "boolean", default: false, describe: "print JSON on standard output, and nothing else" })
      .example("$0 datasets", "the known sets, and where their files are")
      .example("$0 datasets fetch amc aime", "download two sets into the cache")
      .example("$0 datasets show math-level-5", "what is known of a set")
      .epilogue(
        "A set's file is looked for in the folder SCTIR_DATA, then in the cache (SCTIR_CACHE, else ~/.cache/sctir).\n" +
          "Downloads come from HF_ENDPOINT [https://huggingface.co], with the token in HF_TOKEN if there is one.",
      ),
  handler: () => {}, // yargs runs `list` where no subcommand is named
};

const listCommand: CommandModule<unknown, { json?: boolean }> = {
  command: ["list", "$0"],
  describe: "List the known sets, and where their files are",
  async handler({ json }) {
    const sets = await Promise.all((await listCards()).map(describeSet));
    if (json) printJson(sets);
    else printLine(table(sets));
  },
};

interface FetchArguments {
  names?: string[] | undefined;
  all?: boolean;
  again?: boolean;
  json?: boolean;
}

const fetchCommand: CommandModule<unknown, FetchArguments> = {
  command: "fetch [names..]",
  describe: "Download sets into the cache",
  builder: (yargs) =>
    (yargs as Argv<{ json?: boolean }>)
      .positional("names", { type: "string", array: true, describe: "names of sets, as `sctir datasets` lists them" })
      .option("all", { type: "boolean", default: false, describe: "every known set" })
      .option("again", { type: "boolean", default: false, describe: "download even what is in the cache" })
      .example("$0 datasets fetch amc", "the AMC 12 problems")
      .example("$0 datasets fetch --all", "everything that can be downloaded"),
  async handler({ names = [], all = false, again = false, json }) {
    const fetched = [];
    using interruption = abortOnInterrupt();
    for (const card of await chosenCards(names, all)) {
      const progress = showProgress(card.name);
      try {
        const result = await fetchDataset(card, {
          again,
          onProgress: progress.update,
          signal: interruption.signal,
        });
        progress.finish(
          result.downloaded ? `${card.name}: ${result.rows} rows, checked` : `${card.name}: is here already`,
        );
        fetched.push({ name: card.name, ...result });
      } catch (error) {
        progress.finish();
        throw error;
      }
    }
    if (json) printJson(fetched);
    else printLine(fetched.map(({ path }) => path).join("\n"));
  },
};

const showCommand: CommandModule<unknown, { name?: string | undefined; json?: boolean }> = {
  command: "show <name>",
  describe: "Show what is known of a set, and check its file if it is here",
  builder: (yargs) =>
    (yargs as Argv<{ json?: boolean }>)
      .positional("name", { type: "string", describe: "name of a set" })
      .example("$0 datasets show amc", "the card of the AMC 12 problems"),
  async handler({ name = "", json }) {
    const card = await loadCard(name);
    const set = await describeSet(card);
    const contents = set.file === null ? undefined : await describeFile(card, set.file);
    if (json) printJson({ card, ...set, contents: contents ?? null });
    else printLine(page(card, set, contents));
  },
};

/** One line of the list. */
interface SetDescription {
  name: string;
  title: string;
  problems: number; // after the integer filter
  rows: number; // in the card's own file
  licence: string;
  file: string | null;
  origin: string | null;
  fetch: string | null; // the command that gets it, where it is missing
}

async function describeSet(card: DatasetCard): Promise<SetDescription> {
  const found = await findDatasetFile(card);
  return {
    name: card.name,
    title: card.title,
    problems: card.rows.after,
    rows: card.rows.before,
    licence: card.licence,
    file: found?.path ?? null,
    origin: found?.origin ?? null,
    fetch: found || !card.source ? null : `sctir datasets fetch ${card.name}`,
  };
}

interface FileDescription {
  rows: number;
  sha256: string;
  firstProblem: string | null;
  notes: string[];
}

async function describeFile(card: DatasetCard, path: string): Promise<FileDescription> {
  const { rows, sha256, problems, notes } = await readProblems(withCard(card, path));
  return {
    rows,
    sha256,
    firstProblem: problems[0]?.problemId ?? null,
    notes: [...notes, ...surprises(card, path, { rows, sha256 })],
  };
}

/** The cards of the names given. All names are looked at before anything is downloaded. */
async function chosenCards(names: readonly string[], all: boolean): Promise<DatasetCard[]> {
  if (all && names.length === 0) return (await listCards()).filter((card) => !card.shipped);
  if (names.length > 0 && !all) return Promise.all([...new Set(names)].map((name) => loadCard(name)));
  throw new UserError(all ? "Both --all and names are given." : "No set is named.", {
    hint: `Name one or more of ${(await cardNames()).join(", ")}, or give --all alone.`,
  });
}

function table(sets: readonly SetDescription[]): string {
  const rows = sets.map(({ name, problems, licence, file, origin, fetch }) => [
    name,
    String(problems),
    licence,
    file === null ? (fetch ?? "-") : `${shortPath(file)} (${origin})`,
  ]);
  return aligned([["set", "problems", "licence", "file"], ...rows]);
}

/** Columns padded to their widest cell; the second, numbers, to the right. */
function aligned(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function page(card: DatasetCard, set: SetDescription, file: FileDescription | undefined): string {
  const { name, title, description, licence, homepage, rows, copies, fields, key } = card;
  return stringify(
    {
      [name]: title,
      description,
      licence,
      homepage,
      ...(card.source && { source: sourceUrl(card, process.env) }),
      problems: rows.after,
      files: [{ file: card.file, rows: rows.before }, ...copies].map(
        ({ file: copy, rows: copyRows }) => `${copy}: ${copyRows} rows`,
      ),
      fields,
      ...(key && { key: key.rule }),
      here: set.file === null ? `no; ${set.fetch ?? "see the homepage"}` : `${shortPath(set.file)} (${set.origin})`,
      ...(file && { rows: file.rows, sha256: file.sha256, firstProblem: file.firstProblem }),
      ...(file && file.notes.length > 0 && { notes: file.notes }),
    },
    { lineWidth: 100 },
  ).trimEnd();
}

/** A path as one would type it here: relative within this folder, with ~ within the home folder. */
function shortPath(path: string): string {
  const here = relative(".", path);
  if (!here.startsWith("..")) return here;
  const home = homedir() + sep;
  return path.startsWith(home) ? `~/${path.slice(home.length)}` : path;
}

/** Ctrl-C ends a download so that it can be gone on with; a second one ends the process, as ever. */
function abortOnInterrupt(): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  process.once("SIGINT", abort);
  return { signal: controller.signal, [Symbol.dispose]: () => process.off("SIGINT", abort) };
}

const lineIntervalMilliseconds = 5000;

/** Progress on standard error: a bar on a terminal, else a line now and then. */
function showProgress(name: string): { update(progress: DownloadProgress): void; finish(message?: string): void } {
  if (process.stderr.isTTY) {
    const bar = new SingleBar({
      format: `${name} [{bar}] {value}/{total} KiB`,
      stream: process.stderr,
      clearOnComplete: true,
    });
    let started = false;
    return {
      update({ bytes, totalBytes = bytes }) {
        if (!started) bar.start(kibibytes(totalBytes), 0);
        started = true;
        bar.setTotal(kibibytes(totalBytes));
        bar.update(kibibytes(bytes));
      },
      finish(message) {
        if (started) bar.stop();
        if (message) printNote(message);
      },
    };
  }
  let lastLine = Number.NEGATIVE_INFINITY;
  return {
    update({ bytes, totalBytes }) {
      if (performance.now() - lastLine < lineIntervalMilliseconds) return;
      lastLine = performance.now();
      printNote(`${name}: ${kibibytes(bytes)}${totalBytes === undefined ? "" : ` of ${kibibytes(totalBytes)}`} KiB`);
    },
    finish(message) {
      if (message) printNote(message);
    },
  };
}

const kibibytes = (bytes: number) => Math.ceil(bytes / 1024);
