import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadCard } from "../../../pipeline/adapters/dataset-files/cards.ts";
import { type FetchOptions, fetchDataset, sourceUrl } from "../../../pipeline/adapters/dataset-files/fetch-dataset.ts";
import { type DatasetCard, datasetCardSchema } from "../../../pipeline/artifacts/dataset-card.ts";
import { fileServer, type Handler, sendFile, sendPart } from "./file-server.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const folder = temporaryFolder();
const bytes = readFileSync(fileURLToPath(new URL("fixtures/doubles-zstd.parquet", import.meta.url)));
const checksum = createHash("sha256").update(bytes).digest("hex");

function card(changes: Partial<DatasetCard> = {}): DatasetCard {
  return datasetCardSchema.parse({
    name: "trial",
    title: "Trial",
    description: "",
    licence: "none",
    homepage: "",
    file: "trial.parquet",
    source: { repository: "owner/trial set", revision: "main", path: "data/train-00000-of-00001.parquet" },
    fields: { id: "url" },
    rows: { before: 6, after: 5 },
    ...changes,
  });
}

let caches = 0;

/** A server with this handler, an empty cache, and a fetch from the one into the other. */
async function trial(handler: Handler, { token = "" } = {}) {
  const server = await fileServer(handler);
  caches += 1;
  const cache = join(folder.path, `cache-${caches}`);
  const path = join(cache, "datasets/trial/trial.parquet");
  const pauses: number[] = [];
  const progress: { bytes: number; totalBytes?: number }[] = [];
  return {
    server,
    path,
    pauses,
    progress,
    partial: `${path}.partial`,
    /** Leaves what an interrupted download would have. */
    leavePartial(content: Uint8Array, etag: string) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(`${path}.partial`, content);
      writeFileSync(`${path}.partial.json`, JSON.stringify({ etag }));
    },
    fetch: (changes: Partial<DatasetCard> = {}, options: FetchOptions = {}) =>
      fetchDataset(card(changes), {
        environment: { HF_ENDPOINT: `${server.url}/`, SCTIR_CACHE: cache, HF_TOKEN: token },
        sleep: async (milliseconds) => {
          pauses.push(milliseconds);
        },
        onProgress: (step) => progress.push(step),
        ...options,
      }),
  };
}

/** A trial whose first connection breaks once a thousand bytes are on disk. */
async function brokenOff(etag: string) {
  let breakOff = () => {};
  const started = await trial((request, response, earlier) => {
    if (earlier === 0) breakOff = sendPart(response, bytes, 1000, etag);
    else sendFile(request, response, bytes, etag);
  });
  const onProgress = (step: { bytes: number }) => {
    if (step.bytes === 1000) breakOff();
  };
  return { ...started, fetch: () => started.fetch({}, { onProgress }) };
}

