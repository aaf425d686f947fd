import { describe, expect, it } from "vitest";
import { readRetryAfter } from "../../../pipeline/adapters/openai-engine/request-failure.ts";
import { type ScriptedReply, until } from "../../helpers/scripted-engine.ts";
import { anEngine, aRequest, aServer, engineOn, instantly } from "./engine-under-test.ts";

/** Faults first, one an attempt, then a good text. */
const faultsFirst =
  (...faults: ScriptedReply[]) =>
  ({ attempt }: { attempt: number }): ScriptedReply =>
    faults[attempt] ?? "good";

describe("a fault that may pass", () => {
  it.each([408, 409, 425, 429, 500, 502, 503, 504, 520])("is retried: HTTP %i", async (status) => {
    const { generate, server } = await engineOn(faultsFirst({ status }, { status }));
    expect(await generate()).toMatchObject({ kind: "generation", text: "good", requestId: "set/p:1:0:2:0:2" });
    expect(server.log.map(({ attempt }) => attempt)).toEqual([0, 1, 2]);
  });

  it("is retried: a reset connection", async () => {
    const { generate, server } = await engineOn(faultsFirst({ reset: true }));
    expect(await generate()).toMatchObject({ kind: "generation", text: "good" });
    expect(server.log).toHaveLength(2);
  });

  it("is waited for, twice as long each time up to 8 s, with jitter that shortens", async () => {
    const faults = Array<ScriptedReply>(8).fill({ status: 503 });
    const plain = await engineOn(faultsFirst(...faults), { maxAttempts: 9 });
    await plain.generate();
    expect(plain.waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
    const waits: number[] = [];
    const jittered = await engineOn(
      faultsFirst(...faults),
      { maxAttempts: 9 },
      {},
      { ...instantly(waits), random: () => 0.5 },
    );
    await jittered.generate();
    expect(waits).toEqual([188, 375, 750, 1500, 3000, 6000, 6000, 6000]);
  });

  it("is waited for as long as Retry-After says, up to a minute", async () => {
    const wait = (value: string) => ({ status: 429, headers: { "Retry-After": value } });
    const { generate, waits } = await engineOn(faultsFirst(wait("7"), wait("0"), wait("86400"), wait("soon")), {
      maxAttempts: 9,
    });
    await generate();
    expect(waits).toEqual([7000, 500, 60_000, 2000]);
  });

  it("is waited for until the date in Retry-After", async () => {
    const date = (text: string) => ({ status: 503, headers: { "Retry-After": text } });
    const faults = [date("Fri, 31 Dec 9999 23:59:59 GMT"), date("Fri, 31 Dec 1999 23:59:59 GMT")];
    const { generate, waits } = await engineOn(faultsFirst(...faults));
    await generate();
    expect(waits).toEqual([60_000, 500]);
    expect(readRetryAfter("Fri, 31 Dec 1999 23:59:59 GMT", Date.UTC(1999, 11, 31, 23, 59, 29))).toBe(30);
  });

  it("becomes engine-failed after the last attempt, with what the server said", async () => {
    const { generate, server } = await engineOn(() => ({ status: 503, message: "model is loading" }), {
      maxAttempts: 4,
    });
    expect(await generate()).toEqual({
      kind: "engine-failed",
      reason: `${server.baseUrl}: HTTP 503: model is loading`,
      attempts: 4,
      refusal: "overload",
    });
    expect(server.log).toHaveLength(4);
  });
});

describe("a request that took long to fail", () => {
  it("is aborted, and left to the caller: there was no answer in time", async () => {
    const { generate, server } = await engineOn(() => ({ hang: true }), { requestTimeoutSeconds: 0.2 });
    const reason = `${server.baseUrl}: no answer within 0.2 s`;
    expect(await generate()).toEqual({ kind: "engine-failed", reason, attempts: 1 });
    await until(() => server.log[0]?.aborted === true);
  });

  it("is left to the caller too where headers came in time, but not the body", async () => {
    const slow = { text: "x".repeat(5000), drip: 2000 };
    const { generate } = await engineOn(() => slow, { requestTimeoutSeconds: 0.2 });
    expect(await generate()).toMatchObject({ kind: "engine-failed", attempts: 1 });
  });
});

describe("a fault that lasts", () => {
  it.each([
    ...[400, 413, 422].map((status) => ({ status, refusal: "request" })),
    ...[401, 403, 404, 405, 501].map((status) => ({ status, refusal: "access" })),
  ])("is not retried: HTTP $status", async ({ status, refusal }) => {
    const { generate, server, waits } = await engineOn(() => ({ status, message: "no such thing" }));
    expect(await generate()).toEqual({
      kind: "engine-failed",
      reason: `${server.baseUrl}: HTTP ${status}: no such thing`,
      attempts: 1,
      refusal,
    });
    expect(waits).toEqual([]);
  });
});

describe("the reason of a failure", () => {
  const reasonOf = async (reply: ScriptedReply) => {
    const { generate } = await engineOn(() => reply, { maxAttempts: 1 });
    const result = await generate();
    return result.kind === "engine-failed" ? result.reason.replace(/^\S+ /u, "") : result.kind;
  };

  it.each<[string, ScriptedReply, string]>([
    [
      "of FastAPI",
      { status: 422, raw: '{"detail":[{"loc":["body"],"msg":"Unexpected keys"}]}' },
      "HTTP 422: Unexpected keys",
    ],
    ["of FastAPI, as a text", { status: 404, raw: '{"detail":"Not Found"}' }, "HTTP 404: Not Found"],
    ["of an old vLLM", { status: 400, raw: '{"object":"error","message":"bad stop"}' }, "HTTP 400: bad stop"],
    ["of vLLM's key check", { status: 401, raw: '{"error":"Unauthorized"}' }, "HTTP 401: Unauthorized"],
    [
      "of a proxy",
      { status: 502, raw: "<html><style>b{}</style>\n<h1>Bad\n Gateway</h1></html>", contentType: "text/html" },
      "HTTP 502: Bad Gateway",
    ],
    ["of nobody", { status: 500, raw: "" }, "HTTP 500"],
    ["with a terminal's control codes", { status: 500, message: "a\u001b[2Jb\u0007" }, "HTTP 500: a [2Jb"],
  ])("is the error body %s", async (_, reply, reason) => {
    expect(await reasonOf(reply)).toBe(reason);
  });

  it("is cut at 300 characters of the server's message", async () => {
    expect(await reasonOf({ status: 500, message: "a".repeat(5000) })).toBe(`HTTP 500: ${"a".repeat(299)}…`);
  });

  it("says that nothing listens", async () => {
    const server = await aServer();
    await server.close();
    const engine = anEngine({ baseUrls: [server.baseUrl] });
    expect(await engine.generate(aRequest())).toEqual({
      kind: "engine-failed",
      reason: `${server.baseUrl}: nothing listens there (connection refused)`,
      attempts: 3,
    });
  });

  it("says that the connection broke", async () => {
    expect(await reasonOf({ reset: true })).toBe("the connection was closed before the reply was whole");
  });
});
