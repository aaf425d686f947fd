import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadRecordings } from "../../../pipeline/adapters/replay-engine/recordings.ts";
import { chat, complete, failure, folderWith, jsonLines, serve } from "./replay-fixture.ts";

const turn = (candidate: number, turnNumber: number, fields: object, problemId = "bar/a") => ({
  problemId,
  replicate: 0,
  candidate,
  turn: turnNumber,
  requestId: `${problemId}:0:${candidate}:${turnNumber}:0`,
  seed: 1000 * candidate + turnNumber,
  tokens: { prompt: 11 + turnNumber, completion: 5 },
  startedAt: 1,
  milliseconds: 2,
  ...fields,
});

const code = "Let us see.\n```python\nprint(4)\n```\n```output\n";
const turns = [
  turn(0, 1, { text: "\nThe answer is 4.", finish: "stop" }),
  turn(0, 0, {
    text: code,
    finish: "code",
    stopString: "```output\n",
    tokens: { prompt: 7, completion: 9, cached: 3 },
  }),
  turn(1, 0, { text: "I give up.", finish: "stop" }),
  turn(1, 1, { text: "It goes on", finish: "length" }), // after a restart
  turn(2, 0, { text: "Cut.\n```python\n1\n```\n", finish: "code", stopString: "```output" }),
  turn(0, 0, { text: "Of the other one.", finish: "stop" }, "bar/b"),
];
const problem = (problemId: string, statement: string) => ({ problemId, set: "bar", statement, gold: "4" });
const statement = "How many sides has a square?";
const problems = [problem("bar/a", statement), problem("bar/b", statement)]; // a duplicate, as data sets have them
const files = { "turns.jsonl": jsonLines(turns), "problems.jsonl": jsonLines(problems) };

