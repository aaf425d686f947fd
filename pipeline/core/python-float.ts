import { decimalDigitValue, strip } from "./python-text.ts";

/** A finite number as written: ±digits × 10^exponent. */
export interface Decimal {
  negative: boolean;
  digits: string; // ASCII, at least one
  exponent: number;
}

const digitPart = String.raw`\p{Nd}(?:_?\p{Nd})*`;
const floatPattern = new RegExp(
  String.raw`^([+-]?)(?:(${digitPart})(?:\.(${digitPart})?)?|\.(${digitPart}))(?:[eE]([+-]?${digitPart}))?$`,
  "u",
);

/**
 * Reads a text as Python's `float()` does: blanks around it, underscores between digits, digits of any script and an
 * exponent are fine. Null for what `float()` refuses, and for `nan` and `inf`, which are no numbers to compare with.
 *
 * Source: https://docs.python.org/3/library/functions.html#float
 */
export function parsePythonFloat(text: string): Decimal | null {
  const match = floatPattern.exec(strip(text));
  if (!match) return null;
  const [, sign, whole = "", fraction = "", bareFraction = "", exponent = "0"] = match;
  const digits = asciiDigits(whole);
  const decimals = asciiDigits(fraction || bareFraction);
  return {
    negative: sign === "-",
    digits: digits + decimals || "0",
    exponent: Number(asciiDigits(exponent)) - decimals.length,
  };
}

function asciiDigits(text: string): string {
  return text.replaceAll("_", "").replace(/\P{ASCII}/gu, (digit) => String(decimalDigitValue(digit)));
}

/** The nearest double, as Python would hold it; infinite beyond its range. */
export function toDouble({ negative, digits, exponent }: Decimal): number {
  return Number(`${negative ? "-" : ""}${digits}e${exponent}`);
}

/**
 * The exact value, if it is whole. A number written with an exponent must be finite as a double, as `float()` would
 * have it, so that `1e999999999` is not a number of a billion digits; plain digits may be of any length.
 */
export function toWhole(decimal: Decimal): bigint | null {
  const significant = decimal.digits.replace(/^0+/u, "");
  if (significant === "") return 0n;
  if (decimal.exponent >= 0) {
    if (decimal.exponent > 0 && !Number.isFinite(toDouble(decimal))) return null;
    return signed(significant + "0".repeat(decimal.exponent), decimal.negative);
  }
  const whole = significant.length + decimal.exponent; // digits before the point
  for (let index = significant.length - 1; index >= whole; index -= 1) if (significant[index] !== "0") return null;
  return signed(significant.slice(0, whole), decimal.negative);
}

function signed(digits: string, negative: boolean): bigint {
  const value = BigInt(digits);
  return negative ? -value : value;
}

/** `round()` of a finite double: to the nearest integer, halves to the even one. */
export function roundHalfEven(value: number): bigint {
  const floor = Math.floor(value);
  const rest = value - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  return BigInt(up ? floor + 1 : floor);
}
