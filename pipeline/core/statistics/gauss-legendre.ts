const rules = new Map<number, readonly { node: number; weight: number }[]>();

/**
 * Nodes and weights on [0, 1] that integrate every polynomial of a degree below twice their number exactly
 * (https://dlmf.nist.gov/3.5.v). The nodes are the roots of Legendre's polynomial, found by Newton's method.
 */
export function gaussLegendre(count: number): readonly { node: number; weight: number }[] {
  const known = rules.get(count);
  if (known) return known;
  const rule = Array.from({ length: count }, (_, index) => {
    let x = Math.cos((Math.PI * (index + 0.75)) / (count + 0.5)); // near the root (https://dlmf.nist.gov/18.16.E1)
    for (let step = 0; step < 100; step += 1) {
      const { value, slope } = legendre(count, x);
      const change = value / slope;
      x -= change;
      if (Math.abs(change) < 1e-16) break;
    }
    const { slope } = legendre(count, x);
    return { node: (1 + x) / 2, weight: 1 / ((1 - x ** 2) * slope ** 2) };
  });
  rules.set(count, rule);
  return rule;
}

/** Legendre's polynomial of this degree and its derivative at x, inside (-1, 1). */
function legendre(degree: number, x: number): { value: number; slope: number } {
  let [before, value] = [1, x];
  for (let n = 2; n <= degree; n += 1) [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n];
  return { value, slope: (degree * (x * value - before)) / (x ** 2 - 1) };
}
