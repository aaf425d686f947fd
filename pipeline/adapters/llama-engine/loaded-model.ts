import { exitCodes, UserError } from "../../core/user-error.ts";
import { type AddonContext, type AddonModel, type LlamaAddon, loadAddon } from "./addon.ts";
import { type Build, processorInstead } from "./installed-build.ts";
import { cellsOf, type Settings } from "./memory-plan.ts";
import type { ModelFile } from "./model-file.ts";
import { batchSize } from "./sequence-engine.ts";

/** A model in memory, with a context for its sequences. */
export interface LoadedModel {
  addon: LlamaAddon;
  model: AddonModel;
  context: AddonContext;
}

/** Loads a model. What is wrong with its file is a UserError. */
export async function loadModel(build: Build, file: ModelFile, settings: Settings): Promise<LoadedModel> {
  const messages: string[] = [];
  const addon = await loadAddon(build, (_, text) => messages.push(text));
  checkArchitecture(addon, file);
  const { gpuLayers } = settings;
  const model = new addon.AddonModel(file.path, { addonExports: addon, gpuLayers, useMmap: true });
  if (!(await model.init())) throw cannotLoad(file.path, await settled(messages));
  if (gpuLayers > 0 && model.getMemoryBreakdown().gpuVram === 0) {
    throw new UserError(`llama.cpp has put no layer of ${file.path} on the GPU: ${lastOf(await settled(messages))}`, {
      hint: `See docs/engines.md, "GPU builds". ${processorInstead}`,
      exitCode: exitCodes.unavailable,
    });
  }
  const context = new addon.AddonContext(model, {
    contextSize: cellsOf(settings.maxModelLen) * settings.sequences,
    batchSize: Math.max(batchSize, settings.sequences),
    sequences: settings.sequences,
    threads: settings.threads,
    flashAttention: "auto",
    swaFullCache: true, // so that a sequence can be gone back in
  });
  if (!(await context.init())) {
    throw new UserError(`llama.cpp has no memory for the context: ${lastOf(await settled(messages))}`, {
      hint: "Lower engine.sequences or engine.maxModelLen.",
      exitCode: exitCodes.unavailable,
    });
  }
  return { addon, model, context };
}

/** llama.cpp's messages come by way of the event loop. */
async function settled(messages: readonly string[]): Promise<readonly string[]> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  return messages;
}

function checkArchitecture(addon: LlamaAddon, { path, architecture }: ModelFile): void {
  if (!addon.getIsArchSupported(architecture)) {
    throw new UserError(`llama.cpp, as it is installed, does not know the architecture ${architecture} of ${path}.`, {
      hint: "A newer model needs a newer llama.cpp. Serve it with a current llama-server, or with vLLM.",
    });
  }
  // Their state cannot be gone back in, which filling up a group of sequences takes.
  if (addon.getIsArchRecurrent(architecture) || addon.getIsArchHybrid(architecture)) {
    throw new UserError(`${path} is a recurrent model (${architecture}), which is not served in here.`, {
      hint: "Serve it with llama-server or vLLM: docs/engines.md.",
    });
  }
}

const causes: readonly { pattern: RegExp; says: (found: string) => string; hint: string }[] = [
  {
    pattern: /unknown pre-tokenizer type: '([^']*)'/u,
    says: (name) => `its pre-tokenizer ${name} is not known to llama.cpp`,
    hint: "Texts would be cut into other tokens than in training. Set tokenizer.ggml.pre to the right known one as the model is converted, or use a newer llama.cpp.",
  },
  {
    pattern: /(data is not within the file bounds|is incomplete|failed to read|unexpectedly reached end of file)/u,
    says: () => "it is cut off: tensors are missing at its end",
    hint: "Copy or download the file again; compare its size and checksum with the source's.",
  },
  {
    pattern: /unable to allocate (\S+) buffer/u,
    says: (device) => `there is no memory for its weights on ${device}`,
    hint: "Lower engine.gpuLayers, or use a smaller quantization.",
  },
  {
    pattern: /(missing tensor '[^']*'|tensor '[^']*' has wrong shape|wrong number of tensors)/u,
    says: (what) => `its tensors do not fit its architecture (${what})`,
    hint: "Convert the model again. An adapter (LoRA) has to be merged into its model first.",
  },
];

function cannotLoad(path: string, messages: readonly string[]): UserError {
  const text = messages.join("");
  for (const { pattern, says, hint } of causes) {
    const found = pattern.exec(text);
    if (found) return new UserError(`${path} cannot be loaded: ${says(found[1] ?? "")}.`, { hint });
  }
  return new UserError(`${path} cannot be loaded: ${lastOf(messages)}`, {
    hint: "See whether llama.cpp's own tools load it, and convert it again if not.",
  });
}

function lastOf(messages: readonly string[]): string {
  const lines = messages.join("").trim().split("\n");
  return lines.findLast((line) => /error/iu.test(line)) ?? lines.at(-1) ?? "llama.cpp does not say why";
}
