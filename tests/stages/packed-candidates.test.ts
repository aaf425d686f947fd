import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Candidate, candidateOutcomes, candidateSchema } from "../../pipeline/artifacts/candidate.ts";
import { PackedCandidates } from "../../pipeline/stages/packed-candidates.ts";

const count = fc.nat({ max: 2 ** 50 });
const rows = fc.uniqueArray(
  fc.record(
    {
      problemId: fc.constantFrom("a/1", "a/2", "b/__proto__"),
      replicate: fc.nat({ max: 3 }),
      candidate: fc.oneof(fc.nat({ max: 5 }), fc.constant(99_999)),
      outcome: fc.constantFrom(...candidateOutcomes),
      rawAnswer: fc.string(),
      answer: fc.constantFrom("0", "-4", "123456789012345678901234567890"),
      turns: count,
      tokens: fc.record({ prompt: count, completion: count }),
      milliseconds: fc.double({ min: 0, max: 1e13, noNaN: true }),
      meta: fc.constantFrom({}, { pruned: true }, { lostMilliseconds: 0.5, reason: "gone", more: [1, { deep: null }] }),
    },
    { requiredKeys: ["problemId", "replicate", "candidate", "outcome", "turns", "tokens", "milliseconds"] },
  ),
  { selector: ({ problemId, replicate, candidate }) => `${problemId}:${replicate}:${candidate}` },
) as fc.Arbitrary<Candidate[]>;

describe("packed candidates", () => {
  it("are what was put in, by key and by group in order of their numbers", () => {
    fc.assert(
      fc.property(rows, (candidates) => {
        const packed = new PackedCandidates();
        for (const row of candidates) packed.set(candidateSchema.parse(row));
        expect(packed.size).toBe(candidates.length);
        for (const row of candidates) expect(packed.get(row)).toEqual(row);
        for (const { problemId, replicate } of candidates) {
          const group = candidates.filter((row) => row.problemId === problemId && row.replicate === replicate);
          expect(packed.group(problemId, replicate).map((line) => packed.at(line))).toEqual(
            group.toSorted((a, b) => a.candidate - b.candidate),
          );
        }
        expect(packed.get({ problemId: "a/1", replicate: 0, candidate: 77 })).toBeUndefined();
        expect(packed.group("c/1", 0)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it("take another row in the place of one, whole", () => {
    const packed = new PackedCandidates();
    const key = { problemId: "a/1", replicate: 0, candidate: 2 };
    const figures = { turns: 3, tokens: { prompt: 1, completion: 2 }, milliseconds: 4 };
    packed.set({ ...key, outcome: "answered", rawAnswer: "7", answer: "7", ...figures, meta: { pruned: true } });
    packed.set({ ...key, outcome: "budget", ...figures, turns: 1 });
    expect(packed.size).toBe(1);
    expect(packed.get(key)).toEqual({ ...key, outcome: "budget", ...figures, turns: 1 });
  });
});