describe("the journal of an earlier run", () => {
  const ask = { prompt: `### Problem: ${statement}\n### Solution: and whatever came after it`, max_tokens: 500 };
  const id = (candidate: number, turnNumber: number, problemId = "bar/a", replicate = 0) => ({
    request_id: `${problemId}:${replicate}:${candidate}:${turnNumber}:1`,
  });
  const served = async (more: Record<string, string> = {}) =>
    serve(await loadRecordings([{ file: await folderWith({ ...files, ...more }) }]));
  const keep = { stop: ["```output\n"], include_stop_str_in_output: true };

  it("has nothing for a candidate that had no turn when the run ended, instead of another one's turns", async () => {
    const withoutOne = jsonLines(turns.filter(({ candidate }) => candidate !== 1));
    const server = await served({ "turns.jsonl": withoutOne });
    const reply = await complete(server, { ...ask, ...id(1, 0) });
    expect(reply).toMatchObject({ status: 422, body: { error: { type: "NoRecordingError" } } });
    expect(await complete(server, { ...ask, ...keep, ...id(3, 0) })).toMatchObject({ status: 200 }); // candidate 0 again
  });

  it("is answered by the turn's number, with its text, finish and token counts", async () => {
    const server = await served();
    const { body } = await complete(server, { ...ask, ...keep, ...id(0, 0) });
    expect(body).toMatchObject({
      choices: [{ text: code, finish_reason: "stop", stop_reason: "```output\n" }],
      usage: { prompt_tokens: 7, completion_tokens: 9, total_tokens: 16, prompt_tokens_details: { cached_tokens: 3 } },
    });
    const end = async (candidate: number, turnNumber: number, problemId?: string) =>
      (await complete(server, { ...ask, ...keep, ...id(candidate, turnNumber, problemId) })).body.choices[0];
    expect(await end(0, 1)).toMatchObject({ text: "\nThe answer is 4.", finish_reason: "stop", stop_reason: null });
    expect(await end(1, 0)).toMatchObject({ text: "I give up.", finish_reason: "stop", stop_reason: null });
    expect(await end(1, 1)).toMatchObject({ text: "It goes on", finish_reason: "length", stop_reason: null });
    expect(await end(0, 0, "bar/b")).toMatchObject({ text: "Of the other one." });
  });

  it("gives the stop string or cuts it, as it is asked for now", async () => {
    const server = await served();
    const cut = { stop: ["```output"], include_stop_str_in_output: false };
    expect((await complete(server, { ...ask, ...cut, ...id(2, 0) })).body.choices[0]).toMatchObject({
      text: "Cut.\n```python\n1\n```\n",
      stop_reason: "```output",
    });
    expect((await complete(server, { ...ask, ...keep, ...id(2, 0) })).body.choices[0].text).toMatch(/```output$/u);
    expect((await complete(server, { ...ask, ...cut, ...id(0, 0) })).body.choices[0].text).toMatch(/```\n$/u);
  });

  it("is answered in a chat, in a stream and for other candidates of the same problem", async () => {
    const server = await served();
    const { body } = await chat(server, { messages: [{ role: "user", content: statement }], ...keep, ...id(0, 1) });
    expect(body.choices[0].message.content).toBe("\nThe answer is 4.");
    const third = await complete(server, { ...ask, ...keep, ...id(3, 0) }); // modulo the three recorded
    expect(third.body.choices[0].text).toBe(code);
    const streamed = await fetch(`${server.url}/completions`, {
      method: "POST",
      body: JSON.stringify({ ...ask, ...keep, ...id(1, 1), stream: true }),
    });
    expect(await streamed.text()).toContain('"finish_reason":"length"');
  });

  it.each([1, 2, 3, 9])("is streamed in no more parts than its %d tokens", async (completion) => {
    const counted = { tokens: { prompt: 7, completion }, finish: "stop" };
    const server = await served({ "turns.jsonl": jsonLines([turn(0, 0, { text: code.repeat(3), ...counted })]) });
    const streamed = await fetch(`${server.url}/completions`, {
      method: "POST",
      body: JSON.stringify({ ...ask, ...id(0, 0), stream: true }),
    });
    const events = (await streamed.text()).split("\n\n").filter((event) => event.startsWith("data: {"));
    const texts = events.map((event) => JSON.parse(event.slice("data: ".length)).choices[0].text);
    expect(texts.length).toBeLessThanOrEqual(completion);
    expect(texts.join("")).toBe(code.repeat(3));
    if (completion > 1) expect(texts[0]).toBe("Let");
  });

  it("is found by a recorded seed where the request has no id", async () => {
    const server = await served();
    expect((await complete(server, { ...ask, seed: 1001 })).body.choices[0].text).toBe("It goes on");
    const { status, body } = await complete(server, { ...ask, seed: 5 });
    expect({ status, type: body.error.type }).toEqual({ status: 422, type: "NoRecordingError" });
    expect(body.error.message).toContain("request_id");
  });

  it("has no more turns than were recorded", async () => {
    const { status, body } = await complete(await served(), { ...ask, ...id(0, 2) });
    expect({ status, type: body.error.type }).toEqual({ status: 422, type: "NoRecordingError" });
    expect(body.error.message).toContain("turn 2 of candidate bar/a:0:0");
  });

  it("refuses the request after the last turn where the context was full then", async () => {
    const ended = { problemId: "bar/a", replicate: 0, candidate: 0, outcome: "context-full" };
    const counts = { turns: 2, tokens: { prompt: 1, completion: 1 }, milliseconds: 1 };
    const server = await served({ "candidates.jsonl": jsonLines([{ ...ended, ...counts }]) });
    const { status, body } = await complete(server, { ...ask, ...id(0, 2) });
    expect({ status, param: body.error.param }).toEqual({ status: 400, param: "input_tokens" });
  });

  it("is read by its file too, with the statements of selected.jsonl first", async () => {
    const selected = [{ ...problem("bar/a", "Another wording?"), answer: "4", flags: [] }];
    const folder = await folderWith({
      "turns.jsonl": jsonLines(turns.slice(0, 5)),
      "selected.jsonl": jsonLines(selected),
    });
    const recordings = await loadRecordings([{ file: join(folder, "turns.jsonl") }]);
    expect(recordings).toMatchObject({ traces: 3, problems: [{ statement: "Another wording?" }] });
  });

  it("is recognised under another name, and chosen from", async () => {
    const folder = await folderWith({ ...files, "old.jsonl": files["turns.jsonl"] });
    const recordings = await loadRecordings([{ file: join(folder, "old.jsonl"), where: { candidate: "0" } }]);
    expect(recordings.traces).toBe(2);
  });

  it("loses a torn last line, and says so", async () => {
    const notes: string[] = [];
    const folder = await folderWith({ ...files, "turns.jsonl": files["turns.jsonl"].slice(0, -30) });
    const recordings = await loadRecordings([{ file: folder }], (note) => notes.push(note));
    expect(recordings.traces).toBe(3);
    expect(notes).toEqual([expect.stringContaining("torn last line (6)")]);
  });

  it.each([
    [
      "a line torn in the middle",
      `${files["turns.jsonl"].slice(0, 400)}\n${files["turns.jsonl"]}`,
      "turns.jsonl, line",
    ],
    ["a bad field", jsonLines([...turns, turn(4, 0, { text: "x", finish: "eos" })]), "turns.jsonl, line 7: finish"],
    ["an unknown field", jsonLines([...turns, turn(4, 0, { text: "x", finish: "stop", extra: 1 })]), "line 7: extra"],
    ["a problem without a statement", jsonLines([turn(0, 0, { text: "x", finish: "stop" }, "bar/z")]), "bar/z"],
    ["no whole line", files["turns.jsonl"].slice(0, 50), "no turn to replay"],
  ])("with %s is refused", async (_, text, message) => {
    const folder = await folderWith({ ...files, "turns.jsonl": text });
    expect((await failure(loadRecordings([{ file: folder }]))).message).toContain(message);
  });

  it("needs its statements beside it", async () => {
    const folder = await folderWith({ "turns.jsonl": files["turns.jsonl"] });
    const error = await failure(loadRecordings([{ file: folder }]));
    expect(error.message).toContain("statements");
    expect(error.hint).toContain("selected.jsonl");
  });
});
