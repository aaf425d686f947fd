/**
 * A double as Python's `repr` writes it: the shortest digits that read back as the same double, always with a point or
 * an exponent (`142.0`), the exponent from 1e16 up and below 1e-4 (`1e+16`, `1.5e-05`), and `nan`, `inf`.
 *
 * Source: https://docs.python.org/3/library/functions.html#repr and `float_repr_style` "short"; JavaScript has the same
 * digits, but another layout (https://tc39.es/ecma262/#sec-numeric-types-number-tostring).
 */
export function pythonFloatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const text = exponent >= 0 ? String(value) : value.toFixed(mantissa.replace(/[^0-9]/gu, "").length - 1 - exponent);
  return text.includes(".") ? text : `${text}.0`;
}
