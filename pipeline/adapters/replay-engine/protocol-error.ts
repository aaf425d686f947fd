/** A request that cannot be served, as the client sees it: vLLM's error body and its HTTP status. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly status: number;
  readonly type: string;
  readonly param: string | null;

  constructor(status: number, type: string, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.type = type;
    this.param = param;
  }

  /** vllm/entrypoints/openai/engine/protocol.py: `code` repeats the status. */
  get body(): object {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.status } };
  }
}

export function badRequest(message: string, param: string | null = null): ProtocolError {
  return new ProtocolError(400, "BadRequestError", message, param);
}

export function notFound(message: string, param: string | null = null): ProtocolError {
  return new ProtocolError(404, "NotFoundError", message, param);
}

/** The wording of vllm/renderers/params.py. */
export function overContext(inputTokens: number, outputTokens: number, maxModelLen: number): ProtocolError {
  return badRequest(
    `You passed ${inputTokens} input tokens and requested ${outputTokens} output tokens. ` +
      `However, the model's context length is only ${maxModelLen} tokens, resulting in a maximum ` +
      `input length of ${maxModelLen - outputTokens} tokens. Please reduce the length of the input prompt.`,
    "input_tokens",
  );
}
