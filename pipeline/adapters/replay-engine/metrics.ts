import type { EngineState } from "../../core/engine-model/engine-model.ts";
import type { TimedModel } from "./timed-model.ts";

// A request whose client has gone counts under none of them, as with vLLM 0.32.
const finishedReasons = ["stop", "length", "abort", "error", "repetition"] as const;

/** The counts behind GET /metrics, under vLLM's names (vllm/v1/metrics/loggers.py). */
export class Metrics {
  running = 0;
  promptTokens = 0;
  generationTokens = 0;
  readonly finished = { stop: 0, length: 0, abort: 0, error: 0, repetition: 0 };

  /** Prometheus text. Without a model nothing waits and no cache is kept, so those gauges are 0. */
  text(model: string, timed?: TimedModel): string {
    const labels = `engine="0",model_name="${escaped(model)}"`;
    const metric = (name: string, kind: "gauge" | "counter", help: string, samples: readonly [string, number][]) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${kind}`,
      ...samples.map(([extra, value]) => `${name}{${labels}${extra}} ${value}`),
    ];
    const gauge = (name: string, help: string, value: number) => metric(`vllm:${name}`, "gauge", help, [["", value]]);
    const counter = (name: string, help: string, value: number) =>
      metric(`vllm:${name}_total`, "counter", help, [["", value]]);

    const state = timed?.state();
    const promptTokens = state?.promptTokens ?? this.promptTokens;
    const generatedTokens = state?.generatedTokens ?? this.generationTokens;
    return [
      gauge("num_requests_running", "Requests being answered.", state?.running ?? this.running),
      gauge("num_requests_waiting", "Requests waiting to be processed.", state?.waiting ?? 0),
      gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", state?.kvUsage ?? 0),
      counter("prompt_tokens", "Prefill tokens processed.", promptTokens),
      counter("generation_tokens", "Generation tokens processed.", generatedTokens),
      metric(
        "vllm:request_success_total",
        "counter",
        "Successfully processed requests.",
        finishedReasons.map((reason) => [`,finished_reason="${reason}"`, this.finished[reason]]),
      ),
      ...(timed && state ? [...cacheMetrics(timed, state)] : []),
    ]
      .map((lines) => `${lines.join("\n")}\n`)
      .join("");

    function cacheMetrics({ model: { limits } }: TimedModel, state: EngineState): string[][] {
      const config =
        `,_block_size_resolved="True",block_size="${limits.blockSize}",enable_prefix_caching="True"` +
        `,kv_cache_size_tokens="${limits.blocks * limits.blockSize}",num_gpu_blocks="${limits.blocks}"`;
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
}

function escaped(label: string): string {
  return label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
