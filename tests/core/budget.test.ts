import { describe, expect, it } from "vitest";
import { allowedSeconds, type Remaining } from "../../pipeline/core/budget.ts";
import { randomStream } from "../../pipeline/core/seed.ts";

type Budget = Parameters<typeof allowedSeconds>[0];
const bank = (totalSeconds: number, problemSeconds: number | null = null): Budget => ({
  ...{ policy: "bank", totalSeconds, problemSeconds },
});
const inExam = { lanes: 1, secondsBefore: 0 };

/** Budgets and what is left of them, at any point of a run. */
function randomCases(count: number, seed: number): { budget: Budget; remaining: Remaining }[] {
  const random = randomStream(seed);
  return Array.from({ length: count }, () => {
    const totalSeconds = random() < 0.2 ? null : 1 + 40_000 * random();
    const problemSeconds = random() < 0.3 ? null : 1 + 1500 * random();
    const policy = random() < 0.5 ? "fixed" : "bank";
    const allProblems = 1 + Math.floor(60 * random());
    const remaining = {
      seconds: totalSeconds === null ? Number.POSITIVE_INFINITY : totalSeconds * (1.1 * random() - 0.1),
      problems: 1 + Math.floor(allProblems * random()),
      allProblems,
      lanes: random() < 0.5 ? 1 : 1 + Math.floor(5 * random()),
      secondsBefore: random() < 0.5 ? 0 : 700 * random(),
    };
    return { budget: { problemSeconds, totalSeconds, policy }, remaining };
  });
}

/**
 * When which problem begins, what it is given, and what it needs of that, if as many are worked on as there are lanes.
 * Problems of the same moment begin in turn.
 */
function sit(budget: Budget, needs: readonly number[], lanes = 1) {
  const totalSeconds = budget.totalSeconds ?? Number.POSITIVE_INFINITY;
  const freeAt = Array<number>(lanes).fill(0);
  return needs.map((needed, index) => {
    const at = Math.min(...freeAt);
    const remaining = { ...inExam, lanes, seconds: totalSeconds - at, allProblems: needs.length };
    const allowed = allowedSeconds(budget, { ...remaining, problems: needs.length - index });
    freeAt[freeAt.indexOf(at)] = at + Math.min(needed, allowed);
    return { at, allowed, until: at + Math.min(needed, allowed) };
  });
}

/** Exams with a bank, some of whose problems would never end. */
function exams(seed: number) {
  const random = randomStream(seed);
  return Array.from({ length: 500 }, () => {
    const totalSeconds = 100 + 10_000 * random();
    const about = () => (3 * random() * totalSeconds) / 50;
    const budget = bank(totalSeconds, random() < 0.5 ? null : about());
    const needs = Array.from({ length: 1 + Math.floor(60 * random()) }, () =>
      random() < 0.6 ? Number.POSITIVE_INFINITY : about(),
    );
    return { budget: { ...budget, totalSeconds }, needs };
  });
}

const baseOf = (
  { problemSeconds, totalSeconds }: { problemSeconds: number | null; totalSeconds: number },
  rounds: number,
) => problemSeconds ?? totalSeconds / rounds;

const hungry = (problems: number) => Array<number>(problems).fill(Number.POSITIVE_INFINITY);

