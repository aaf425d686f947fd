import { describe, expect, it } from "vitest";
import type { ReplayServer } from "../../../pipeline/adapters/replay-engine/replay-server.ts";
import { chat, complete, recordingsOf, serve } from "./replay-fixture.ts";

const statement = "How many sides has a square?";
const head = "### Problem: ";
const tail = "\n### Solution: ";
const prompt = head + statement + tail;

const first = "Let us see.\n```python\nprint(2)\n```\n```output\n";
const second = "\nOnce more.\n```python\nprint(4)\n```\n```output\n";
const last = "\nThe answer is \\boxed{4}.";
const trace = `${first}2\n\`\`\`${second}4\n\`\`\`${last}`;

const keep = { max_tokens: 500, stop: ["```output\n"], include_stop_str_in_output: true };

async function textAfter(server: ReplayServer, text: string, fields: object = {}): Promise<string> {
  const { status, body } = await complete(server, { prompt: prompt + text, ...keep, ...fields });
  if (status !== 200) throw new Error(body.error.message);
  return body.choices[0].text;
}

describe("a trace is continued after the text so far", () => {
  it("from segment to segment, whatever the caller's own outputs are", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }));
    expect(await textAfter(server, "")).toBe(first);
    expect(await textAfter(server, `${first}Traceback\n  File "\n    two lines\n\`\`\``)).toBe(second);
    expect(await textAfter(server, `${first}\n\`\`\`${second}999\n\`\`\``)).toBe(last);
    expect(await textAfter(server, `${first}2\n\`\`\`${second}4\n\`\`\`${last}`)).toBe("");
  });

  it("without doubling or losing the line end behind an output", async () => {
    const server = await serve(
      recordingsOf({ [statement]: [trace, trace.replace(`\`\`\`${second}`, `\`\`\`${second.trimStart()}`)] }),
    );
    const written = `${first.replace("```output\n", "").trimEnd()}\n\`\`\`output\n7\n\`\`\``;
    expect(await textAfter(server, written)).toBe(second);
    expect(await textAfter(server, `${written}\n`)).toBe(second.slice(1));
    expect(await textAfter(server, `${written}\n\n`)).toBe(second.slice(1));
    expect(await textAfter(server, written, { seed: 1 })).toBe(second.slice(1)); // recorded without a line end there
    expect(await textAfter(server, `${written}\n`, { seed: 1 })).toBe(second.slice(1));
  });

  it("behind glued fences too, as six backticks", async () => {
    const glued = trace.replaceAll("```\n```output", "``````output");
    const server = await serve(recordingsOf({ [statement]: [glued] }));
    const before = await textAfter(server, "");
    expect(before).toBe("Let us see.\n```python\nprint(2)\n``````output\n");
    expect(await textAfter(server, `${before}3\n\`\`\``)).toBe(second.replace("```\n```output", "``````output"));
    const cut = await textAfter(server, "", { stop: ["```output"], include_stop_str_in_output: false });
    expect(cut).toBe("Let us see.\n```python\nprint(2)\n```");
    expect(await textAfter(server, `${cut}\n\`\`\`output\n3\n\`\`\`\n`)).toMatch(/^Once more/u);
  });

  it("where the model's words follow the closing fence at once", async () => {
    const joined = "```python\n1\n```\n```output\n1\n```I am not sure.\n```python\n2\n```\n```output\n2\n```Done.";
    const server = await serve(recordingsOf({ [statement]: [joined] }));
    const begin = await textAfter(server, "");
    const more = await textAfter(server, `${begin}5\n\`\`\``);
    expect(more).toBe("I am not sure.\n```python\n2\n```\n```output\n");
    expect(await textAfter(server, `${begin}5\n\`\`\`${more}6\n\`\`\``)).toBe("Done.");
  });

  it("token by token through the outputs, where no stop string ends a turn", async () => {
    const server = await serve(recordingsOf({ [statement]: [` \n\n${trace}`] }));
    for (const [max_tokens, template] of [
      [7, prompt],
      [1, prompt],
      [1, `Solve this. ${statement} Go: `],
    ] as const) {
      let text = "";
      for (let finish = "length"; finish === "length"; ) {
        const { body } = await complete(server, { prompt: template + text, max_tokens });
        expect(body.usage.completion_tokens).toBeLessThanOrEqual(max_tokens);
        text += body.choices[0].text;
        finish = body.choices[0].finish_reason;
      }
      expect(text).toBe(` \n\n${trace}`);
    }
  });

  it("to its recorded end: cut off by length, or with nothing more to say", async () => {
    const server = await serve(recordingsOf({ [statement]: ["It goes on and"] }, "length"));
    const { body } = await complete(server, { prompt, ...keep });
    expect(body.choices[0]).toMatchObject({ text: "It goes on and", finish_reason: "length", stop_reason: null });
    const { body: after } = await complete(server, { prompt: `${prompt}It goes on and`, ...keep });
    expect(after.choices[0]).toMatchObject({ text: "", finish_reason: "length" });
  });

  it("is over for a caller who ran a last block that the recording has no output of", async () => {
    const server = await serve(recordingsOf({ [statement]: ["```python\nprint(4)\n```"] }));
    const { body } = await complete(server, {
      prompt: `${prompt}\`\`\`python\nprint(4)\n\`\`\`\n\`\`\`output\n4\n\`\`\`\n`,
      ...keep,
    });
    expect(body.choices[0]).toMatchObject({ text: "", finish_reason: "stop", stop_reason: null });
  });

  it("starts again where the text is empty again", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }));
    for (const turn of [0, 1, 2]) {
      expect(await textAfter(server, "", { request_id: `bar/a:0:0:${turn}:0` })).toBe(first);
    }
  });
});

