import { describe, expect, it } from "vitest";
import { pythonFloatText } from "../../../pipeline/adapters/dataset-files/python-number-text.ts";

describe("pythonFloatText", () => {
  it.each([
    [142, "142.0"],
    [0, "0.0"],
    [-0, "-0.0"],
    [-4.5, "-4.5"],
    [0.1, "0.1"],
    [0.0001, "0.0001"],
    [0.00012345678901234567, "0.00012345678901234567"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [5e-324, "5e-324"],
    [9999999999999998, "9999999999999998.0"],
    [1e16, "1e+16"],
    [1.2345678901234568e17, "1.2345678901234568e+17"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"],
    [Number.NaN, "nan"],
  ])("writes %d as CPython's repr does", (value, text) => {
    expect(pythonFloatText(value)).toBe(text);
  });
});
