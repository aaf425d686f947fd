import { describe, expect, it } from "vitest";
import { reasoningRules } from "../../pipeline/core/strategy.ts";
import { advance, decide, finishOf, type ReasoningRules, startTrace, type Trace } from "../../pipeline/core/trace.ts";
import { profileNamed } from "../helpers/profiles.ts";

const code = (block: string) => `Let me compute.\n\`\`\`python\n${block}\n\`\`\`\n\`\`\`output\n`;

function rules(profile: string, depth = 4, state?: "stateless" | "session"): ReasoningRules {
  const loaded = profileNamed(profile);
  return { profile: loaded, depth, state: state ?? loaded.state };
}

/** A trace after messages; each message that is executed prints `outputs` in turn. */
function follow(rules: ReasoningRules, messages: readonly string[], outputs: readonly string[] = []): Trace {
  const printed = outputs[Symbol.iterator]();
  let trace = startTrace(rules.profile, "statement");
  for (const text of messages) {
    const finish = finishOf(rules.profile, trace, { text, finish: "stop" });
    const decision = decide(rules, trace, { text, finish });
    const output = decision.kind === "execute" ? (printed.next().value ?? "") : "";
    trace = advance(rules, trace, { text, finish }, { outcome: "ok", output });
  }
  return trace;
}

describe("a trace in the tir profile", () => {
  it("writes an output back right behind the fence and stops at the answer", () => {
    const trace = follow(rules("tir"), [code("print(42)"), "\nThe answer is $\\boxed{42}$."], ["42"]);
    expect(trace.text).toBe(`${code("print(42)")}42\n\`\`\`\nThe answer is $\\boxed{42}$.`);
    expect(trace).toMatchObject({ rawAnswer: "42", turns: 2, ended: { outcome: "answered" } });
  });

  it("gives no vote to an answer with no executed block behind it", () => {
    const invented = "```python\nprint(1)\n```\nRunning this gives 36, so \\boxed{36}.";
    expect(follow(rules("tir"), [invented])).toMatchObject({ ended: { outcome: "hallucinated-output", pruned: true } });
    expect(follow(rules("tir"), [invented]).rawAnswer).toBeUndefined();
  });

  it("restarts where no code was ever written, and ends as no-code when turns run out", () => {
    const trace = follow(rules("tir", 3), ["It is \\boxed{5}."]);
    expect(trace).toMatchObject({ text: "", turns: 1 });
    expect(trace.ended).toBeUndefined();
    expect(follow(rules("tir", 2), ["It is \\boxed{5}.", "Still \\boxed{5}."]).ended?.outcome).toBe("no-code");
  });

  it("goes on with a message that was cut by maxTokens", () => {
    const { profile } = rules("tir");
    const start = startTrace(profile, "s");
    const text = "```python\nx = 1\n";
    const trace = advance(rules("tir"), start, { text: `${text}\`\`\`\nand then`, finish: "length" });
    expect(trace.text).toBe(`${text}\`\`\`\nand then`);
  });

  it("runs a closed block even where the message ends without the output fence", () => {
    const text = "```python\nprint(1)\n```";
    const trace = startTrace(rules("tir").profile, "s");
    expect(finishOf(rules("tir").profile, trace, { text, finish: "stop" })).toBe("code");
  });

  it("does not run code in the last turn", () => {
    const trace = follow(rules("tir", 1), [code("print(1)")]);
    expect(trace).toMatchObject({ turns: 1, executedBlocks: [], ended: { outcome: "no-answer" } });
  });

  it("looks for the answer in the last hundred characters only", () => {
    const far = `\\boxed{7} ${"x".repeat(120)}`;
    expect(follow(rules("tir"), [code("print(7)"), far], ["7"]).rawAnswer).toBeUndefined();
  });
});

describe("a trace in the notebook's profile", () => {
  it("samples a candidate on after its answer, which it may change", () => {
    const messages = [code("print(1)"), "So \\boxed{1}.", " No, the answer is \\boxed{2}."];
    const trace = follow(rules("numina-tir"), messages, ["1"]);
    expect(trace).toMatchObject({ rawAnswer: "2", turns: 3 });
    expect(trace.ended).toBeUndefined();
  });

  it("keeps an answer through a restart", () => {
    const messages = [code("print(1)"), "So \\boxed{1}.", "x".repeat(120), "y".repeat(120)];
    expect(follow(rules("numina-tir"), messages, ["1"])).toMatchObject({
      rawAnswer: "1",
      ended: { outcome: "answered" },
    });
  });
});

