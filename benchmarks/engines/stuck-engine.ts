// A process that speaks as much of vLLM's protocol as a run needs, and never finishes an answer: the model `hangs` says
// nothing, `drips` sends a blank ten times a second. GET /log tells of each problem, in epoch milliseconds, when it was
// first asked for and when the last of its requests was closed by the client, and forgets what it told. Prints its URL;
// ends with its standard input.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export interface ProblemLog {
  requests: number;
  open: number;
  firstAt: number;
  lastClosedAt: number;
}

let log = new Map<string, ProblemLog>();

async function stick(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const firstAt = Date.now();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { request_id, model } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const problem = String(request_id).split(":")[0] ?? "";
  const entry = log.get(problem) ?? { requests: 0, open: 0, firstAt, lastClosedAt: 0 };
  log.set(problem, entry);
  entry.requests += 1;
  entry.open += 1;
  let timer: NodeJS.Timeout | undefined;
  response.once("close", () => {
    clearInterval(timer);
    entry.open -= 1;
    entry.lastClosedAt = Date.now();
  });
  if (model !== "drips") return;
  response.writeHead(200, { "content-type": "application/json" });
  timer = setInterval(() => response.write(" "), 100);
}

const server = createServer((request, response) => {
  if (request.url === "/v1/completions") return stick(request, response).catch(() => response.destroy());
  const models = { data: ["hangs", "drips"].map((id) => ({ id, object: "model", max_model_len: 8192 })) };
  const known = { "/v1/models": { object: "list", ...models }, "/log": Object.fromEntries(log) };
  const found = known[request.url as keyof typeof known];
  if (request.url === "/log") log = new Map();
  response.writeHead(found ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(found ?? {}));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
if (typeof address === "object" && address) console.log(`http://127.0.0.1:${address.port}`);
process.stdin.resume().on("end", () => process.exit());
