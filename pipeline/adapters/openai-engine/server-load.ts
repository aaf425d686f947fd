import { exchange } from "./exchange.ts";
import type { ServerClient } from "./server-client.ts";

const answerWithinSeconds = 5;

/** What a server's /metrics tells, under vLLM's names (vllm/v1/metrics/loggers.py). */
export interface ServerLoad {
  /** Requests that run or wait there, whoever sent them. */
  requests?: number;
  cacheTokens?: number;
  /** A number that changes as long as the server works on requests; undefined where it counts no tokens. */
  progress?: number;
}

/** Empty where the server does not answer just now; undefined where it has no such page. */
export async function readServerLoad(
  server: ServerClient,
  {
    timeoutSeconds = answerWithinSeconds,
    ...ports
  }: { signal: AbortSignal; now: () => number; timeoutSeconds?: number },
): Promise<ServerLoad | undefined> {
  const page = await exchange(server, `${server.rootUrl}/metrics`, undefined, { ...ports, timeoutSeconds });
  if (page.kind === "aborted") return {};
  if (page.kind === "failure") return page.failure.passing ? {} : undefined;
  return typeof page.body === "string" ? loadIn(page.body) : undefined;
}

/** A long prompt fills the cache before it is counted. */
const progressMetrics = new Set(
  ["prompt_tokens", "generation_tokens"].flatMap((name) => [name, `${name}_total`]).concat("kv_cache_usage_perc"),
);

/** Sums over a server's engines, each of which has its own samples. Numbers that cannot be are left out. */
function loadIn(page: string): ServerLoad {
  let requests: number | undefined;
  let cacheTokens: number | undefined;
  let progress: number | undefined;
  for (const line of page.split("\n")) {
    const [, name, labels = "", value] = /^vllm:(\w+)(?:\{(.*)\})? (\S+)/u.exec(line) ?? [];
    const count = Number(value);
    if (!(count >= 0 && Number.isFinite(count))) continue;
    if (name === "num_requests_running" || name === "num_requests_waiting") requests = (requests ?? 0) + count;
    else if (progressMetrics.has(name ?? "")) progress = (progress ?? 0) + count;
    else if (name === "cache_config_info") {
      const tokens = numberIn(labels, "num_gpu_blocks") * numberIn(labels, "block_size");
      if (tokens > 0) cacheTokens = (cacheTokens ?? 0) + tokens;
    }
  }
  return {
    ...(requests === undefined ? {} : { requests }),
    ...(cacheTokens === undefined ? {} : { cacheTokens }),
    ...(progress === undefined ? {} : { progress }),
  };
}

function numberIn(labels: string, name: string): number {
  return Number(new RegExp(`(?:^|,)${name}="(\\d+)"`, "u").exec(labels)?.[1]);
}
