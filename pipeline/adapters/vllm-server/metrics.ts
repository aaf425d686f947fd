// A request whose client has gone counts under none of them, as with vLLM 0.32.
const finishedReasons = ["stop", "length", "abort", "error", "repetition"] as const;

/** What a server counts of its requests. */
export class ServerCounts {
  running = 0;
  promptTokens = 0;
  generationTokens = 0;
  readonly finished = { stop: 0, length: 0, abort: 0, error: 0, repetition: 0 };
}

/** How an engine stands that has a queue and a KV cache. */
export interface CachingEngineState {
  running: number;
  waiting: number;
  kvUsage: number; // 0 to 1
  preemptions: number;
  promptTokens: number; // computed or found in the cache
  generatedTokens: number;
  cacheQueries: number; // prompt tokens that were looked for in the prefix cache
  cacheHits: number; // and those that were found
  busyMilliseconds: number; // in steps that have ended
}

export interface CachingEngine {
  state: CachingEngineState;
  blockSize: number; // tokens
  blocks: number;
}

/**
 * Prometheus text, under vLLM's names (vllm/v1/metrics/loggers.py). Without an engine nothing waits and no cache is kept,
 * so those gauges are 0.
 */
export function metricsPage(model: string, counts: ServerCounts, engine?: CachingEngine): string {
  const labels = `engine="0",model_name="${escaped(model)}"`;
  const metric = (name: string, kind: "gauge" | "counter", help: string, samples: readonly [string, number][]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${kind}`,
    ...samples.map(([extra, value]) => `${name}{${labels}${extra}} ${value}`),
  ];
  const gauge = (name: string, help: string, value: number) => metric(`vllm:${name}`, "gauge", help, [["", value]]);
  const counter = (name: string, help: string, value: number) =>
    metric(`vllm:${name}_total`, "counter", help, [["", value]]);

  const state = engine?.state;
  return [
    gauge("num_requests_running", "Requests being answered.", state?.running ?? counts.running),
    gauge("num_requests_waiting", "Requests waiting to be processed.", state?.waiting ?? 0),
    gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", state?.kvUsage ?? 0),
    counter("prompt_tokens", "Prefill tokens processed.", state?.promptTokens ?? counts.promptTokens),
    counter("generation_tokens", "Generation tokens processed.", state?.generatedTokens ?? counts.generationTokens),
    metric(
      "vllm:request_success_total",
      "counter",
      "Successfully processed requests.",
      finishedReasons.map((reason) => [`,finished_reason="${reason}"`, counts.finished[reason]]),
    ),
    ...(engine ? cacheMetrics(engine) : []),
  ]
    .map((lines) => `${lines.join("\n")}\n`)
    .join("");

  function cacheMetrics({ state, blockSize, blocks }: CachingEngine): string[][] {
    const config =
      `,_block_size_resolved="True",block_size="${blockSize}",enable_prefix_caching="True"` +
      `,kv_cache_size_tokens="${blocks * blockSize}",num_gpu_blocks="${blocks}"`;
    return [
      counter("prefix_cache_queries", "Prompt tokens looked for in the prefix cache.", state.cacheQueries),
      counter("prefix_cache_hits", "Prompt tokens found in the prefix cache.", state.cacheHits),
      counter("num_preemptions", "Preemptions.", state.preemptions),
      metric("vllm:cache_config_info", "gauge", "Information of the LLMEngine CacheConfig.", [[config, 1]]),
      metric("sctir:engine_busy_seconds_total", "counter", "Seconds in steps that have ended.", [
        ["", state.busyMilliseconds / 1000],
      ]),
    ];
  }
}

function escaped(label: string): string {
  return label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
