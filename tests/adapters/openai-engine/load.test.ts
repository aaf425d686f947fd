import { describe, expect, it } from "vitest";
import { until } from "../../helpers/scripted-engine.ts";
import { anEngine, aRequest, aServer } from "./engine-under-test.ts";

const labels = 'engine="0",model_name="scripted"';

function metrics(body: string) {
  const raw = `# HELP vllm:x Some text.\n# TYPE vllm:x gauge\n${body}\n`;
  return {
    intercept: (path: string) => (path === "/metrics" ? { raw, contentType: "text/plain; version=0.0.4" } : undefined),
  };
}

function page(cache: { blocks: number; running?: number }): string {
  return [
    `vllm:num_requests_running{${labels}} ${cache.running ?? 0}`,
    `vllm:num_requests_waiting{${labels}} 0`,
    `vllm:num_preemptions_total{${labels}} 3.0`,
    `vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="${cache.blocks}",num_gpu_blocks_override="None"} 1.0`,
  ].join("\n");
}

describe("the load of an engine", () => {
  it("is what its metrics tell: the tokens that its cache holds", async () => {
    const server = await aServer(undefined, metrics(page({ blocks: 2400 })));
    expect(await anEngine({ baseUrls: [server.baseUrl] }).load?.()).toEqual({ cacheTokens: 38_400 });
  });

  it("is the sum over the engines of a server, and over servers", async () => {
    const both = `${page({ blocks: 1000 })}\n${page({ blocks: 500 }).replaceAll('engine="0"', 'engine="1"')}`;
    const [first, second] = [
      await aServer(undefined, metrics(both)),
      await aServer(undefined, metrics(page({ blocks: 100 }))),
    ];
    const engine = anEngine({ baseUrls: [first.baseUrl, second.baseUrl] });
    expect(await engine.load?.()).toEqual({ cacheTokens: 25_600 });
  });

  it.each([
    ["is not known without such a page", {}, undefined],
    ["says nothing where the page is no metrics", metrics("<html>Welcome</html>"), {}],
    ["leaves out what cannot be", metrics(page({ blocks: 0 })), {}],
    ["leaves out negative counts", metrics(page({ blocks: -5 })), {}],
  ])("%s", async (_, options, load) => {
    const server = await aServer(undefined, options);
    expect(await anEngine({ baseUrls: [server.baseUrl] }).load?.()).toEqual(load);
  });

  it("does not believe in a cache that holds less than one context", async () => {
    const server = await aServer(undefined, metrics(page({ blocks: 10 })));
    const engine = anEngine({ baseUrls: [server.baseUrl] });
    await engine.connect();
    expect(await engine.load?.()).toEqual({});
  });

  it("is empty while the server is away", async () => {
    const server = await aServer(undefined, metrics(page({ blocks: 1000 })));
    const engine = anEngine({ baseUrls: [server.baseUrl] });
    await server.close();
    expect(await engine.load?.()).toEqual({});
  });

  it("is empty while a server starts or a proxy has none behind it", async () => {
    const server = await aServer(undefined, {
      intercept: (path: string) => (path === "/metrics" ? { status: 503, message: "starting" } : undefined),
    });
    expect(await anEngine({ baseUrls: [server.baseUrl] }).load?.()).toEqual({});
  });

  it("counts others' requests: a new candidate goes where fewer are", async () => {
    const [crowded, quiet] = [
      await aServer(undefined, metrics(page({ blocks: 1000, running: 9 }))),
      await aServer(undefined, metrics(page({ blocks: 1000, running: 1 }))),
    ];
    const engine = anEngine({ baseUrls: [crowded.baseUrl, quiet.baseUrl] });
    await engine.load?.();
    for (let candidate = 0; candidate < 4; candidate += 1) {
      await engine.generate(aRequest({ requestId: `set/p:0:${candidate}:0` }));
    }
    await until(() => quiet.log.length === 4);
    expect(crowded.log).toHaveLength(0);
  });
});
