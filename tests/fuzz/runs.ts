const wanted = Number(process.env.FUZZ_RUNS ?? 0);

/** Whether more is tried than there is time for in every run of the tests. */
export const isCampaign = wanted > 0;

/**
 * How often a property is tried: `modest` times, or FUZZ_RUNS divided by what one try costs beside the cheapest ones, if
 * that is more. A failure prints its seed, and how to have it again.
 */
export function runs(modest: number, cost = 1): { numRuns: number } {
  return { numRuns: Math.max(modest, Math.ceil(wanted / cost)) };
}
