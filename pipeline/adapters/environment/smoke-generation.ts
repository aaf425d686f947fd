import { exitCodes } from "../../core/user-error.ts";
import type { Engine, Generation, GenerationRequest, NoGeneration } from "../../stages/ports.ts";
import { type CheckResult, failed, ok, warning } from "./check.ts";

// The first request may wait for kernels to be compiled.
const patienceSeconds = 120;

/** A beginning that goes on in many ways, so that seeds make a difference. */
const prompt = "A list of random three-digit numbers: 482, 917,";

/**
 * A few short requests to a model server: whether it generates at all, and does with stop strings and seeds what a run
 * relies on. On a GPU that lacks something a server may start and fail at its first request.
 */
export async function checkGeneration(engine: Engine): Promise<CheckResult[]> {
  const first = await ask(engine, { temperature: 0 });
  if (first.kind !== "generation") return [withoutText("generation", first)];
  const { tokens, milliseconds } = first;
  const written = `${tokens.completion} tokens in ${Math.round(milliseconds)} ms after a prompt of ${tokens.prompt}`;
  return [ok("generation", written), await checkStopString(engine, first), await checkSeeds(engine)];
}

function ask(engine: Engine, fields: Partial<GenerationRequest>): Promise<Generation | NoGeneration> {
  return engine.generate({
    requestId: "doctor/generation:0:0:0",
    statement: "Write a list of random three-digit numbers.",
    prompt,
    text: "",
    maxTokens: 24,
    temperature: 1,
    topP: 1,
    seed: 1,
    stop: [],
    keepStop: true,
    signal: AbortSignal.timeout(patienceSeconds * 1000),
    ...fields,
  });
}

/** The same request again, with a piece of its text as a stop string: the text has to end there, the piece included. */
async function checkStopString(engine: Engine, { text }: Generation): Promise<CheckResult> {
  const check = "stop string";
  const characters = Array.from(text);
  const middle = Math.floor(characters.length / 2);
  const piece = characters.slice(middle, middle + 2).join("");
  if (piece === "") {
    return warning(check, "the model wrote nothing to stop at", "See whether it is the model you mean.");
  }
  const before = text.slice(0, text.indexOf(piece));
  const stopped = await ask(engine, { temperature: 0, stop: [piece] });
  if (stopped.kind !== "generation") return withoutText(check, stopped);
  if (stopped.stopString === piece) {
    return stopped.text === before + piece
      ? ok(check, `${JSON.stringify(piece)} ended the text and was kept`)
      : warning(check, `${JSON.stringify(piece)} ended the text, but the text was another one`, notRepeated);
  }
  if (stopped.finish === "stop" && stopped.text === before) {
    return warning(
      check,
      "it ends the text, and the server does not say so",
      "Use a profile with executeClosedBlock: true, or a server that sends stop_reason (vLLM does).",
    );
  }
  if (stopped.text.includes(piece)) {
    return failed(
      check,
      `the server wrote on after ${JSON.stringify(piece)}: ${JSON.stringify(stopped.text)}`,
      "A turn would never end where its program is to be run. Use a server that knows `stop`.",
    );
  }
  return warning(check, "the same request without sampling gave another text, so it cannot be told", notRepeated);
}

const notRepeated = "A run on this server repeats only nearly; its journal can be replayed exactly.";

/** One seed twice and another one, at temperature 1. */
async function checkSeeds(engine: Engine): Promise<CheckResult> {
  const check = "seed";
  const texts: string[] = [];
  for (const seed of [7, 7, 8]) {
    const result = await ask(engine, { seed });
    if (result.kind !== "generation") return withoutText(check, result);
    texts.push(result.text);
  }
  const [once, again, other] = texts;
  if (once !== again) return warning(check, "the same seed gave two texts", notRepeated);
  if (once === other) {
    return warning(
      check,
      "two seeds gave the same text at temperature 1",
      "Candidates may be copies of each other: see whether the server takes `seed` and `temperature`.",
    );
  }
  return ok(check, "the same seed gives the same text, another seed another one");
}

function withoutText(check: string, result: NoGeneration): CheckResult {
  switch (result.kind) {
    case "aborted":
      return warning(
        check,
        `no answer within ${patienceSeconds} s`,
        "The server may be busy with other requests, or stuck: see its log.",
      );
    case "context-full":
      return failed(check, "the server has no room for a prompt of a few words", "See engine.maxModelLen.");
    case "engine-failed":
      return failed(
        check,
        result.reason,
        "See the server's log. On a GPU below compute capability 8.0 a server may start and fail at its first request: docs/t4.md.",
        exitCodes.unavailable,
      );
  }
}