describe("a text that is not the recorded one", () => {
  it("is a 400 that shows where the two part", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }));
    await textAfter(server, "");
    for (const fields of [{}, { request_id: "bar/a:0:0:1:0" }]) {
      const { status, body } = await complete(server, {
        prompt: `${prompt}${first}2\n\`\`\`\nOnce again.\n\`\`\`python\n`,
        ...keep,
        ...fields,
      });
      expect(status).toBe(400);
      expect(body.error).toMatchObject({ type: "BadRequestError", param: "prompt", code: 400 });
      expect(body.error.message).toContain("part 5 characters after output block 1");
      expect(body.error.message).toContain('recorded "more.\\n```python');
      expect(body.error.message).toContain('given "again.');
    }
  });

  it("is one at the beginning, too, and to a server that has not seen the template", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }));
    const { status, body } = await complete(server, {
      prompt: `${prompt}Quite other.\n\`\`\`python\n1\n\`\`\`\n`,
      ...keep,
    });
    expect(status).toBe(400);
    expect(body.error.message).toContain("after the beginning");
    await textAfter(server, "");
    expect((await complete(server, { prompt: `${prompt}Quite other.`, ...keep })).status).toBe(400);
  });

  it("is told from the template, if that is given", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }), { templates: [`${head}{problem}${tail}`] });
    expect((await complete(server, { prompt: `${prompt}Quite other.`, ...keep })).status).toBe(400);
    expect(await textAfter(server, "")).toBe(first);
  });

  it("is a 400 in a chat", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }));
    const { status } = await chat(server, {
      messages: [
        { role: "user", content: statement },
        { role: "assistant", content: "Quite other." },
      ],
      add_generation_prompt: false,
      continue_final_message: true,
    });
    expect(status).toBe(400);
  });
});

describe("which trace is replayed", () => {
  const five = recordingsOf({ [statement]: ["zero", "one", "two", "three", "four"] });

  it.each([
    ["bar/a:0:3:0:0", "three"],
    ["bar/a:0:7:0:2", "two"], // modulo their number
    ["bar/a:1:0:0:0", "four"], // 1009 modulo 5
    ["bar/a:2:1:0:0", "four"], // 2019 modulo 5
    ["bar/a:with:1:2:colons:0:1:0:0", "one"],
    ["cmpl-bar/a:0:1:0:0", "one"],
    ["bar/a:0:1", "two"], // not an id of a run: the seed 12 decides
    ["whatever", "two"],
    [undefined, "two"],
  ])("request_id %s takes %s", async (request_id, text) => {
    const { body } = await complete(await serve(five), { prompt, ...keep, request_id, seed: 12 });
    expect(body.choices[0].text).toBe(text);
  });

  it("without request_id and seed it is the first, each time", async () => {
    const server = await serve(five);
    expect(await textAfter(server, "")).toBe("zero");
    expect(await textAfter(server, "")).toBe("zero");
  });

  it("children of a request take the next candidates' traces", async () => {
    const { body } = await complete(await serve(five), { prompt, ...keep, n: 3, request_id: "bar/a:0:3:0:0" });
    expect(body.choices.map((choice: { text: string }) => choice.text)).toEqual(["three", "four", "zero"]);
  });
});