describe("a trace whose stop string is cut from the text", () => {
  const cutCode = "```python\nprint(3)\n```\n";

  it("writes the fence back with the output", () => {
    const { profile } = rules("tora");
    const start = startTrace(profile, "s");
    expect(start.prompt).toBe("<|user|>\ns\n<|assistant|>\n");
    const finish = finishOf(profile, start, { text: cutCode, finish: "stop", stopString: "```output" });
    const trace = advance(rules("tora"), start, { text: cutCode, finish }, { outcome: "ok", output: "3" });
    expect(trace.text).toBe("```python\nprint(3)\n```\n```output\n3\n```\n");
  });

  it("tells the end of the answer from the output fence", () => {
    const { profile } = rules("tora");
    const start = startTrace(profile, "s");
    expect(finishOf(profile, start, { text: "It is \\boxed{3}.", finish: "stop", stopString: "</s>" })).toBe("stop");
    expect(finishOf(profile, start, { text: "It is \\boxed{3}.", finish: "stop" })).toBe("stop");
  });
});

describe("a server that does not say which stop string ended a message", () => {
  it("has its messages executed where they end behind a closed block, with the fence put back", () => {
    const engine = { kind: "vllm", dialect: "openai" };
    const config = { strategy: "sc-tir", sampling: { depth: 4 }, python: {}, engine } as never;
    const inferring = reasoningRules(profileNamed("numina-tir"), config);
    const start = startTrace(inferring.profile, "s");
    const text = "```python\nprint(3)\n```\n"; // the server cut the stop string off
    const finish = finishOf(inferring.profile, start, { text, finish: "stop" });
    expect(finish).toBe("code");
    const trace = advance(inferring, start, { text, finish }, { outcome: "ok", output: "3" });
    expect(trace.text).toBe("```python\nprint(3)\n```\n```output\n3\n```");
  });
});

describe("sessions", () => {
  it("give a block the earlier ones of its trace, and a restart forgets them", () => {
    const session = rules("tir", 6, "session");
    const trace = follow(session, [code("x = 1"), code("y = 2")], ["", "2"]);
    const next = decide(session, trace, { text: code("print(x + y)"), finish: "code" });
    const earlier = [
      { code: "\nx = 1\n", output: "" },
      { code: "\ny = 2\n", output: "2" },
    ];
    expect(next).toEqual({ kind: "execute", code: "\nprint(x + y)\n", earlier });
    const stateless = decide(rules("tir", 6), trace, { text: code("print(x)"), finish: "code" });
    expect(stateless).toMatchObject({ earlier: [] });
  });
});

describe("strategies", () => {
  const config = { sampling: { depth: 4 }, python: {}, engine: { kind: "replay" } } as never;

  it("cot answers in one message, without code", () => {
    const cot = reasoningRules(profileNamed("numina-tir"), { ...(config as object), strategy: "cot" } as never);
    expect(cot.profile.stop).toEqual([]);
    expect(follow(cot, ["Because, \\boxed{12}."])).toMatchObject({ rawAnswer: "12", ended: { outcome: "answered" } });
    expect(follow(cot, ["I cannot say."])).toMatchObject({ ended: { outcome: "no-answer" } });
  });

  it("single-step takes the last line that its block printed", () => {
    const single = reasoningRules(profileNamed("tir"), { ...(config as object), strategy: "single-step" } as never);
    expect(follow(single, [code("print('so')\nprint(9)")], ["so\n9"])).toMatchObject({
      rawAnswer: "9",
      turns: 1,
      ended: { outcome: "answered" },
    });
    expect(follow(single, ["no program"])).toMatchObject({ ended: { outcome: "no-code" } });
    expect(follow(single, [code("x = 1")], [""])).toMatchObject({ ended: { outcome: "no-answer" } });
  });
});
