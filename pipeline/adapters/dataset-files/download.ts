import { open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { type Dispatcher, request } from "undici";
import { exitCodes, UserError } from "../../core/user-error.ts";
import { fileFault, fileSha256 } from "./data-file.ts";

export interface DownloadProgress {
  bytes: number; // on disk so far
  totalBytes?: number; // where the server tells
}

export interface DownloadRequest {
  url: string;
  /** Sent to the url's own origin only, never to one it redirects to. */
  token?: string | undefined;
  /** Where the bytes go. What is there from an earlier try is gone on with, if the server still has the same file. */
  partialPath: string;
  sha256?: string | undefined;
  dispatcher?: Dispatcher | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Waits between tries. */
  sleep(milliseconds: number): Promise<unknown>;
}

const attemptsAtMost = 6;
const redirectsAtMost = 10;
const bytesAtMost = 2 ** 31; // no problem set comes near; an endless answer must not fill the disk
const firstPauseMilliseconds = 500;
const longestPauseMilliseconds = 30_000;

/**
 * Downloads a file to `partialPath`, whole and checked against `sha256` and, where the server gives one, the checksum
 * in X-Linked-ETag. An interrupted download is gone on with by Range and If-Range
 * (https://www.rfc-editor.org/rfc/rfc9110#name-range-requests). Server faults (429, 5xx, a broken connection) are tried
 * again up to six times; then, and for what trying again does not mend, it throws a UserError. The partial file is kept
 * for the next call unless its content was found to be wrong.
 */
export async function download(job: DownloadRequest): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptOnce(job);
    } catch (error) {
      if (!(error instanceof TransientFault)) throw error;
      if (attempt >= attemptsAtMost) {
        throw new UserError(`${job.url} could not be downloaded: ${error.message}, ${attempt} times in a row.`, {
          hint: "Try again later; what has arrived is kept.",
          exitCode: exitCodes.unavailable,
          cause: error.cause ?? error,
        });
      }
      const pause = error.retryAfterMilliseconds ?? firstPauseMilliseconds * 2 ** (attempt - 1);
      await job.sleep(Math.min(pause, longestPauseMilliseconds));
    }
  }
}

/** What `download` notes beside the partial file, so that a later process can go on with it. */
export function partialNotePath(partialPath: string): string {
  return `${partialPath}.json`;
}

export async function discardPartial(partialPath: string): Promise<void> {
  await rm(partialPath, { force: true });
  await rm(partialNotePath(partialPath), { force: true });
}

/** A fault that may be gone at the next try. */
class TransientFault extends Error {
  readonly retryAfterMilliseconds: number | undefined;

  constructor(
    message: string,
    { cause, retryAfterMilliseconds }: { cause?: unknown; retryAfterMilliseconds?: number } = {},
  ) {
    super(message, { cause });
    this.retryAfterMilliseconds = retryAfterMilliseconds;
  }
}

interface Partial {
  bytes: number;
  etag: string; // strong
}

async function attemptOnce(job: DownloadRequest): Promise<void> {
  const partial = await readPartial(job.partialPath);
  const { response, linkedSha256 } = await send(job, partial);
  const { statusCode } = response;
  if (partial && statusCode === 416) {
    // Nothing is left to send: either the file is complete, or it is not the same file any more.
    await discardBody(response);
    if (contentRange(response)?.totalBytes !== partial.bytes) return startAgain(job, "the partial file did not fit");
  } else if (partial && statusCode === 206) {
    const range = contentRange(response);
    const changed = headerOf(response, "etag") !== partial.etag;
    if (changed || range?.start !== partial.bytes) {
      await discardBody(response);
      return startAgain(job, "the server sent another part than was asked for");
    }
    await receive(job, response, { from: partial.bytes, totalBytes: range.totalBytes });
  } else if (statusCode === 200) {
    await discardPartial(job.partialPath);
    await notePartial(job.partialPath, headerOf(response, "etag"));
    await receive(job, response, { from: 0, totalBytes: contentLength(response) });
  } else {
    await refuse(job, response);
  }
  await checkSum(job, linkedSha256, partial !== undefined && statusCode !== 200);
}

async function startAgain(job: DownloadRequest, reason: string): Promise<never> {
  await discardPartial(job.partialPath);
  throw new TransientFault(reason, { retryAfterMilliseconds: 0 });
}

interface Answer {
  response: Dispatcher.ResponseData;
  linkedSha256: string | undefined;
}

