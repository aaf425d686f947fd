import { studentTwoSided } from "../quantile.ts";
import { sum } from "../sum.ts";
import { intervalLevel } from "../wilson.ts";

export interface ClusteredInterval {
  estimate: number;
  standardError: number;
  degrees: number; // of freedom, of Student's t
  low: number;
  high: number;
}

/**
 * Student's t interval for the mean of all values, where values of one cluster may depend on each other and those of
 * different clusters do not: the differences of two runs, say, with a problem's replicates as a cluster.
 *
 * The variance is Miller's for clustered and paired values (2024, https://arxiv.org/abs/2411.00640), the sum over
 * clusters of (Σ(x - x̄))² / N², with the correction CR2 for few clusters, each cluster's part over 1 - its share of the
 * values, and the degrees of freedom that belong to it (Bell and McCaffrey 2002, Survey Methodology 28(2), 169-181). With
 * clusters of equal size that is the plain t interval of the clusters' means, with one degree less than clusters.
 *
 * Larger clusters weigh more; to have them weigh the same, give their means as clusters of one. Undefined where nothing
 * tells how clusters vary: there are fewer than two, or all have the mean of the whole.
 */
export function clusteredInterval(
  clusters: readonly (readonly number[])[],
  level = intervalLevel,
): ClusteredInterval | undefined {
  const values = clusters.flat();
  const estimate = sum(values) / values.length;
  let [variance, shareSquares, weights, weightSquares] = [0, 0, 0, 0];
  for (const cluster of clusters) {
    const share = cluster.length / values.length;
    if (share === 1) return undefined;
    const residual = sum(cluster.map((value) => value - estimate)) / values.length;
    const weight = share ** 2 / (1 - share);
    variance += residual ** 2 / (1 - share);
    shareSquares += share ** 2;
    weights += weight;
    weightSquares += weight ** 2;
  }
  if (!(variance > 1e-24)) return undefined;
  // With iid values: (trace)² / (trace of the square) of the quadratic form that the variance is.
  const degrees = 1 / (shareSquares + weights ** 2 - weightSquares);
  const standardError = Math.sqrt(variance);
  const half = studentTwoSided(level, degrees) * standardError;
  return { estimate, standardError, degrees, low: estimate - half, high: estimate + half };
}