describe("what a problem may take", () => {
  const cases = randomCases(20_000, 1);

  it("is never negative, never not a number, and never more than what is left", () => {
    for (const { budget, remaining } of cases) {
      const allowed = allowedSeconds(budget, remaining);
      expect(allowed).toBeGreaterThanOrEqual(0);
      expect(allowed).toBeLessThanOrEqual(Math.max(0, remaining.seconds));
    }
  });

  it("is no less where more is left", () => {
    for (const { budget, remaining } of cases) {
      const seconds = remaining.seconds + 50;
      expect(allowedSeconds(budget, { ...remaining, seconds })).toBeGreaterThanOrEqual(
        allowedSeconds(budget, remaining) - 1e-6,
      );
    }
  });

  it("comes to the same in all if the problem goes on after a break", () => {
    for (const { budget, remaining } of cases.filter((one) => one.remaining.seconds > 0)) {
      const whole = allowedSeconds(budget, { ...remaining, secondsBefore: 0 });
      const had = whole === Number.POSITIVE_INFINITY ? 100 : whole / 3;
      const rest = allowedSeconds(budget, { ...remaining, seconds: remaining.seconds - had, secondsBefore: had });
      expect(had + rest).toBeCloseTo(whole, 6);
    }
  });

  it("is without limit where there is none", () => {
    const nothing = { problemSeconds: null, totalSeconds: null };
    const remaining = { ...inExam, seconds: Number.POSITIVE_INFINITY, problems: 3, allProblems: 5 };
    for (const policy of ["fixed", "bank"] as const) {
      expect(allowedSeconds({ ...nothing, policy }, remaining)).toBe(Number.POSITIVE_INFINITY);
      expect(allowedSeconds({ ...nothing, problemSeconds: 60, policy }, remaining)).toBe(60);
    }
  });
});

describe("a fixed budget", () => {
  it("gives each problem its time, whatever earlier ones left over, as long as the total lasts", () => {
    const budget: Budget = { policy: "fixed", problemSeconds: 60, totalSeconds: 200 };
    expect(sit(budget, [10, 100, 100, 100, 100]).map(({ allowed }) => allowed)).toEqual([60, 60, 60, 60, 10]);
  });

  it("without a time per problem lets each take all that is left", () => {
    const budget: Budget = { policy: "fixed", problemSeconds: null, totalSeconds: 200 };
    expect(sit(budget, [150, 100, 1]).map(({ allowed }) => allowed)).toEqual([200, 50, 0]);
  });
});

describe("a bank", () => {
  it("gives all an even share as long as none leaves anything over", () => {
    for (const { at, allowed } of sit(bank(1000), hungry(50))) {
      expect(allowed).toBeCloseTo(20, 9);
      expect(at / 20).toBeCloseTo(Math.round(at / 20), 9);
    }
  });

  it("adds half of what earlier ones left over, and all of it for the last", () => {
    // 100 each. 10 are needed, so 90 are in the bank; then 65; of the last 65 + 100, all.
    expect(sit(bank(400), [10, 120, 80, 500]).map(({ allowed }) => allowed)).toEqual([100, 145, 135, 190]);
  });

  it("is filled from the beginning by a time per problem that is less than its share", () => {
    expect(sit(bank(400, 50), [10, 500, 500, 500]).map(({ allowed }) => allowed)).toEqual([150, 170, 110, 110]);
  });

  it.each([1, 2, 3, 7])("with %i lanes is used up and never overdrawn, whatever problems need", (lanes) => {
    for (const { budget, needs } of exams(10 + lanes)) {
      const taken = sit(budget, needs, lanes);
      const end = Math.max(...taken.map(({ until }) => until));
      expect(end).toBeLessThanOrEqual(budget.totalSeconds + 1e-6);
      if (needs.at(-1) === Number.POSITIVE_INFINITY) expect(end).toBeCloseTo(budget.totalSeconds, 6);
    }
  });

  it("keeps for every later problem what it could count on at any time before", () => {
    for (const { budget, needs } of exams(2)) {
      let promised = 0;
      for (const [index, { at, allowed }] of sit(budget, needs).entries()) {
        expect(allowed).toBeGreaterThanOrEqual(promised - 1e-6);
        const left = budget.totalSeconds - at;
        promised = Math.max(promised, Math.min(baseOf(budget, needs.length), left / (needs.length - index)));
      }
    }
  });

  it.each([2, 3, 7])("with %i lanes gives every problem at least what it could count on at the start", (lanes) => {
    for (const { budget, needs } of exams(lanes)) {
      const rounds = Math.ceil(needs.length / lanes);
      const promised = Math.min(baseOf(budget, rounds), budget.totalSeconds / rounds);
      for (const { allowed } of sit(budget, needs, lanes)) expect(allowed).toBeGreaterThanOrEqual(promised - 1e-6);
    }
  });
});
