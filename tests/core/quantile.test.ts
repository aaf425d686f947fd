import { describe, expect, it } from "vitest";
import {
  erf,
  logGamma,
  normalCumulative,
  normalQuantile,
  normalTwoSided,
  regularizedBeta,
  studentTwoSided,
} from "../../pipeline/core/quantile.ts";

describe("normalTwoSided", () => {
  // NIST/SEMATECH e-Handbook, table 1.3.6.7.1, and its inverse to more digits.
  it.each([
    [0.5, 0.6744897501960817],
    [0.9, 1.6448536269514722],
    [0.95, 1.959963984540054],
    [0.99, 2.5758293035489004],
    [0.999, 3.2905267314919255],
  ])("is the published value at %d", (level, z) => {
    expect(normalTwoSided(level)).toBeCloseTo(z, 10);
  });
});

describe("normalQuantile and normalCumulative", () => {
  it("are the published values, on both sides", () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
    expect(normalQuantile(0.025)).toBeCloseTo(-1.959963984540054, 12);
    expect(normalQuantile(0.5)).toBeCloseTo(0, 15);
    expect(normalCumulative(1)).toBeCloseTo(0.8413447460685429, 14);
    expect(normalCumulative(-1)).toBeCloseTo(0.15865525393145707, 14);
  });

  it("are each other's inverse", () => {
    for (const share of [1e-5, 0.01, 0.3, 0.5, 0.9, 0.9999]) {
      expect(normalCumulative(normalQuantile(share))).toBeCloseTo(share, 14);
    }
  });
});

describe("studentTwoSided", () => {
  // NIST/SEMATECH e-Handbook, table 1.3.6.7.2: upper critical values of Student's t.
  it.each([
    [1, 12.706, 63.657],
    [2, 4.303, 9.925],
    [3, 3.182, 5.841],
    [5, 2.571, 4.032],
    [10, 2.228, 3.169],
    [30, 2.042, 2.75],
    [100, 1.984, 2.626],
  ])("is the published value for %d degrees of freedom", (degrees, at95, at99) => {
    expect(studentTwoSided(0.95, degrees)).toBeCloseTo(at95, 3);
    expect(studentTwoSided(0.99, degrees)).toBeCloseTo(at99, 3);
  });

  it("has closed forms for one and two degrees of freedom", () => {
    for (const level of [0.1, 0.5, 0.9, 0.95, 0.999]) {
      expect(studentTwoSided(level, 1) / Math.tan((Math.PI * level) / 2)).toBeCloseTo(1, 9);
      expect(studentTwoSided(level, 2) / (level * Math.sqrt(2 / (1 - level ** 2)))).toBeCloseTo(1, 9);
    }
  });

  it("falls towards the normal value, also between whole degrees", () => {
    const values = [1, 1.5, 2, 2.7, 10, 1e3, 1e6, 1e8].map((degrees) => studentTwoSided(0.95, degrees));
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    expect(values.at(-1)).toBeCloseTo(1.959964, 6);
  });
});

describe("special functions", () => {
  it("have their known values", () => {
    expect(erf(0)).toBe(0);
    expect(erf(1)).toBeCloseTo(0.8427007929497149, 13);
    expect(erf(3)).toBeCloseTo(0.9999779095030014, 13);
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 12);
    expect(logGamma(11)).toBeCloseTo(Math.log(3628800), 11);
    expect(regularizedBeta(0.3, 2, 3)).toBeCloseTo(0.3483, 12); // 1 - 0.7^4 - 4 · 0.3 · 0.7^3
    expect(regularizedBeta(0.9, 7, 1)).toBeCloseTo(0.9 ** 7, 12);
  });
});
