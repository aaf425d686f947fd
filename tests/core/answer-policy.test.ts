import { describe, expect, it } from "vitest";
import { ballotOf, expectedAnswer } from "../../pipeline/core/answer-policy.ts";

describe("answer policies", () => {
  it("take exact integers of any size under integer", () => {
    expect(ballotOf("-4", { policy: "integer" })).toBe("-4");
    expect(ballotOf("12.7", { policy: "integer" })).toBeNull();
  });

  it("round, drop negatives and take the remainder under modulo, as the notebook", () => {
    const policy = { policy: "modulo", modulus: 1000 } as const;
    expect(
      ["12.7", "12.5", "13.5", "-1", "-0.2", "8178", "nan", "1e400"].map((text) => ballotOf(text, policy)),
    ).toEqual(["13", "12", "14", null, "0", "178", null, null]);
    expect(expectedAnswer("8178", policy)).toBe("178");
    expect(expectedAnswer("-4", policy)).toBe("996"); // no candidate can say so: -4 is dropped
  });

  it("ignore what is out of range, and leave the gold answer alone", () => {
    const policy = { policy: "range", min: 0, max: 99_999 } as const;
    expect(["-1", "0", "99999", "100000"].map((text) => ballotOf(text, policy))).toEqual([null, "0", "99999", null]);
    expect(expectedAnswer("100000", policy)).toBe("100000");
  });
});