/** Sends the request and follows redirects by hand, because a token must stay with the origin it was given for. */
async function send(
  { url, token, dispatcher, signal }: DownloadRequest,
  partial: Partial | undefined,
): Promise<Answer> {
  const origin = new URL(url).origin;
  let current = new URL(url);
  let linkedSha256: string | undefined;
  for (let hop = 0; hop <= redirectsAtMost; hop += 1) {
    const response = await connecting(current, signal, () =>
      request(current, {
        headers: {
          "user-agent": "sctir",
          "accept-encoding": "identity", // lengths and ranges are the file's own then
          ...(token && current.origin === origin && { authorization: `Bearer ${token}` }),
          ...(partial && { range: `bytes=${partial.bytes}-`, "if-range": partial.etag }),
        },
        headersTimeout: 30_000,
        bodyTimeout: 60_000,
        ...(dispatcher && { dispatcher }),
        ...(signal && { signal }),
      }),
    );
    linkedSha256 ??= sha256Of(headerOf(response, "x-linked-etag"));
    const location = headerOf(response, "location");
    if (![301, 302, 303, 307, 308].includes(response.statusCode) || location === undefined) {
      return { response, linkedSha256 };
    }
    await discardBody(response);
    current = redirected(location, current);
  }
  throw new UserError(`${url} redirects more than ${redirectsAtMost} times.`, { exitCode: exitCodes.unavailable });
}

function redirected(location: string, from: URL): URL {
  if (URL.canParse(location, from.href)) {
    const target = new URL(location, from.href);
    if (target.protocol === "https:" || (target.protocol === "http:" && from.protocol === "http:")) return target;
  }
  throw new UserError(`${from.origin} redirects to ${JSON.stringify(location)}, which is not followed.`, {
    hint: "A download over https goes on over https only. Check HF_ENDPOINT and the network's proxy.",
    exitCode: exitCodes.unavailable,
  });
}

async function receive(
  job: DownloadRequest,
  { body }: Dispatcher.ResponseData,
  { from, totalBytes }: { from: number; totalBytes: number | undefined },
): Promise<void> {
  const { partialPath, onProgress, signal } = job;
  let bytes = from;
  const report = () => onProgress?.(totalBytes === undefined ? { bytes } : { bytes, totalBytes });
  // Without this listener an abort between two reads would be an uncaught error.
  body.on("error", () => {});
  const handle = await writing(partialPath, () => open(partialPath, from === 0 ? "w" : "a"));
  try {
    report();
    const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    while (true) {
      const next = await connecting(new URL(job.url), signal, () => chunks.next());
      if (next.done) break;
      if (bytes + next.value.length > bytesAtMost) {
        throw new UserError(`${job.url} sends more than ${bytesAtMost / 2 ** 30} GiB, which no problem set has.`);
      }
      await writing(partialPath, () => handle.appendFile(next.value));
      bytes += next.value.length;
      report();
    }
    await writing(partialPath, () => handle.sync());
  } finally {
    body.destroy();
    await handle.close();
  }
  if (totalBytes !== undefined && bytes < totalBytes) {
    throw new TransientFault(`only ${bytes} of ${totalBytes} bytes arrived`);
  }
  if (totalBytes !== undefined && bytes > totalBytes) await startAgain(job, "more bytes arrived than were announced");
}

/** Ends the attempt for an answer that holds no file. */
async function refuse({ url, token }: DownloadRequest, response: Dispatcher.ResponseData): Promise<never> {
  const { statusCode } = response;
  const told = headerOf(response, "x-error-message");
  await discardBody(response);
  const masked = token ? told?.replaceAll(token, "[token]") : told; // some servers repeat what they were sent
  const answer = `${url} answers ${statusCode}${masked ? ` (${masked.slice(0, 200)})` : ""}`;
  if (statusCode === 429 || statusCode === 408 || statusCode >= 500) {
    const seconds = Number(headerOf(response, "retry-after"));
    const wait = Number.isFinite(seconds) && seconds > 0 ? { retryAfterMilliseconds: seconds * 1000 } : {};
    throw new TransientFault(`the server answers ${statusCode}`, wait);
  }
  if (statusCode === 401 || statusCode === 403) {
    throw new UserError(`${answer}: access is refused.`, {
      hint: token
        ? "The token in HF_TOKEN does not open it. Accept the data set's terms on its page, or use another token."
        : "If the data set is gated, accept its terms on its page and put an access token into HF_TOKEN. The hub answers so for names that do not exist, too.",
    });
  }
  if (statusCode === 404 || statusCode === 410) {
    throw new UserError(`${answer}: there is no such file.`, {
      hint: "The set may have moved. Look at its page, download the file by hand and give its place with path: in the config.",
    });
  }
  throw new UserError(`${answer}, which is no download.`, {
    hint: "Check HF_ENDPOINT, or download the file by hand and give its place with path: in the config.",
    exitCode: exitCodes.unavailable,
  });
}

