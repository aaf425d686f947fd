import { fileURLToPath } from "node:url";
import { profileSchema } from "../../pipeline/artifacts/profile.ts";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import { readYaml } from "../../pipeline/commands/yaml-file.ts";
import { reasoningRules } from "../../pipeline/core/strategy.ts";
import { depth, inFlight, width } from "./made-run.ts";

/** How a made run is configured. */
export async function madeSetting() {
  const file = fileURLToPath(new URL("../../profiles/tir.yaml", import.meta.url));
  const profile = profileSchema.parse(await readYaml(file, "profile"));
  const config = runConfigSchema.parse({
    problems: [{ set: "made", file: "unused.jsonl" }],
    profile: "tir",
    engine: { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "made" }, // nobody asks it
    sampling: { width, depth },
    schedule: { concurrency: inFlight },
  });
  return { config, profile, rules: reasoningRules(profile, config) };
}
