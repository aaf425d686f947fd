import { badRequest } from "../vllm-server/protocol-error.ts";
import type { Message } from "../vllm-server/request-body.ts";
import type { LlamaAddon } from "./addon.ts";

export interface RenderOptions {
  addGenerationPrompt: boolean;
  continueFinalMessage: boolean;
}

/** Messages as the text that a model was trained on. What a template refuses is a ProtocolError. */
export type RenderChat = (messages: readonly Message[], options: RenderOptions) => string;

/** The model's own template, run by llama.cpp's Jinja. Without one, nothing can be rendered. */
export function chatRenderer(
  addon: LlamaAddon,
  template: string | undefined,
  specialTokens: { bos: string; eos: string },
): RenderChat {
  if (template === undefined) {
    return () => {
      throw badRequest("This model has no chat template. Send a prompt to /v1/completions.", "messages");
    };
  }
  const renderer = new addon.AddonJinjaRenderer(template);
  const variables = { bos_token: specialTokens.bos, eos_token: specialTokens.eos };
  return (messages, { addGenerationPrompt, continueFinalMessage }) => {
    const rendered = run(() =>
      renderer.render({
        ...variables,
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: addGenerationPrompt,
      }),
    );
    return continueFinalMessage ? upToFinalMessage(rendered, messages.at(-1)?.content ?? "") : rendered;
  };
}

function run(render: () => string): string {
  try {
    return render();
  } catch (error) {
    throw badRequest(`The chat template refuses this: ${error instanceof Error ? error.message : error}`, "messages");
  }
}

/** Cuts what the template puts behind the last message, as transformers does; the message may have lost outer blanks. */
function upToFinalMessage(rendered: string, message: string): string {
  const core = message.trim();
  const start = rendered.lastIndexOf(core);
  if (start < 0) throw badRequest("continue_final_message: the chat template changes the final message.", "messages");
  const withBlanks = message.trimStart();
  return rendered.slice(0, start + (rendered.startsWith(withBlanks, start) ? withBlanks : core).length);
}
