/** Shares as texts, with no more digits than their uncertainty bears. */

interface Range {
  low: number;
  high: number;
}

/**
 * Digits after the point of a percentage whose interval this is: so many that the half width has two significant ones,
 * and two at most. One digit where nothing is known.
 */
export function decimalsFor(interval: Range | undefined): number {
  if (interval === undefined) return 1;
  const half = (100 * (interval.high - interval.low)) / 2;
  if (!(half > 0)) return 1;
  return Math.min(2, Math.max(0, 1 - Math.floor(Math.log10(half))));
}

/** `41.1 %`; `–` for none. */
export function percentText(share: number | undefined, decimals = 1): string {
  return share === undefined ? "–" : `${unsignedZero((100 * share).toFixed(decimals))} %`;
}

/** A difference in points: `+7.8`, `−3.1`, `0.0`. */
export function pointsText(difference: number | undefined, decimals = 1): string {
  if (difference === undefined) return "–";
  const text = unsignedZero((100 * difference).toFixed(decimals));
  return Number(text) > 0 ? `+${text}` : text.replace("-", "−");
}

/** `33.1 – 41.9`. */
export function rangeText(interval: Range | undefined, decimals = decimalsFor(interval)): string {
  if (interval === undefined) return "–";
  return [interval.low, interval.high].map((end) => unsignedZero((100 * end).toFixed(decimals))).join(" – ");
}

/** `−0.5 … +16.0`. */
export function pointsRangeText(interval: Range | undefined, decimals = decimalsFor(interval)): string {
  if (interval === undefined) return "–";
  return `${pointsText(interval.low, decimals)} … ${pointsText(interval.high, decimals)}`;
}

/** A p-value with two significant digits: `0.034`, `0.41`, `< 0.0001`. */
export function pValueText(pValue: number): string {
  if (pValue < 1e-4) return "< 0.0001";
  if (pValue >= 0.095) return pValue.toFixed(2);
  return pValue.toFixed(pValue >= 0.0095 ? 3 : 4);
}

function unsignedZero(text: string): string {
  return Number(text) === 0 ? text.replace("-", "") : text;
}
