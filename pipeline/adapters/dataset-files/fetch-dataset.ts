import { mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { EnvHttpProxyAgent } from "undici";
import type { DatasetCard } from "../../artifacts/dataset-card.ts";
import { exitCodes, UserError } from "../../core/user-error.ts";
import { lockRun, type RunLock } from "../run-directory/run-lock.ts";
import { fileFault } from "./data-file.ts";
import { type DownloadProgress, discardPartial, download, partialNotePath } from "./download.ts";
import { withCard } from "./load-problems.ts";
import { readProblems } from "./read-problems.ts";
import { cachedFile, type Environment, resolveDatasetFile } from "./resolve-dataset-file.ts";

export interface FetchOptions {
  /** HF_ENDPOINT, HF_TOKEN, SCTIR_CACHE and the proxy variables count [the process's]. */
  environment?: Environment;
  /** Download it even if it is in the cache. */
  again?: boolean;
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
  /** Waits between tries [by the clock]. */
  sleep?: (milliseconds: number) => Promise<unknown>;
}

export interface FetchedDataset {
  path: string;
  rows: number;
  sha256: string;
  downloaded: boolean; // false where it was there already
}

/**
 * Downloads a set's file from the hub into the cache. It gets its name there only once its checksum (where known) is
 * right, it parses as the card says, and it has the card's number of rows: an error page never becomes a data set.
 *
 * Throws a UserError: refused or missing (exit code 2), a wrong content (1), no network or a failing server (3).
 */
export async function fetchDataset(card: DatasetCard, options: FetchOptions = {}): Promise<FetchedDataset> {
  const { environment = process.env, again = false } = options;
  if (card.shipped) return describe(card, (await resolveDatasetFile(card, undefined, environment)).path);
  const path = cachedFile(card, environment);
  if (!again && (await isFile(path))) return describeCached(card, path);
  const url = sourceUrl(card, environment);
  await makeDirectory(dirname(path));
  const lock = await lockCacheFolder(dirname(path));
  try {
    return await downloadTo(path, url, card, { ...options, environment });
  } finally {
    await lock.release();
  }
}

async function downloadTo(
  path: string,
  url: string,
  card: DatasetCard,
  { environment, signal, onProgress, sleep = delay }: FetchOptions & { environment: Environment },
): Promise<FetchedDataset> {
  const partialPath = `${path}.partial`;
  const dispatcher = proxyAgent(environment);
  try {
    await download({
      url,
      partialPath,
      token: environment.HF_TOKEN || undefined,
      sha256: card.source?.sha256,
      dispatcher,
      signal,
      onProgress,
      sleep: (milliseconds) => sleep(milliseconds),
    });
  } finally {
    await dispatcher.destroy();
  }
  const { rows, sha256 } = await checkDownload(card, partialPath, url);
  await rename(partialPath, path).catch((error: unknown) => {
    throw fileFault(error, path);
  });
  await rm(partialNotePath(partialPath), { force: true });
  return { path, rows, sha256, downloaded: true };
}

/** Two processes must not write one partial file. */
async function lockCacheFolder(folder: string): Promise<RunLock> {
  try {
    return await lockRun(folder);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`The cache cannot be written. ${error.message}`, {
      hint: "Wait for a download that is under way, or set SCTIR_CACHE to a folder of your own.",
      cause: error,
    });
  }
}

function proxyAgent(environment: Environment): EnvHttpProxyAgent {
  return new EnvHttpProxyAgent({
    httpProxy: environment.http_proxy ?? environment.HTTP_PROXY ?? "",
    httpsProxy: environment.https_proxy ?? environment.HTTPS_PROXY ?? "",
    noProxy: environment.no_proxy ?? environment.NO_PROXY ?? "",
  });
}

async function describe(card: DatasetCard, path: string): Promise<FetchedDataset> {
  const { rows, sha256 } = await readProblems(withCard(card, path));
  return { path, rows, sha256, downloaded: false };
}

async function describeCached(card: DatasetCard, path: string): Promise<FetchedDataset> {
  try {
    return await describe(card, path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`The file in the cache is damaged. ${error.message}`, {
      hint: `Download it again: sctir datasets fetch ${card.name} --again`,
      cause: error,
    });
  }
}

/** Where a set's file is on the hub, or on what HF_ENDPOINT names instead. */
export function sourceUrl(card: DatasetCard, { HF_ENDPOINT }: Environment): string {
  if (!card.source) {
    throw new UserError(`The set ${card.name} has no source to download it from.`, {
      hint: `See ${card.homepage}, and give the file's place with path: in the config.`,
    });
  }
  const endpoint = HF_ENDPOINT || "https://huggingface.co";
  const { username = "", password = "" } = URL.parse(endpoint) ?? {};
  if (username + password !== "") {
    throw new UserError("HF_ENDPOINT has a user name or a password in it.", {
      hint: "Messages show the address. Put an access token into HF_TOKEN.",
    });
  }
  if (!/^https?:\/\/[^/]/u.test(endpoint) || !URL.canParse(endpoint)) {
    throw new UserError(
      `HF_ENDPOINT is ${JSON.stringify(endpoint)}; expected an address such as https://huggingface.co.`,
    );
  }
  const { repository, revision, path } = card.source;
  const parts = ["datasets", ...repository.split("/"), "resolve", revision, ...path.split("/")].map(encodeURIComponent);
  return `${endpoint.replace(/\/+$/u, "")}/${parts.join("/")}`;
}

async function checkDownload(card: DatasetCard, partialPath: string, url: string) {
  let contents: Awaited<ReturnType<typeof readProblems>>;
  try {
    contents = await readProblems({ ...withCard(card, partialPath), fileName: basename(card.file) });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    await discardPartial(partialPath);
    throw new UserError(
      `${url} did not send the set ${card.name}: ${error.message.replaceAll(partialPath, "the file")}`,
      {
        hint: "Nothing was kept. Check HF_ENDPOINT, and whether the network asks for a login.",
        exitCode: exitCodes.checkFailed,
        cause: error,
      },
    );
  }
  if (contents.rows === card.rows.before) return contents;
  await discardPartial(partialPath);
  throw new UserError(`${url} sent ${contents.rows} rows; the set ${card.name} has ${card.rows.before}.`, {
    hint: "The set may have changed at its source. To use that file all the same, download it by hand and give its place with path: in the config.",
    exitCode: exitCodes.checkFailed,
  });
}

async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw fileFault(error, directory);
  });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isFile(),
    () => false,
  );
}
