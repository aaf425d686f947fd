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
  profile: Profile,
  config: Pick<RunConfig, "strategy" | "sampling" | "python">,
): ReasoningRules {
  const state = config.python.state ?? profile.state;
  switch (config.strategy) {
    case "sc-tir":
      return { profile, depth: config.sampling.depth, state };
    case "cot":
      return { profile: withoutExecution(profile), depth: 1, state };
    case "single-step":
      return {
        profile: { ...profile, answer: { ...profile.answer, from: "output", normalize: "plain" } },
        depth: 1,
        state,
      };
  }
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
