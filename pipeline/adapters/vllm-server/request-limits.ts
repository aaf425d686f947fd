import { badParameter, badRequest, notFound, overContext, type ProtocolError, tooFewTokens } from "./protocol-error.ts";

/** A request that names no model takes the one there is. */
export function checkModel(asked: string | null | undefined, name: string): void {
  if (asked && asked !== name) {
    throw notFound(`The model \`${asked}\` does not exist. Valid aliases: ${name}.`, "model");
  }
}

export function stopStringsOf({ stop: written }: { stop?: string | string[] | null | undefined }): string[] {
  const stop = typeof written === "string" ? [written] : (written ?? []);
  if (stop.includes("")) throw badRequest("stop cannot contain an empty string.");
  return stop;
}

export function checkMaxTokens(asked: number, maxModelLen: number): void {
  if (asked < 1) throw tooFewTokens(asked);
  if (asked <= maxModelLen) return;
  throw badParameter(
    `max_tokens=${asked} cannot be greater than max_model_len=${maxModelLen}. Please request fewer output tokens.`,
    "max_tokens",
    asked,
  );
}

/** What vLLM says to a prompt that leaves no room for an answer. */
export function contextOverflow(promptTokens: number, maxModelLen: number): ProtocolError | undefined {
  if (promptTokens > maxModelLen) return overContext(maxModelLen);
  return promptTokens === maxModelLen ? tooFewTokens(0) : undefined;
}
