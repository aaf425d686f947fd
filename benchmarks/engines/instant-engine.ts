// A process that speaks as much of vLLM's protocol as a run needs, and answers every request at once: a program in the
// first turns, an answer in the fourth. Prints its URL; ends with its standard input.
import { once } from "node:events";
import { createServer } from "node:http";
import { answer, program } from "./instant-texts.ts";

const models = JSON.stringify({ object: "list", data: [{ id: "instant", object: "model", max_model_len: 8192 }] });

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const isGeneration = request.url === "/v1/completions";
  if (!isGeneration && request.url !== "/v1/models") {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-type": "application/json" });
  if (!isGeneration) return response.end(models);
  const { request_id } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const isLast = String(request_id).split(":").at(-2) === "3";
  const text = isLast ? answer : program;
  const choice = { index: 0, text, finish_reason: "stop", stop_reason: isLast ? null : "```output\n" };
  const usage = { prompt_tokens: 100, completion_tokens: 30, total_tokens: 130 };
  response.end(JSON.stringify({ id: `cmpl-${request_id}`, object: "text_completion", choices: [choice], usage }));
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
if (typeof address === "object" && address) console.log(`http://127.0.0.1:${address.port}/v1`);
process.stdin.resume().on("end", () => process.exit());
