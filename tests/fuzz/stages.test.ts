import { readFileSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openRunDirectory } from "../../pipeline/adapters/run-directory/run-directory.ts";
import { openTurnJournal } from "../../pipeline/adapters/run-directory/turn-journal.ts";
import type { Candidate } from "../../pipeline/artifacts/candidate.ts";
import { mostCandidates, mostReplicates } from "../../pipeline/artifacts/identifier.ts";
import { voteRuleSchema } from "../../pipeline/artifacts/run-config.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import { verificationText } from "../../pipeline/commands/verification-text.ts";
import { verifyDirectory } from "../../pipeline/commands/verify.ts";
import { runFilter } from "../../pipeline/stages/filter.ts";
import { CheckpointBuilder } from "../../pipeline/stages/generate.ts";
import { runScore } from "../../pipeline/stages/score.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import { generatedRun } from "../helpers/generated-run.ts";
import { type Asker, answering, code } from "../helpers/generation.ts";
import { profileNamed } from "../helpers/profiles.ts";
import { candidate, execution, problem, turn } from "../helpers/run-rows.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { changedJson } from "./hostile-json.ts";
import { damagedBytes, hostileKey, hostileText } from "./hostile-text.ts";
import { runs } from "./runs.ts";
import { asUseful } from "./useful-error.ts";

const vote = voteRuleSchema.parse({});
const anyVote = fc.record({
  rule: fc.constantFrom("majority", "weighted", "best-of-n", "drop-errors"),
  ties: fc.constantFrom("first-seen", "lowest-candidate", "random", "expected"),
  score: fc.constantFrom("meta.score", "meta.__proto__", "meta.constructor.length", "turns", "meta.meta.meta"),
  weight: fc.constantFrom("as-is", "exp", "sigmoid"),
  fallback: fc.constantFrom(null, "7"),
});
const setting = { slots: 4, depth: 4, afterAnswer: "continue" } as const;

/** Rows that are valid one by one: their ids, numbers and texts are anything that is allowed. */
const set = hostileKey.filter((name) => name !== "" && name !== "__proto__" && !name.includes("/"));
const key = hostileKey.filter((text) => text !== "" && !/^\n/u.test(text));
const ids = fc.uniqueArray(fc.tuple(set, key), { minLength: 1, maxLength: 4, selector: (parts) => parts.join("/") });
const gold = fc.oneof(fc.constantFrom("7", "-4.0", "1/2", "2112_6", "1e300", "9".repeat(500), ""), hostileText);
const answer = fc.oneof(fc.constantFrom("7", "-4", "0", "9".repeat(500)), fc.bigInt().map(String));
const large = fc.oneof(fc.nat(5), fc.constantFrom(Number.MAX_SAFE_INTEGER, 2 ** 40));
const time = fc.oneof(fc.nat(1000), fc.constantFrom(1e13, 0.5));
const outcomes = ["answered", "no-answer", "budget", "decided", "engine-failed", "context-full"] as const;

const candidateRow = (problemId: string, replicate: number, number: number): fc.Arbitrary<Candidate> =>
  fc
    .record({
      outcome: fc.constantFrom(...outcomes),
      answer,
      turns: large,
      prompt: large,
      milliseconds: time,
      meta: hostileMeta,
    })
    .map(({ prompt, outcome, answer, meta, ...rest }) =>
      candidate(problemId, number, outcome === "answered" ? answer : undefined, {
        ...{ replicate, outcome, tokens: { prompt, completion: prompt }, meta: meta as Record<string, unknown> },
        ...rest,
      }),
    );

const hostileMeta = fc.dictionary(
  fc.oneof(
    hostileKey,
    fc.constantFrom("score", "pruned", "lostMilliseconds", "queuedMilliseconds", "reason", "afterAnswer"),
  ),
  fc.oneof(fc.constantFrom(true, 1e308, 1e308, 0.5, -1, "x", null, [], { toString: 1 }), hostileText),
  { maxKeys: 3 },
);

