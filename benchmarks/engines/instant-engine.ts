// A process that speaks as much of vLLM's protocol as a run needs, and answers every request at once: a program in the
// first turns, an answer in the fourth. As the model `thinks` it writes some 300 tokens before; where these are to be
// streamed, all streams get one token each 40 times a second. Prints its URL; ends with its standard input.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { answer, program, tokensOf } from "./instant-texts.ts";

const models = JSON.stringify({
  object: "list",
  data: ["instant", "thinks"].map((id) => ({ id, object: "model", max_model_len: 8192 })),
});

/** A reply that is streamed. */
interface Stream {
  response: ServerResponse;
  events: Iterator<string>;
}
const streams = new Set<Stream>();
setInterval(() => {
  for (const stream of streams) {
    const { value, done } = stream.events.next();
    if (!done) stream.response.write(value);
    else {
      streams.delete(stream);
      stream.response.end("data: [DONE]\n\n");
    }
  }
}, 25);

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const isGeneration = request.url === "/v1/completions";
  if (!isGeneration && request.url !== "/v1/models") {
    response.writeHead(404).end();
    return;
  }
  if (!isGeneration) return response.writeHead(200, { "content-type": "application/json" }).end(models);
  const { request_id, model, stream } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const isLast = String(request_id).split(":").at(-2) === "3";
  const said = isLast ? answer : program;
  const tokens = model === "thinks" ? tokensOf(said) : [said];
  const envelope = { id: `cmpl-${request_id}`, object: "text_completion", created: 1_790_000_000, model };
  const end = { finish_reason: "stop", stop_reason: isLast ? null : "```output\n" };
  const completion_tokens = Math.max(30, tokens.length);
  const usage = { prompt_tokens: 100, completion_tokens, total_tokens: 100 + completion_tokens };
  if (stream) {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    streams.add({ response, events: eventsOf(tokens, { envelope, end, usage }) });
    return;
  }
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ ...envelope, choices: [{ index: 0, text: tokens.join(""), ...end }], usage }));
});

function* eventsOf(tokens: readonly string[], { envelope, end, usage }: Record<string, object>): Iterator<string> {
  const event = (fields: object) => `data: ${JSON.stringify({ ...envelope, ...fields })}\n\n`;
  const unfinished = { logprobs: null, finish_reason: null, stop_reason: null };
  for (const [at, text] of tokens.entries()) {
    const finish = at === tokens.length - 1 ? end : undefined;
    yield event({ choices: [{ index: 0, text, ...unfinished, ...finish }] });
  }
  yield event({ choices: [], usage });
}

server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
if (typeof address === "object" && address) console.log(`http://127.0.0.1:${address.port}/v1`);
process.stdin.resume().on("end", () => process.exit());