describe("fetching a set", () => {
  it("puts the file into the cache, under the card's name for it", async () => {
    const { fetch, path, partial, server, progress } = await trial((request, response) =>
      sendFile(request, response, bytes),
    );
    expect(await fetch()).toEqual({ path, rows: 6, sha256: checksum, downloaded: true });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(existsSync(partial)).toBe(false);
    expect(existsSync(`${partial}.json`)).toBe(false);
    expect(server.requests.map(({ url }) => url)).toEqual([
      "/datasets/owner/trial%20set/resolve/main/data/train-00000-of-00001.parquet",
    ]);
    expect(server.requests[0]?.headers).not.toHaveProperty("authorization");
    expect(progress.at(0)).toEqual({ bytes: 0, totalBytes: bytes.length });
    expect(progress.at(-1)).toEqual({ bytes: bytes.length, totalBytes: bytes.length });
  });

  it("asks for nothing that is in the cache, unless told to", async () => {
    const { fetch, path, server } = await trial((request, response) => sendFile(request, response, bytes));
    await fetch();
    expect(await fetch()).toEqual({ path, rows: 6, sha256: checksum, downloaded: false });
    expect(server.requests).toHaveLength(1);
    expect(await fetch({}, { again: true })).toMatchObject({ downloaded: true });
    expect(server.requests).toHaveLength(2);
  });

  it("says how to replace a damaged file in the cache", async () => {
    const { fetch, path } = await trial((request, response) => sendFile(request, response, bytes));
    await fetch();
    writeFileSync(path, bytes.subarray(0, 100));
    await expect(fetch()).rejects.toMatchObject({
      name: "UserError",
      hint: expect.stringContaining("sctir datasets fetch trial --again"),
    });
  });

  it("goes on after a connection that broke off", async () => {
    const { fetch, server, pauses } = await brokenOff('"v1"');
    expect(await fetch()).toMatchObject({ sha256: checksum });
    expect(server.requests[1]?.headers).toMatchObject({ range: "bytes=1000-", "if-range": '"v1"' });
    expect(pauses).toHaveLength(1);
  });

  it("does not go on after a weak etag", async () => {
    const { fetch, server } = await brokenOff('W/"v1"');
    expect(await fetch()).toMatchObject({ sha256: checksum });
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]?.headers).not.toHaveProperty("range");
  });

  it("goes on with what an earlier process left", async () => {
    const { fetch, server, leavePartial } = await trial((request, response) => sendFile(request, response, bytes));
    leavePartial(bytes.subarray(0, 700), '"v1"');
    expect(await fetch()).toMatchObject({ sha256: checksum });
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(["bytes=700-"]);
  });

  it("finishes a file that had arrived whole", async () => {
    const { fetch, server, leavePartial } = await trial((request, response) => sendFile(request, response, bytes));
    leavePartial(bytes, '"v1"');
    expect(await fetch()).toMatchObject({ sha256: checksum });
    expect(server.requests).toHaveLength(1); // answered 416
  });

  it("begins anew where more is here than the server has", async () => {
    const { fetch, leavePartial } = await trial((request, response) => sendFile(request, response, bytes));
    leavePartial(Buffer.concat([bytes, bytes]), '"v1"');
    expect(await fetch()).toMatchObject({ sha256: checksum });
  });

  it("begins anew where the server ignores the range", async () => {
    const { fetch, leavePartial } = await trial((_request, response) => {
      response.writeHead(200, { etag: '"v1"', "content-length": bytes.length }).end(bytes);
    });
    leavePartial(bytes.subarray(0, 700), '"v1"');
    expect(await fetch()).toMatchObject({ sha256: checksum });
  });

  it("begins anew where the file has changed in between", async () => {
    const { fetch, leavePartial } = await trial((request, response) => sendFile(request, response, bytes, '"v2"'));
    leavePartial(Buffer.alloc(700, "x"), '"v1"');
    expect(await fetch()).toMatchObject({ sha256: checksum });
  });

  it("begins anew where a server sends a part of the changed file all the same", async () => {
    const { fetch, leavePartial, server } = await trial((request, response) => {
      delete request.headers["if-range"];
      sendFile(request, response, bytes, '"v2"');
    });
    leavePartial(Buffer.alloc(700, "x"), '"v1"');
    expect(await fetch()).toMatchObject({ sha256: checksum });
    expect(server.requests).toHaveLength(2);
  });

  it("begins anew where the parts do not make the file", async () => {
    const { fetch, leavePartial } = await trial((request, response) => sendFile(request, response, bytes));
    leavePartial(Buffer.alloc(700, "x"), '"v1"');
    const source = { repository: "a/b", revision: "main", path: "c.parquet", sha256: checksum };
    expect(await fetch({ source })).toMatchObject({ sha256: checksum });
  });

  it.each([500, 502, 429])("tries again after %d, twice, waiting longer", async (status) => {
    const { fetch, pauses } = await trial((request, response, earlier) => {
      if (earlier < 2) response.writeHead(status).end("busy");
      else sendFile(request, response, bytes);
    });
    expect(await fetch()).toMatchObject({ sha256: checksum });
    expect(pauses).toEqual([500, 1000]);
  });

  it("waits as long as the server asks, within bounds", async () => {
    const { fetch, pauses } = await trial((request, response, earlier) => {
      if (earlier === 0) response.writeHead(429, { "retry-after": "7" }).end();
      else if (earlier === 1) response.writeHead(503, { "retry-after": "86400" }).end();
      else sendFile(request, response, bytes);
    });
    await fetch();
    expect(pauses).toEqual([7000, 30_000]);
  });

  it("gives up after six tries", async () => {
    const { fetch, server } = await trial((_request, response) => response.writeHead(500).end());
    await expect(fetch()).rejects.toMatchObject({
      name: "UserError",
      exitCode: 3,
      message: expect.stringContaining("the server answers 500, 6 times in a row"),
    });
    expect(server.requests).toHaveLength(6);
  });

  it.each([
    [404, "", 2, "there is no such file", "path:"],
    [401, "", 2, "access is refused", "HF_TOKEN"],
    [403, "secret", 2, "access is refused", "The token in HF_TOKEN does not open it"],
    [418, "", 3, "is no download", "HF_ENDPOINT"],
  ])("refused with %d (token: %j) ends at once with exit code %d", async (status, token, exitCode, message, hint) => {
    const { fetch, server } = await trial((_request, response) => response.writeHead(status).end(), { token });
    await expect(fetch()).rejects.toMatchObject({
      name: "UserError",
      exitCode,
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });
    expect(server.requests).toHaveLength(1);
  });

  it("that comes as a web page is no data set", async () => {
    const { fetch, path, partial } = await trial((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<!DOCTYPE html><p>Please log in");
    });
    await expect(fetch()).rejects.toMatchObject({
      name: "UserError",
      exitCode: 1,
      message: expect.stringContaining("it is a web page"),
    });
    expect([path, partial, `${partial}.json`].filter((file) => existsSync(file))).toEqual([]);
  });

  it("with another number of rows is no data set", async () => {
    const { fetch, path, partial } = await trial((request, response) => sendFile(request, response, bytes));
    await expect(fetch({ rows: { before: 83, after: 83 } })).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining("sent 6 rows; the set trial has 83"),
    });
    expect([path, partial].filter((file) => existsSync(file))).toEqual([]);
  });

  it("with another checksum than the card's is refused", async () => {
    const { fetch, path, partial } = await trial((request, response) => sendFile(request, response, bytes));
    const source = { repository: "a/b", revision: "main", path: "c.parquet", sha256: "0".repeat(64) };
    await expect(fetch({ source })).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining(`sha256 ${checksum}; expected 0000`),
    });
    expect([path, partial].filter((file) => existsSync(file))).toEqual([]);
  });

  it.each([
    ["a checksum", `"${"0".repeat(64)}"`, false],
    ["the right checksum", `"${checksum}"`, true],
    ["no checksum", '"v7"', true],
  ])("heeds the linked etag where it is %s", async (_what, etag, accepted) => {
    const { fetch } = await trial((request, response) => {
      response.setHeader("x-linked-etag", etag);
      sendFile(request, response, bytes);
    });
    if (accepted) expect(await fetch()).toMatchObject({ sha256: checksum });
    else
      await expect(fetch()).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining("expected 0000") });
  });

  it("sends the token to the hub, and not to where the hub redirects", async () => {
    const store = await fileServer((request, response) => sendFile(request, response, bytes));
    const { fetch, server } = await trial(
      (request, response, earlier) => {
        // First within the hub, by a relative address, then to another port: another origin.
        if (earlier === 0) response.writeHead(307, { location: `${request.url}?moved` }).end();
        else response.writeHead(302, { location: `${store.url}/blob`, "x-linked-etag": `"${checksum}"` }).end();
      },
      { token: "secret" },
    );
    expect(await fetch()).toMatchObject({ sha256: checksum });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer secret", "Bearer secret"]);
    expect(store.requests).toHaveLength(1);
    expect(store.requests[0]?.headers).not.toHaveProperty("authorization");
  });

  it("goes on through a redirect", async () => {
    const store = await fileServer((request, response) => sendFile(request, response, bytes));
    const { fetch, leavePartial } = await trial((_request, response) => {
      response.writeHead(302, { location: `${store.url}/blob` }).end();
    });
    leavePartial(bytes.subarray(0, 700), '"v1"');
    await fetch();
    expect(store.requests[0]?.headers).toMatchObject({ range: "bytes=700-" });
  });

  it.each([
    ["in a circle", "/again", "redirects more than 10 times"],
    ["to a file", "file:///etc/hosts", "which is not followed"],
  ])("redirected %s is refused", async (_what, location, message) => {
    const { fetch } = await trial((_request, response) => response.writeHead(302, { location }).end());
    await expect(fetch()).rejects.toMatchObject({ name: "UserError", message: expect.stringContaining(message) });
  });

  it("without a server says so, with exit code 3", async () => {
    const { server } = await trial((_request, response) => response.end());
    const port = new URL(server.url).port;
    const environment = { HF_ENDPOINT: `http://127.0.0.1:${port}`, SCTIR_CACHE: join(folder.path, "unreached") };
    await new Promise<void>((resolve) => {
      server.close(resolve);
    });
    await expect(fetchDataset(card(), { environment })).rejects.toMatchObject({
      name: "UserError",
      exitCode: 3,
      message: expect.stringContaining("cannot be reached"),
      hint: expect.stringContaining("path:"),
    });
  });

  it("can be interrupted, and goes on next time", async () => {
    const controller = new AbortController();
    const { fetch, server } = await trial((request, response, earlier) => {
      if (earlier > 0) return sendFile(request, response, bytes);
      response.writeHead(200, { etag: '"v1"', "content-length": bytes.length });
      response.write(bytes.subarray(0, 900)); // and no more
    });
    const onProgress = ({ bytes: arrived }: { bytes: number }) => {
      if (arrived > 0) controller.abort();
    };
    await expect(fetch({}, { signal: controller.signal, onProgress })).rejects.toMatchObject({ exitCode: 130 });
    expect(await fetch()).toMatchObject({ sha256: checksum });
    expect(server.requests[1]?.headers).toMatchObject({ range: "bytes=900-" });
  });

  it("is left to the process that is at it already", async () => {
    let finish = () => {};
    const { fetch, server } = await trial((request, response) => {
      finish = () => sendFile(request, response, bytes);
    });
    const first = fetch();
    await expect.poll(() => server.requests.length).toBe(1);
    await expect(fetch()).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining("is in use by"),
    });
    finish();
    expect(await first).toMatchObject({ sha256: checksum });
    expect(server.requests).toHaveLength(1);
  });

  it("into a cache that cannot be made is refused", async () => {
    const SCTIR_CACHE = folder.write("a-file", "");
    await expect(fetchDataset(card(), { environment: { SCTIR_CACHE } })).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining("a-file"),
    });
  });

  it("that comes along needs no download", async () => {
    expect(await fetchDataset(await loadCard("sample"), { environment: {} })).toMatchObject({
      rows: 24,
      downloaded: false,
    });
  });
});

describe("a set's address", () => {
  it("is the hub's, or that of HF_ENDPOINT", async () => {
    const amc = await loadCard("amc");
    const path = "datasets/AI-MO/aimo-validation-amc/resolve/main/data/train-00000-of-00001.parquet";
    expect(sourceUrl(amc, {})).toBe(`https://huggingface.co/${path}`);
    expect(sourceUrl(amc, { HF_ENDPOINT: "https://mirror.example/hub/" })).toBe(`https://mirror.example/hub/${path}`);
  });

  it.each(["mirror.example", "ftp://mirror.example", "https://"])("is refused for HF_ENDPOINT %s", (HF_ENDPOINT) => {
    expect(() => sourceUrl(card(), { HF_ENDPOINT })).toThrow(/HF_ENDPOINT is .*; expected an address/u);
  });
});
