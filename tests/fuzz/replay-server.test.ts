import { request } from "node:http";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recordingsOf, serve } from "../adapters/replay-engine/replay-fixture.ts";
import { changedJson, nested } from "./hostile-json.ts";
import { damagedBytes, hostileText } from "./hostile-text.ts";
import { runs } from "./runs.ts";

const statement = "What is the sum of the first 10 positive integers?";
const trace = "Compute.\n```python\nprint(55)\n```\n```output\n55\n```\nIt is $\\boxed{55}$.";
const completion = {
  ...{
    model: "replay",
    prompt: `### Problem: ${statement}\n### Solution: `,
    max_tokens: 100,
    temperature: 0.8,
    top_p: 1,
  },
  ...{ seed: 3, stop: ["```output\n"], n: 1, stream: false, include_stop_str_in_output: true, echo: false },
  ...{ request_id: "set/a:0:0:0:0", stream_options: null },
};
const chat = {
  ...{ model: "replay", max_completion_tokens: 50, add_generation_prompt: false, continue_final_message: true },
  messages: [
    { role: "user", content: [{ type: "text", text: statement }] },
    { role: "assistant", content: "Compute." },
  ],
};
const routes: [path: string, body: object][] = [
  ["/v1/completions", completion],
  ["/v1/completions", { ...completion, stream: true, stream_options: { include_usage: true } }],
  ["/v1/chat/completions", chat],
  ["/tokenize", { model: "replay", prompt: "a b c", return_token_strs: true }],
  ["/detokenize", { model: "replay", tokens: [0, 1, 2] }],
];

function post(
  url: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: "POST", headers: { "Content-Type": "application/json", ...headers } },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() }));
        response.on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("the embedded server", () => {
  it("answers any body with a reply or a refusal that says why", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }));
    const root = server.url.replace(/\/v1$/u, "");
    const other = fc
      .constantFrom(...routes)
      .chain(([path, body]) =>
        fc.tuple(
          fc.constant(path),
          fc.oneof(
            { weight: 4, arbitrary: changedJson([body]) },
            { weight: 2, arbitrary: damagedBytes([JSON.stringify(body)]) },
            { weight: 1, arbitrary: hostileText },
            { weight: 1, arbitrary: fc.constant(nested(100_000)) },
          ),
        ),
      );
    await fc.assert(
      fc.asyncProperty(other, async ([path, body]) => {
        const { status, text } = await post(root + path, body);
        expect([status, text]).toEqual([
          expect.toSatisfy((code: number) => code === 200 || (code >= 400 && code < 500)),
          expect.any(String),
        ]);
        if (status !== 200) expect(JSON.parse(text)).toMatchObject({ error: { message: expect.stringMatching(/./u) } });
      }),
      runs(100, 2),
    );
    expect(await post(`${root}/tokenize`, JSON.stringify({ prompt: "a" }))).toMatchObject({ status: 200 });
  });
});