async function checkSum(job: DownloadRequest, linkedSha256: string | undefined, wasResumed: boolean): Promise<void> {
  const expected = job.sha256 ?? linkedSha256;
  if (expected === undefined) return;
  const found = await fileSha256(job.partialPath);
  if (found === expected) return;
  // Two halves of different files: begin anew rather than give up.
  if (wasResumed) return startAgain(job, "the parts did not make the file");
  await discardPartial(job.partialPath);
  throw new UserError(`${job.url} sent a file with the sha256 ${found}; expected ${expected}.`, {
    hint: "The file was damaged on its way, or it is another one than the set's card knows.",
    exitCode: exitCodes.checkFailed,
  });
}

/** Runs a step that talks to the server; turns what goes wrong into a TransientFault or a UserError. */
async function connecting<Value>(
  url: URL,
  signal: AbortSignal | undefined,
  step: () => Promise<Value>,
): Promise<Value> {
  try {
    return await step();
  } catch (error) {
    if (signal?.aborted) {
      throw new UserError("The download was interrupted.", {
        hint: "What has arrived is kept; the same command goes on with it.",
        exitCode: exitCodes.interrupted,
        cause: error,
      });
    }
    const code = networkCode(error);
    if (code === undefined) throw error;
    const fault =
      networkFaults[code] ?? (/CERT|SSL|TLS|SELF_SIGNED/u.test(code) ? "its certificate is not trusted" : undefined);
    if (fault === undefined) throw new TransientFault(`the connection broke off (${code})`, { cause: error });
    throw new UserError(`${url.origin} cannot be reached: ${fault} (${code}).`, {
      hint: "Check the network and its proxy (HTTPS_PROXY). Without a network, copy the file here and give its place with path: in the config.",
      exitCode: exitCodes.unavailable,
      cause: error,
    });
  }
}

/** Faults that another try in a second does not mend. */
const networkFaults: Record<string, string> = {
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "its name cannot be looked up",
  ECONNREFUSED: "nothing listens there",
  EHOSTUNREACH: "there is no way to it",
  ENETUNREACH: "there is no network",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer",
};

function networkCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  return networkCode(first);
}

async function writing<Value>(path: string, step: () => Promise<Value>): Promise<Value> {
  try {
    return await step();
  } catch (error) {
    throw fileFault(error, path);
  }
}

/** The partial file of an earlier try, if there is one that a server can be asked to go on with. */
async function readPartial(partialPath: string): Promise<Partial | undefined> {
  try {
    const { size } = await stat(partialPath);
    const note: unknown = JSON.parse(await readFile(partialNotePath(partialPath), "utf8"));
    if (size === 0 || typeof note !== "object" || note === null || !("etag" in note)) return undefined;
    return typeof note.etag === "string" ? { bytes: size, etag: note.etag } : undefined;
  } catch {
    return undefined;
  }
}

/** A weak etag does not promise equal bytes, so nothing is gone on with after one (RFC 9110, If-Range). */
async function notePartial(partialPath: string, etag: string | undefined): Promise<void> {
  if (etag === undefined || etag.startsWith("W/")) return;
  await writing(partialPath, () => writeFile(partialNotePath(partialPath), `${JSON.stringify({ etag })}\n`));
}

function headerOf({ headers }: Dispatcher.ResponseData, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function contentLength(response: Dispatcher.ResponseData): number | undefined {
  const text = headerOf(response, "content-length");
  return text !== undefined && /^\d+$/u.test(text) ? Number(text) : undefined;
}

/** `bytes 10-99/100`; a star stands for a range or a length that the server does not tell. */
function contentRange(
  response: Dispatcher.ResponseData,
): { start?: number; totalBytes: number | undefined } | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/u.exec(headerOf(response, "content-range") ?? "");
  if (!match) return undefined;
  const [, start, total] = match;
  const totalBytes = total === "*" ? undefined : Number(total);
  return start === undefined ? { totalBytes } : { start: Number(start), totalBytes };
}

/** The hub gives the checksum of a large file as its linked etag; other etags are something else. */
function sha256Of(etag: string | undefined): string | undefined {
  return /^"?([0-9a-f]{64})"?$/u.exec(etag ?? "")?.[1];
}

/** Reads an unwanted body to its end, or drops the connection if it is long. */
async function discardBody({ body }: Dispatcher.ResponseData): Promise<void> {
  body.on("error", () => {});
  await body.dump({ limit: 65_536 }).catch(() => {});
}
