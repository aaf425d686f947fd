import type { RunConfig } from "../../artifacts/run-config.ts";
import { describeCompute } from "../../core/compute.ts";
import type { Engine, EngineDescription } from "../../stages/ports.ts";
import { type CheckResult, failedBy, ok, warning } from "./check.ts";
import { checkGeneration } from "./smoke-generation.ts";

/** Whether the config's engine answers, has the model, has room for a turn, and generates as a run relies on. */
export async function checkEngine(open: () => Promise<Engine>, config: RunConfig): Promise<CheckResult[]> {
  let engine: Engine | undefined;
  try {
    engine = await open();
    const description = await engine.connect();
    const generation =
      config.engine.kind === "replay"
        ? [ok("generation", "not asked for: a replay continues the statements it has, and nothing else")]
        : await checkGeneration(engine);
    return [ok("engine", describeEngine(description)), checkContext(description, config), ...generation];
  } catch (error) {
    return [failedBy("engine", error)];
  } finally {
    await engine?.close();
  }
}

function describeEngine({ kind, baseUrl, model, serverVersion, file, compute }: EngineDescription): string {
  const server = `${kind}${serverVersion ? ` ${serverVersion}` : ""}`;
  const details = file ? `, ${file.quantization}, sha256 ${file.sha256.slice(0, 12)}…` : "";
  return `${server}${baseUrl ? ` at ${baseUrl}` : ""} has the model ${model}${details}${compute ? `, ${describeCompute(compute)}` : ""}`;
}

function checkContext({ maxModelLen }: EngineDescription, { sampling, strategy }: RunConfig): CheckResult {
  const check = "context length";
  if (maxModelLen === undefined) {
    return warning(
      check,
      "the server does not tell it, so a full context shows only as a refused request",
      "Set engine.maxModelLen to the length the server was started with.",
    );
  }
  const { maxTokens, depth } = sampling;
  if (maxTokens >= maxModelLen) {
    return warning(
      check,
      `${maxModelLen} tokens, and one turn may take ${maxTokens}: nothing is left for the prompt`,
      "Lower sampling.maxTokens, or start the server with a longer context (--max-model-len).",
    );
  }
  const turns = strategy === "sc-tir" ? depth : 1;
  const most = turns * maxTokens;
  const remark = most < maxModelLen ? "" : `; ${turns} turns of ${maxTokens} can fill it (candidates end context-full)`;
  return ok(check, `${maxModelLen} tokens${remark}`);
}
