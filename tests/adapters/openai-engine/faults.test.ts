import { describe, expect, it, onTestFinished } from "vitest";
import type { OpenEngineConfig } from "../../../pipeline/adapters/openai-engine/engine-config.ts";
import { type Fault, startFaultProxy } from "../../helpers/fault-proxy.ts";
import { until } from "../../helpers/scripted-engine.ts";
import { anEngine, aRequest, aServer } from "./engine-under-test.ts";

/** An engine behind a proxy that does a fault to the first attempt, and lets the rest pass. */
async function behind(fault: Fault, config: Partial<OpenEngineConfig> = {}) {
  const server = await aServer(() => "good");
  const proxy = await startFaultProxy(server.url, ({ attempt }) => (attempt === 0 ? fault : undefined));
  onTestFinished(() => proxy.close());
  const engine = anEngine({ baseUrls: [proxy.baseUrl], requestTimeoutSeconds: 60, ...config });
  return { proxy, generate: () => engine.generate(aRequest()) };
}

const json = (value: unknown): Fault => ({ kind: "answer", body: JSON.stringify(value) });

describe("a fault on the wire", () => {
  it.each<[string, Fault]>([
    ["a reset before an answer", { kind: "reset", at: "request" }],
    ["a reset within the headers", { kind: "reset", at: "headers" }],
    ["a reset within the body", { kind: "reset", at: "body" }],
    ["HTML with 200", { kind: "answer", headers: { "Content-Type": "text/html" }, body: "<h1>Welcome to nginx</h1>" }],
    ["truncated JSON", { kind: "change", body: (body) => body.slice(0, -20) }],
    ["a content length that is too long", { kind: "change", contentLength: 10 }],
    ["a content length that is too short", { kind: "change", contentLength: -10 }],
    ["no choices", json({ choices: [] })],
    ["null", json(null)],
  ])("is tried again: %s", async (_name, fault) => {
    const { proxy, generate } = await behind(fault);
    expect(await generate()).toMatchObject({ kind: "generation", text: "good" });
    expect(proxy.log.map(({ attempt }) => attempt)).toEqual([0, 1]);
  });

  it("is broken off and tried again: 100 MB of text", async () => {
    const { proxy, generate } = await behind({ kind: "flood", bytes: 1e8 });
    expect(await generate()).toMatchObject({ kind: "generation", text: "good" });
    expect(proxy.bytesWritten).toBeLessThan(3e7); // most of it in the buffers between the two
  });

  it.each<[string, Fault]>([
    ["nothing at all", { kind: "hang", at: "request" }],
    ["half of the headers, then nothing", { kind: "hang", at: "headers" }],
    ["half of the body, then nothing", { kind: "hang", at: "body" }],
    ["a byte a second", { kind: "drip", bytes: 1, milliseconds: 1000 }],
  ])("is given up when the time of a request is over: %s", async (_name, fault) => {
    const { proxy, generate } = await behind(fault, { requestTimeoutSeconds: 0.3 });
    expect(await generate()).toMatchObject({ kind: "engine-failed", attempts: 1 });
    await until(() => proxy.log[0]?.aborted === true);
  });
});
