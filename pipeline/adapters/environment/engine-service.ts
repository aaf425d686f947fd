import type { RunConfig } from "../../artifacts/run-config.ts";
import { exitCodes } from "../../core/user-error.ts";
import type { Engine, EngineDescription } from "../../stages/ports.ts";
import { type CheckResult, failed, failedBy, ok, warning } from "./check.ts";

const patienceMilliseconds = 60_000;

/** Whether the config's engine answers, has the model, has room for a turn, and continues a text. */
export async function checkEngine(open: () => Promise<Engine>, config: RunConfig): Promise<CheckResult[]> {
  let engine: Engine | undefined;
  try {
    engine = await open();
    const description = await engine.connect();
    const found = [ok("engine", describeEngine(description)), checkContext(description, config)];
    // A replay continues the statements it has, and nothing else.
    if (config.engine.kind === "vllm") found.push(await checkContinuation(engine));
    return found;
  } catch (error) {
    return [failedBy("engine", error)];
  } finally {
    await engine?.close();
  }
}

function describeEngine({ kind, baseUrl, model, serverVersion }: EngineDescription): string {
  const server = `${kind}${serverVersion ? ` ${serverVersion}` : ""}`;
  return `${server}${baseUrl ? ` at ${baseUrl}` : ""} has the model ${model}`;
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

async function checkContinuation(engine: Engine): Promise<CheckResult> {
  const check = "continuation";
  const result = await engine.generate({
    requestId: "doctor/continuation:0:0:0",
    statement: "What is 1 + 1?",
    prompt: "1 + 1 =",
    text: "",
    maxTokens: 4,
    temperature: 0,
    topP: 1,
    seed: 1,
    stop: [],
    keepStop: true,
    signal: AbortSignal.timeout(patienceMilliseconds),
  });
  switch (result.kind) {
    case "generation":
      return ok(check, `${result.tokens.completion} tokens in ${Math.round(result.milliseconds)} ms`);
    case "aborted":
      return warning(
        check,
        `no token within ${patienceMilliseconds / 1000} s`,
        "The server may be busy with other requests, or stuck: see its log.",
      );
    case "context-full":
      return failed(check, "the server has no room for a prompt of 7 characters", "See engine.maxModelLen.");
    case "engine-failed":
      return failed(check, result.reason, "See the server's log.", exitCodes.unavailable);
  }
}
