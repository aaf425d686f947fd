import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readContextOverflow } from "../../pipeline/adapters/openai-engine/context-overflow.ts";
import { messageOf } from "../../pipeline/adapters/openai-engine/server-message.ts";
import { parseRequestId } from "../../pipeline/adapters/replay-engine/request-id.ts";
import { countTokens } from "../../pipeline/adapters/replay-engine/tokenizer.ts";
import { continuationOffset, outputBlockEnds } from "../../pipeline/adapters/replay-engine/trace-position.ts";
import type { AnswerPolicy } from "../../pipeline/artifacts/answer-policy.ts";
import { integerText, problemId } from "../../pipeline/artifacts/identifier.ts";
import { ballotOf, expectedAnswer } from "../../pipeline/core/answer-policy.ts";
import { extractBoxedAnswer } from "../../pipeline/core/boxed-answer.ts";
import * as codeBlock from "../../pipeline/core/code-block.ts";
import { outputOf } from "../../pipeline/core/execution-output.ts";
import { readGold } from "../../pipeline/core/gold-answer.ts";
import { readInteger } from "../../pipeline/core/integer-text.ts";
import { missingModule } from "../../pipeline/core/missing-module.ts";
import { normalizeNotebookAnswer } from "../../pipeline/core/notebook-answer.ts";
import { programOf } from "../../pipeline/core/program.ts";
import { isDigits, strip } from "../../pipeline/core/python-text.ts";
import { statementDigest } from "../../pipeline/core/statement.ts";
import { advance, startTrace } from "../../pipeline/core/trace.ts";
import { ownFrames } from "../../pipeline/core/traceback.ts";
import { visibleText } from "../../pipeline/core/visible-text.ts";
import { vote } from "../../pipeline/core/vote.ts";
import { profileNamed } from "../helpers/profiles.ts";
import { candidates } from "../helpers/run-rows.ts";
import { hostileText } from "./hostile-text.ts";
import { isCampaign, runs } from "./runs.ts";

const policies: AnswerPolicy[] = [
  { policy: "integer" },
  { policy: "modulo", modulus: 1000 },
  { policy: "range", min: -5, max: 99_999 },
];
const profiles = ["numina-tir", "tir", "cot", "tora", "qwen25-math-tir", "deepseek-math-tir"].map(profileNamed);

/** What a model may write around a number, and pieces of it. */
const answerLike = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\\boxed{",
        "}",
        "{",
        "$",
        "\\text{ cm}",
        "^\\circ",
        ",",
        ".",
        "-",
        "+",
        "e",
        "_",
        " ",
        "\\!",
        "%",
      ),
      fc.constantFrom("The answer is ", "```python\n", "```\n", "```output\n", "\\frac{1}{2}", "x = ", "\n", "٣", "²"),
      fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
      fc.nat(2000).map(String),
      hostileText,
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

describe("an answer", () => {
  it("casts a ballot that is an integer in canonical form, or none", () => {
    fc.assert(
      fc.property(answerLike, fc.constantFrom(...policies), (text, policy) => {
        const ballot = ballotOf(text, policy);
        if (ballot === null) return;
        expect(BigInt(ballot).toString()).toBe(ballot);
        expect(integerText.safeParse(ballot).success).toBe(true);
        expect(ballotOf(ballot, policy)).toBe(ballot);
        if (policy.policy === "range") expect(Number(ballot)).toBeGreaterThanOrEqual(policy.min);
        if (policy.policy === "modulo") expect(expectedAnswer(ballot, policy)).toBe(ballot);
      }),
      runs(200),
    );
  });

  it("of any size is read exactly, however it is written", () => {
    const digits = fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n });
    fc.assert(
      fc.property(digits, (value) => {
        const grouped = `${value}`.replace(/\B(?=(?:\d{3})+$)/gu, ",");
        for (const text of [
          `${value}`,
          `$${value}$`,
          `${value}.0`,
          `{${value}}`,
          `${value}\\text{ cm}`,
          grouped,
          ` ${value}. `,
        ]) {
          expect(readInteger(text)).toBe(`${value}`);
        }
        expect(readGold(`${value}`, "integer")).toEqual({ answer: `${value}`, borderline: false });
      }),
      runs(75),
    );
  });

  it("is found in any message, under any profile, and a trace that goes on has a text", () => {
    const finish = fc.constantFrom("code", "stop", "length");
    const messages = fc.array(fc.tuple(answerLike, finish, hostileText), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...profiles), answerLike, messages, (profile, statement, turns) => {
        const rules = { profile, depth: 4, state: profile.state };
        let trace = startTrace(profile, statement);
        for (const [text, ended, output] of turns) {
          if (trace.ended) break;
          trace = advance(rules, trace, { text, finish: ended as "code" }, { outcome: "ok", output });
          if (trace.rawAnswer !== undefined) for (const policy of policies) ballotOf(trace.rawAnswer, policy);
        }
        expect(typeof trace.text).toBe("string");
      }),
      runs(150),
    );
  });
});