const turnRow = (problemId: string, replicate: number, number: number): fc.Arbitrary<Turn> =>
  fc
    .record({
      text: hostileText,
      startedAt: time,
      milliseconds: time,
      tokens: large,
      meta: hostileMeta,
      ran: fc.boolean(),
    })
    .map(({ text, tokens, meta, ran, ...rest }) =>
      turn(problemId, number, text, {
        ...rest,
        ...{ replicate, tokens: { prompt: tokens, completion: tokens }, meta },
        ...(ran ? { execution: { ...execution("error"), missingModule: "__proto__" } } : {}),
      }),
    );

interface Run {
  problems: object[];
  candidates: Candidate[];
  turns: Turn[];
}

/** A run's rows, complete or with gaps. */
const run: fc.Arbitrary<Run> = fc
  .tuple(ids, fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 }))
  .chain(([pairs, replicates, width]) => {
    const places = pairs.flatMap(([name, rest]) =>
      Array.from(
        { length: replicates * width },
        (_, at) => [`${name}/${rest}`, at % replicates, Math.floor(at / replicates)] as const,
      ),
    );
    return fc.record({
      problems: fc.tuple(
        ...pairs.map(([name, rest]) =>
          fc.record({ statement: hostileText.map((text) => `${text}?`), gold }).map((texts) => ({
            ...{ problemId: `${name}/${rest}`, set: name },
            ...texts,
          })),
        ),
      ),
      candidates: fc.tuple(...places.map((place) => candidateRow(...place))),
      turns: fc.tuple(...places.map((place) => turnRow(...place))),
    });
  });

const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

describe("the stages", () => {
  it("go through with any valid rows, or say what does not fit", async () => {
    const folder = await temporaryFolder();
    const drop = fc.option(fc.nat(20));
    await fc.assert(
      fc.asyncProperty(run, drop, anyVote, async ({ problems, candidates, turns }, dropped, rule) => {
        const vote = voteRuleSchema.parse(rule);
        await writeFile(join(folder, "problems.jsonl"), lines(problems));
        const store = await openRunDirectory(folder);
        try {
          const { selected, rejected } = await runFilter(store, { rule: "any", sources: [] });
          expect(selected + rejected).toBe(problems.length);
          const kept = new Set<unknown>();
          for await (const { problemId } of store.rows({
            name: "selected.jsonl",
            schema: (await import("../../pipeline/artifacts/problem.ts")).selectedProblemSchema,
          }))
            kept.add(problemId);
          const of = <Row extends { problemId: string }>(rows: Row[]) =>
            rows.filter(({ problemId }) => kept.has(problemId));
          await writeFile(join(folder, "candidates.jsonl"), lines(of(candidates).filter((_, at) => at !== dropped)));
          await writeFile(join(folder, "turns.jsonl"), lines(of(turns)));
          await runVote(store, vote);
          const summary = await runScore(store, { policy: { policy: "integer" }, vote, runId: "r", setting });
          const scored = Object.values(summary.sets).reduce((sum, { problems: count }) => sum + count, 0);
          expect(scored).toBe(selected);
          expect(Object.keys(summary.sets).toSorted()).toEqual(
            [...new Set([...kept].map((id) => String(id).split("/")[0]))].toSorted(),
          );
        } catch (error) {
          asUseful(error);
        }
      }),
      runs(30, 4),
    );
  });

  it.each([
    ["replicate", { replicate: mostReplicates - 1 }],
    ["candidate", { candidate: mostCandidates - 1 }],
  ])("do not go on for ever because of one row with a large %s", async (_, place) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "selected.jsonl"), lines([problem("set/a", "7")]));
    await writeFile(join(folder, "candidates.jsonl"), lines([{ ...candidate("set/a", 0, "7"), ...place }]));
    const store = await openRunDirectory(folder);
    await runVote(store, vote);
    const scored = runScore(store, { policy: { policy: "integer" }, vote, runId: "r", setting });
    await expect(scored).rejects.toMatchObject({ name: "UserError", message: expect.stringContaining("incomplete") });
  });
});

it("is a UserError where the weights of a vote have no finite sum", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "selected.jsonl"), lines([problem("set/a", "7")]));
  const rows = [0, 1].map((number) => candidate("set/a", number, "7", { meta: { score: 1.7e308 } }));
  await writeFile(join(folder, "candidates.jsonl"), lines(rows));
  const voted = runVote(await openRunDirectory(folder), voteRuleSchema.parse({ rule: "weighted" }));
  await expect(voted).rejects.toMatchObject({ name: "UserError", message: expect.stringContaining("no weight") });
});

