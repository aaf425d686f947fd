import { describe, expect, it } from "vitest";
import { gaussLegendre } from "../../../pipeline/core/statistics/gauss-legendre.ts";

describe("gaussLegendre", () => {
  it("integrates powers over [0, 1] exactly, up to a degree below twice the number of nodes", () => {
    for (const count of [1, 2, 3, 8, 25, 64]) {
      for (let degree = 0; degree < 2 * count; degree += 1) {
        const integral = gaussLegendre(count).reduce((sum, { node, weight }) => sum + weight * node ** degree, 0);
        expect(integral, `${count} nodes, degree ${degree}`).toBeCloseTo(1 / (degree + 1), 12);
      }
    }
  });
});