describe("a vote", () => {
  const options = fc.record({
    ties: fc.constantFrom("first-seen" as const, "lowest-candidate" as const),
    fallback: fc.constantFrom(null, "7"),
  });
  const ballots = fc.array(fc.option(fc.constantFrom("1", "2", "3", "-4"), { nil: undefined }), { maxLength: 12 });

  it("elects an answer that nobody has more ballots than, in whatever order candidates come", () => {
    fc.assert(
      fc.property(ballots, options, fc.nat(), (answers, { ties, fallback }, rotation) => {
        const voters = candidates("set/a", answers).map((each) => ({
          ...each,
          meta: { pruned: each.candidate % 3 === 0 },
        }));
        const given = { rule: "majority", ties, fallback } as const;
        const elected = vote(voters, given);
        const counts = elected.tally.map(({ count }) => count);
        expect(counts).toEqual(counts.toSorted((a, b) => b - a));
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(
          answers.filter((answer) => answer !== undefined).length,
        );
        expect(elected.answer).toBe(elected.tally[0]?.answer ?? fallback);
        const at = rotation % (voters.length + 1);
        expect(vote([...voters.slice(at), ...voters.slice(0, at)].toReversed(), given)).toEqual(elected);
      }),
      runs(100),
    );
  });
});

/** Each takes any text. A megabyte made to defeat it must not keep it for long: then this test runs out of time. */
const readers: Record<string, (text: string) => unknown> = {
  readInteger,
  readGold: (text) => readGold(text, "any"),
  "ballotOf, modulo": (text) => ballotOf(text, { policy: "modulo", modulus: 1000 }),
  normalizeNotebookAnswer,
  extractBoxedAnswer,
  codeBlocks: (text) => Object.values(codeBlock).map((read) => read(text)),
  outputOf: (text) => {
    const { traceback, cut, timeoutMessage } = profileNamed("tir");
    const limits = { outputCharacters: 200, timeoutSeconds: 5 };
    return [
      outputOf({ outcome: "ok", stdout: text, stderr: "" }, { traceback, cut, timeoutMessage }, limits),
      outputOf({ outcome: "error", stdout: "", stderr: text }, { traceback, cut, timeoutMessage }, limits),
    ];
  },
  ownFrames,
  missingModule: (stderr) => missingModule({ outcome: "error", stderr }),
  programOf: (text) => programOf(text, { prelude: [], lastLine: "wrap-print" }),
  strip,
  isDigits,
  statementDigest,
  visibleText,
  integerText: (text) => integerText.safeParse(text),
  problemId: (text) => problemId.safeParse(text),
  messageOf: (text) => messageOf({ error: { message: text } }),
  readContextOverflow: (text) => readContextOverflow(text),
  outputBlockEnds,
  continuationOffset: (text) => continuationOffset(`x${text}`, `${text}y`),
  parseRequestId,
  countTokens,
};

const repeated = [
  ...[
    "0",
    "9",
    "1_",
    "_",
    "1.",
    "e1",
    "-",
    " ",
    "\t",
    "\n",
    "\u3000",
    ",000",
    "{",
    "}",
    "{}",
    "$",
    "\\",
    "`",
    "<",
    "<a",
    ">",
  ],
  ...["\\text{", "\\boxed{", "\\fbox{", "oxed{", "answer is", "an ", "rac", "frac", "sqrt", "^\\circ", "\\mathrm{ 1 "],
  ...[
    "```",
    "```python",
    "```output",
    "```python\n```output\n",
    "<style>",
    "<script",
    "\u001b",
    "\r",
    "\r\n",
    ":1",
    ":",
  ],
  ...[
    "Traceback",
    '  File "/tmp/sctir/program.py", line 1\n',
    '"/',
    "٣",
    "𝟙",
    "\ud800",
    "Problem:",
    "context length",
    "prompt ",
    "1,",
  ],
];

describe.each(Object.entries(readers))("%s", (_, read) => {
  it("comes to an end for a megabyte of anything", () => {
    for (const piece of repeated) {
      const text = piece.repeat(Math.ceil(2 ** 20 / piece.length));
      read(`1${text}1.5`);
      if (isCampaign) for (const other of [text, `\\boxed{${text}`, `${text}!`]) read(other);
    }
  });
});
