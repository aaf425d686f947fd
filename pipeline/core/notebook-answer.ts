import { isDigits, strip } from "./python-text.ts";

// The notebook's tables. Order matters: each replacement sees what the ones before it left.
const replacements: readonly (readonly [string, string])[] = [
  ["an ", ""],
  ["a ", ""],
  [".$", "$"],
  ["\\$", ""],
  ["\\ ", ""],
  [" ", ""],
  ["mbox", "text"],
  [",\\text{and}", ","],
  ["\\text{and}", ","],
  ["\\text{m}", "\\text{}"],
  ["\\le", "<"],
];

const units =
  "square ways integers dollars mph inches ft hours km units \\ldots sue points feet minutes digits cents degrees cm gm " +
  "pounds meters meals edges students childrentickets multiples";
const removals: readonly string[] = [
  ...units.split(" "),
  ...["\\text{s}", "\\text{.}", "\\text{\ns}", "\\text{}^2", "\\text{}^3", "\\text{\n}", "\\text{}"],
  ...["\\mathrm{th}", "^\\circ", "^{\\circ}", "\\;", ",\\!", "{,}", '"', "\\dots", "\n", "\r", "\f", "\\%"],
];

// In Python `.` is everything but a newline; JavaScript's leaves out three more characters.
const wrappers = [
  /\\text\{([^\n]*?)\}/gu,
  /\\textbf\{([^\n]*?)\}/gu,
  /\\overline\{([^\n]*?)\}/gu,
  /\\boxed\{([^\n]*)\}/gu,
];
const lastOf = [/finalansweris([^\n]*)/gu, /answer?is:?([^\n]*)/gu, /oxed\{([^\n]*?)\}/gu, /\$([^\n]*?)\$/gu];

/** The notebook looks at 100 characters. Beyond so many, its expressions would take minutes on a text made for that. */
const charactersAtMost = 10_000;

/**
 * The winning notebook's `normalize_answer`, quirks included: units and blanks go, the text after the last
 * "answer is" or between the last dollar signs stays. Of a text of more than 10,000 characters the end counts.
 *
 * Source: project-numina/aimo-progress-prize, kaggle-solution.ipynb
 */
export function normalizeNotebookAnswer(text: string): string {
  const nextProblem = text.indexOf("Problem:");
  let answer = (nextProblem < 0 ? text : text.slice(0, nextProblem)).slice(-charactersAtMost);
  if (/^[0-9]+$/u.test(answer)) return answer; // as most do, and none of the following would change it
  for (const [before, after] of replacements) answer = answer.replaceAll(before, after);
  for (const removal of removals) answer = answer.replaceAll(removal, "");
  for (const wrapper of wrappers) answer = answer.replace(wrapper, "$1");
  for (const pattern of lastOf) answer = [...answer.matchAll(pattern)].at(-1)?.[1] ?? answer;
  answer = strip(answer);
  if (answer.includes("rac") && !answer.includes("\\frac")) answer = answer.replaceAll("rac", "\\frac");
  answer = answer.replace(/frac([^{])([^\n])/gu, "frac{$1}{$2}").replace(/sqrt([^{])/gu, "sqrt{$1}");
  answer = answer.replaceAll("$", "");
  const withoutCommas = answer.replaceAll(",", "");
  return isDigits(withoutCommas) ? withoutCommas : answer;
}
