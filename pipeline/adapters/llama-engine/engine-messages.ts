import type { ExitCode } from "../../core/user-error.ts";
import type { Build } from "./installed-build.ts";
import type { Settings } from "./memory-plan.ts";
import type { ModelFile } from "./model-file.ts";

/** What the engine's process is told as it starts. */
export interface StartMessage {
  build: Build;
  file: ModelFile;
  settings: Settings;
  repeatable: boolean;
}

/** What it answers: where it serves, or why it does not. A `fault` is a bug's stack. */
export type StartedMessage =
  | { kind: "serving"; url: string }
  | { kind: "refused"; message: string; hint: string | undefined; exitCode: ExitCode }
  | { kind: "fault"; stack: string };
