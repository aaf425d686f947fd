export const finishedReasons = ["stop", "length", "abort", "error"] as const;
export type FinishedReason = (typeof finishedReasons)[number];

/** The counts behind GET /metrics, under vLLM's names (vllm/v1/metrics/loggers.py). */
export class Metrics {
  running = 0;
  promptTokens = 0;
  generationTokens = 0;
  readonly finished: Record<FinishedReason, number> = { stop: 0, length: 0, abort: 0, error: 0 };

  /** Prometheus text. Nothing waits here and no cache is kept, so those two gauges are always 0. */
  text(model: string): string {
    const escaped = model.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    const labels = `engine="0",model_name="${escaped}"`;
    const metric = (name: string, kind: "gauge" | "counter", help: string, samples: readonly [string, number][]) => [
      `# HELP vllm:${name} ${help}`,
      `# TYPE vllm:${name} ${kind}`,
      ...samples.map(([extra, value]) => `vllm:${name}{${labels}${extra}} ${value}`),
    ];
    return [
      metric("num_requests_running", "gauge", "Requests being answered.", [["", this.running]]),
      metric("num_requests_waiting", "gauge", "Requests waiting to be processed.", [["", 0]]),
      metric("kv_cache_usage_perc", "gauge", "KV-cache usage. 1 means 100 percent usage.", [["", 0]]),
      metric("prompt_tokens_total", "counter", "Prefill tokens processed.", [["", this.promptTokens]]),
      metric("generation_tokens_total", "counter", "Generation tokens processed.", [["", this.generationTokens]]),
      metric(
        "request_success_total",
        "counter",
        "Successfully processed requests.",
        finishedReasons.map((reason) => [`,finished_reason="${reason}"`, this.finished[reason]]),
      ),
    ]
      .map((lines) => `${lines.join("\n")}\n`)
      .join("");
  }
}
