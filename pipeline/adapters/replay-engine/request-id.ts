/** Who asks, as every request of a run says in `request_id`. */
export interface RequestKey {
  problemId: string;
  replicate: number;
  candidate: number;
  turn: number;
}

/**
 * Reads `<problemId>:<replicate>:<candidate>:<turn>:<attempt>`, with or without the prefix that vLLM puts before it in
 * its answers. A problemId may hold colons, so the numbers are taken from the right. Undefined for any other text.
 */
export function parseRequestId(requestId: string): RequestKey | undefined {
  const parts = /^(?:cmpl-|chatcmpl-)?(.+):(\d+):(\d+):(\d+):\d+$/su.exec(requestId);
  if (!parts) return undefined;
  const [, problemId = "", replicate, candidate, turn] = parts;
  return { problemId, replicate: Number(replicate), candidate: Number(candidate), turn: Number(turn) };
}
