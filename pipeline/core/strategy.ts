import type { Profile } from "../artifacts/profile.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { ReasoningRules } from "./trace.ts";

/**
 * The rules by which candidates of a run reason.
 *
 * sc-tir: as the profile says. cot: one message without execution; code in it is left alone. single-step: one
 * message, its last Python block is run, the last line printed is the answer (one-step programs, as with MMOS).
 */
export function reasoningRules(
  written: Profile,
  { strategy, sampling, python, engine }: Pick<RunConfig, "strategy" | "sampling" | "python" | "engine">,
): ReasoningRules {
  const profile = tellsStopStrings(engine) ? written : withInferredStops(written);
  const state = python.state ?? profile.state;
  switch (strategy) {
    case "sc-tir":
      return { profile, depth: sampling.depth, state };
    case "cot":
      return { profile: withoutExecution(profile), depth: 1, state };
    case "single-step":
      return { profile: withOutputAsAnswer(profile), depth: 1, state };
  }
}

/** vLLM says which stop string ended a message (`stop_reason`); the standard protocol does not. */
function tellsStopStrings(engine: RunConfig["engine"]): boolean {
  return engine.kind !== "vllm" || engine.dialect === "vllm";
}

/** Where nobody tells, a message that ends behind a closed block was stopped by the output fence. */
function withInferredStops(profile: Profile): Profile {
  return profile.executeOn === undefined ? profile : { ...profile, executeClosedBlock: true };
}

function withOutputAsAnswer(profile: Profile): Profile {
  return {
    ...profile,
    cut: { keep: "both-ends", marker: "\n...\n" }, // the last line counts
    answer: { ...profile.answer, from: "output", normalize: "plain" },
  };
}

function withoutExecution(profile: Profile): Profile {
  const { executeOn, ...rest } = profile;
  return {
    ...rest,
    stop: profile.stop.filter((text) => text !== executeOn),
    executeClosedBlock: false,
    answer: { ...profile.answer, needsOutput: false },
    afterAnswer: "stop",
    withoutCode: "go-on",
    withoutAnswer: "end",
    afterLength: "same",
  };
}
