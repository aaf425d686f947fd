import { UserError } from "../user-error.ts";

/** What a competition draws its problems from: so many from each set, each time any of the set's problems. */
export interface Stratum {
  set: string;
  count: number; // of the competition's problems
  problemIds: readonly string[]; // to draw from
}

/** `amc=.3,aime=.7` as shares by set. Throws a UserError where it is something else. */
export function readMixture(text: string): Map<string, number> {
  const shares = new Map<string, number>();
  for (const part of text.split(",")) {
    const { set = "", share = "" } = /^\s*(?<set>[^=\s]+)\s*=\s*(?<share>\d*\.?\d+)\s*$/u.exec(part)?.groups ?? {};
    if (set === "" || Number(share) <= 0 || shares.has(set)) {
      throw new UserError(`--mixture ${text}: ${part.trim() || "an empty part"} is no share of a set.`, {
        hint: "Give each set once, with a positive share: --mixture amc=.3,aime=.7",
      });
    }
    shares.set(set, Number(share));
  }
  return shares;
}

/**
 * A competition of `problems` problems. Without a mixture any problem may be drawn, so a large set gives more of them;
 * with one, each set gives its share, rounded by the method of largest remainders. Shares need not add up to 1.
 */
export function competitionOf(
  pool: readonly { problemId: string; set: string }[],
  problems: number,
  mixture: ReadonlyMap<string, number> | undefined,
): Stratum[] {
  const idsOf = (set: string) => pool.filter((problem) => problem.set === set).map(({ problemId }) => problemId);
  if (mixture === undefined) {
    return [{ set: "all", count: problems, problemIds: pool.map(({ problemId }) => problemId) }];
  }
  const known = new Set(pool.map(({ set }) => set));
  const unknown = [...mixture.keys()].find((set) => !known.has(set));
  if (unknown !== undefined) {
    throw new UserError(`--mixture names ${unknown}, of which these runs share no problem.`, {
      hint: `They share problems of ${[...known].toSorted().join(", ")}.`,
    });
  }
  const total = [...mixture.values()].reduce((sum, share) => sum + share, 0);
  const strata = [...mixture].map(([set, share]) => {
    const exact = (problems * share) / total;
    return { set, count: Math.floor(exact), rest: exact - Math.floor(exact), problemIds: idsOf(set) };
  });
  let missing = problems - strata.reduce((sum, { count }) => sum + count, 0);
  for (const stratum of strata.toSorted((a, b) => b.rest - a.rest)) {
    if (missing <= 0) break;
    stratum.count += 1;
    missing -= 1;
  }
  return strata.map(({ set, count, problemIds }) => ({ set, count, problemIds }));
}
