import { parsePythonFloat, toWhole } from "./python-float.ts";

/** `1,000`, `-12,345,678.0`: commas between groups of three. */
const grouped = /^([+-]?\d{1,3})((?:,\d{3})+)(\.0*)?$/u;

const canonical = /^(?:0|-?[1-9][0-9]*)$/u;

/** Longer texts are no answers; the bound keeps a runaway trace from becoming a number of a million digits. */
const longestAnswer = 10_000;

/**
 * The integer that a text stands for, in canonical form (no plus sign, no leading zero, no `-0`), or null.
 *
 * `8178.0`, `033`, `-4.0` and `1,000` are integers; `2^{10}`, `12.5` and `nan` are not. Of any size, exact.
 */
export function readInteger(text: string): string | null {
  if (canonical.test(text) && text.length <= longestAnswer) return text; // as most are
  const plain = stripLatex(text);
  if (plain.length > longestAnswer) return null;
  const decimal = parsePythonFloat(grouped.test(plain) ? plain.replaceAll(",", "") : plain);
  return decimal ? (toWhole(decimal)?.toString() ?? null) : null;
}

/**
 * Takes the typography off a number: math delimiters, thin spaces, `{,}`, currency and percent signs, a unit in
 * `\text{…}` behind it, braces around it, a full stop after it.
 */
function stripLatex(text: string): string {
  if (text.length > longestAnswer) return text;
  let plain = text
    .replace(/\\[!,;: ]/gu, "")
    .replaceAll("{,}", ",")
    .replace(/\\?[$%]/gu, "")
    .replace(/\\(?:text|mathrm|textbf|mathbf)\{\s*([^{}]*)\}/gu, (_, inner: string) => (/\d/u.test(inner) ? inner : ""))
    .replace(/\^\{?\\circ\}?/gu, "")
    .replace(/^\\[([]|\\[)\]]$/gu, "")
    .trim()
    .replace(/(?<=\d)\.$/u, "");
  while (/^\{[^{}]*\}$/u.test(plain)) plain = plain.slice(1, -1).trim();
  return plain.replace(/^([+-])\s+(?=\d)/u, "$1");
}
