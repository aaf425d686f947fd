/**
 * p-values adjusted for how many there are, by Holm 1979 (https://www.jstor.org/stable/4615733): rejecting those below
 * 0.05 makes any false rejection in the whole family at most 5 % likely, however the tests depend on each other. In the
 * order given. A null, for a test that could not be made, stays null and does not count.
 */
export function holm<PValue extends number | null>(pValues: readonly PValue[]): PValue[] {
  const adjusted = [...pValues];
  const tests = pValues.flatMap((pValue, place) => (pValue === null ? [] : [{ pValue: pValue as number, place }]));
  let largest = 0;
  tests
    .toSorted((a, b) => a.pValue - b.pValue)
    .forEach(({ pValue, place }, rank) => {
      largest = Math.max(largest, Math.min(1, pValue * (tests.length - rank)));
      adjusted[place] = largest as PValue;
    });
  return adjusted;
}