describe("a journal that is resumed", () => {
  const profile = profileNamed("tir");
  const rules = { profile, depth: 4, state: "stateless" } as const;
  const policy = { policy: "integer" } as const;
  const problems = [problem("set/a", "42"), problem("set/b", "7")];
  const rows = [
    turn("set/a", 0, code, {
      finish: "code",
      stopString: "```output\n",
      code: "\nprint(42)\n",
      execution: execution("ok"),
    }),
    turn("set/a", 0, "It is $\\boxed{42}$.", { turn: 1 }),
    turn("set/b", 1, "It is $\\boxed{7}$."),
  ];

  it("holds each turn that stands there, or is refused by line and left as it is", async () => {
    const path = join(await temporaryFolder(), "turns.jsonl");
    const other = fc.oneof(changedJson(rows), damagedBytes(rows.map((row) => JSON.stringify(row))));
    await fc.assert(
      fc.asyncProperty(other, fc.nat(3), fc.boolean(), async (bad, at, isTorn) => {
        const good = rows.map((row) => `${JSON.stringify(row)}\n`);
        const all = [
          ...good.slice(0, at),
          Buffer.concat([Buffer.from(bad), Buffer.from(isTorn ? "" : "\n")]),
          ...(isTorn ? [] : good.slice(at)),
        ];
        await writeFile(path, Buffer.concat(all.map((line) => Buffer.from(line))));
        const builder = new CheckpointBuilder(problems, rules, policy);
        const torn: string[] = [];
        try {
          const journal = await openTurnJournal(path, {
            take: (row) => builder.take(row),
            onTorn: (tail) => void torn.push(tail),
          });
          await journal.close();
          const whole = Buffer.concat(all.map((line) => Buffer.from(line)))
            .toString()
            .split("\n")
            .slice(0, -1);
          expect(builder.turns).toBe(whole.length);
          expect(torn.length).toBeLessThanOrEqual(isTorn ? 1 : 0);
        } catch (error) {
          expect(asUseful(error, path).message).toMatch(/line \d+/u);
        }
      }),
      runs(60, 2),
    );
  });
});

describe("verify, over an artifact that was changed", () => {
  it("comes to a result, or says why not", async () => {
    const say = ({ candidate: number, turn: at }: Asker) => ({
      text: number > 0 && at === 0 ? code : answering(number > 1 ? "1/2" : 42),
      seconds: 1,
    });
    const folder = await generatedRun({ problems: 2, config: { sampling: { width: 3, depth: 3 } }, say });
    const whole = new Map(
      (await readdir(folder)).map((name) => [name, readFileSync(join(folder, name), "utf8").trimEnd().split("\n")]),
    );
    whole.set("manifest.json", [whole.get("manifest.json")?.join("") ?? ""]);
    whole.set("summary.json", [whole.get("summary.json")?.join("") ?? ""]);
    const places = [...whole].flatMap(([name, all]) => all.map((line, at) => ({ name, at, line })));
    const other = fc
      .constantFrom(...places.filter(({ line }) => line !== ""))
      .chain((place) =>
        fc.tuple(fc.constant(place), fc.oneof(changedJson([JSON.parse(place.line)]), damagedBytes([place.line]))),
      );
    const options = {
      ...{ rerunPython: false, strict: false, unsafePython: false, faults: 5 },
      stopping: new AbortController().signal,
    };
    await fc.assert(
      fc.asyncProperty(other, async ([{ name, at }, bad]) => {
        const all = whole.get(name) ?? [];
        await writeFile(
          join(folder, name),
          Buffer.concat(
            all.with(at, "").flatMap((line, index) => [Buffer.from(index === at ? bad : line), Buffer.from("\n")]),
          ),
        );
        try {
          const verified = await verifyDirectory(folder, options);
          expect(verificationText(verified).length).toBeGreaterThan(100);
        } catch (error) {
          asUseful(error);
        }
        await writeFile(join(folder, name), all.map((line) => `${line}\n`).join(""));
      }),
      runs(40, 8),
    );
  });
});
