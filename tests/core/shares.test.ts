import { describe, expect, it } from "vitest";
import {
  decimalsFor,
  percentText,
  pointsRangeText,
  pointsText,
  pValueText,
  rangeText,
} from "../../pipeline/core/shares.ts";

describe("shares as texts", () => {
  it("have as many digits as leave the half width of the interval two", () => {
    expect(decimalsFor({ low: 0.3, high: 0.6 })).toBe(0); // ± 15
    expect(decimalsFor({ low: 0.31, high: 0.45 })).toBe(1); // ± 7.0
    expect(decimalsFor({ low: 0.412, high: 0.425 })).toBe(2); // ± 0.65
    expect(decimalsFor({ low: 0.4, high: 0.4001 })).toBe(2); // no more than that
    expect(decimalsFor({ low: 0.5, high: 0.5 })).toBe(1);
    expect(decimalsFor(undefined)).toBe(1);
  });

  it("are percentages and points, without a negative zero", () => {
    expect(percentText(0.9104)).toBe("91.0 %");
    expect(percentText(undefined)).toBe("–");
    expect(pointsText(-0.0313)).toBe("−3.1");
    expect(pointsText(-0.00001)).toBe("0.0");
    expect(pointsText(0.5, 0)).toBe("+50");
    expect(rangeText({ low: 0.551, high: 0.88 })).toBe("55 – 88");
    expect(pointsRangeText({ low: -0.005, high: 0.16 })).toBe("−0.5 … +16.0");
  });

  it("tell p-values with two digits that count", () => {
    expect([0.8476, 0.146, 0.0949, 0.0341, 0.0094, 0.00001].map(pValueText)).toEqual([
      "0.85",
      "0.15",
      "0.095",
      "0.034",
      "0.0094",
      "< 0.0001",
    ]);
  });
});
