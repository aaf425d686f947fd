/**
 * How often a property is tried: `modest` times, or FUZZ_RUNS divided by what one try costs beside the cheapest ones, if
 * that is more. A failure prints its seed, and how to have it again.
 */
export function runs(modest: number, cost = 1): { numRuns: number } {
  const wanted = Number(process.env.FUZZ_RUNS ?? 0);
  return { numRuns: Math.max(modest, Math.ceil(wanted / cost)) };
}