describe("which problem is asked", () => {
  it("is told by the longest statement in the prompt", async () => {
    const server = await serve(
      recordingsOf({ "Find x.": ["short"], "Find x. Then find y, the square of x.": ["long"], "1+1": ["tiny"] }),
    );
    const texts = async (statement: string) =>
      (await complete(server, { prompt: head + statement + tail, ...keep })).body.choices[0].text;
    expect(await texts("Find x.")).toBe("short");
    expect(await texts("Find x. Then find y, the square of x.")).toBe("long");
    expect(await texts("1+1")).toBe("tiny");
    expect(await texts("Find x. Then find y, the cube of x.")).toBe("short");
  });

  it("stays the same when the trace speaks of another recorded problem", async () => {
    const other = "How many sides has a regular polygon whose inner angles are 120 degrees?";
    const wandering = `${other}\n\nSolution:\n${first}2\n\`\`\`${last}`;
    const recordings = recordingsOf({ [statement]: [wandering], [other]: ["Six."] });
    for (const ask of [true, false]) {
      const server = await serve(recordings);
      if (ask) expect(await textAfter(server, "")).toBe(`${other}\n\nSolution:\n${first}`);
      expect(await textAfter(server, `${other}\n\nSolution:\n${first}3\n\`\`\``)).toBe(last);
    }
  });

  it("does not depend on the template, which may change from request to request", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }));
    const written = `${first}2\n\`\`\``;
    for (const template of [
      "{}\n",
      "{}\n### Solution: ",
      "User: {}\nUse ```python blocks.\n\nAssistant:",
      "{}",
      "<|user|>\n{}\n<|assistant|>\n",
    ]) {
      const [before, after] = template.split("{}");
      const text = async (soFar: string, turn: number) => {
        const request_id = `bar/a:0:0:${turn}:0`;
        const { body } = await complete(server, { prompt: before + statement + after + soFar, ...keep, request_id });
        return body.choices?.[0].text ?? body.error.message;
      };
      expect(await text("", 0)).toBe(first);
      expect(await text(written, 1)).toBe(second);
    }
  });

  it("a prompt of an unknown template is continued where the trace's beginning stands in it", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }));
    const { body } = await complete(server, {
      prompt: `<s>${statement}</s> ${first}2\n\`\`\``,
      ...keep,
      request_id: "bar/a:0:0:1:0", // resumed: nobody asked for turn 0 here
    });
    expect(body.choices[0].text).toBe(second);
    const { body: part } = await complete(server, { prompt: `<i>${statement}</i> Let us`, ...keep });
    expect(part.choices[0].text).toBe(first.slice("Let us".length));
  });

  it("one that nobody recorded is a 422 that says what was asked", async () => {
    const server = await serve(recordingsOf({ [statement]: [trace] }));
    const { status, body } = await complete(server, { prompt: `### Problem: ${"unheard of ".repeat(20)}`, ...keep });
    expect(status).toBe(422);
    expect(body.error).toMatchObject({ type: "NoRecordingError", code: 422 });
    expect(body.error.message).toContain(JSON.stringify(`### Problem: ${"unheard of ".repeat(20)}`.slice(0, 80)));
    expect(body.error.message).toContain("1 problems are recorded");
    const inChat = await chat(server, { messages: [{ role: "user", content: "unheard of" }] });
    expect(inChat).toMatchObject({ status: 422, body: { error: { type: "NoRecordingError" } } });
  });

  it("is found among thousands", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 3000 }, (_, i) => [`Let n = ${i}. What is the square of n?`, [`It is ${i * i}.`]]),
    );
    const server = await serve(recordingsOf(many));
    for (const i of [0, 7, 1234, 2999]) {
      const { body } = await complete(server, {
        prompt: `${head}Let n = ${i}. What is the square of n?${tail}`,
        ...keep,
      });
      expect(body.choices[0].text).toBe(`It is ${i * i}.`);
    }
  });
});
