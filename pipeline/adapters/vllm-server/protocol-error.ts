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

/** A parameter that cannot be served, in the form of vLLM's VLLMValidationError. */
export function badParameter(message: string, param: string, value?: number): ProtocolError {
  return badRequest(`${message} (parameter=${param}${value === undefined ? "" : `, value=${value}`})`, param);
}

/** A body of the wrong form, after vLLM's handler of FastAPI's validation errors. */
export function invalidBody(message: string, path: readonly PropertyKey[] = []): ProtocolError {
  const param = ["body", ...path.map(String)].join(".");
  return new ProtocolError(
    400,
    "Bad Request",
    `1 validation error:\n  {'loc': '${param}', 'msg': '${message}'}`,
    param,
  );
}

export function tooFewTokens(maxTokens: number): ProtocolError {
  return badParameter(`max_tokens must be at least 1, got ${maxTokens}.`, "max_tokens", maxTokens);
}

/** vLLM counts a prompt's tokens no further than one beyond the context. */
export function overContext(maxModelLen: number): ProtocolError {
  const counted = maxModelLen + 1;
  return badParameter(
    `This model's maximum context length is ${maxModelLen} tokens. However, your prompt contains at least ` +
      `${counted} input tokens, which exceeds this limit even without any output tokens. ` +
      "Please reduce the length of the input prompt.",
    "input_tokens",
    counted,
  );
}
