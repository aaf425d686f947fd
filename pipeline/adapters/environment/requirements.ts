/** A package that requirements.txt pins for some Python versions. */
export interface Requirement {
  name: string;
  version: string;
}

/**
 * The packages that a requirements file of exact pins has for a Python version such as 3.11.7.
 *
 * The only markers it reads are comparisons of the Python version, one for each line; another one is an error, because
 * the file is ours.
 */
export function requirementsFor(text: string, pythonVersion: string): Requirement[] {
  return text
    .split("\n")
    .filter((line) => /^[A-Za-z0-9]/u.test(line))
    .flatMap((line) => {
      const { name, version, marker } =
        /^(?<name>[\w.-]+)==(?<version>[\w.!+]+)\s*(?:;\s*(?<marker>[^\\]*?))?\s*\\?$/u.exec(line)?.groups ?? {};
      if (name === undefined || version === undefined) throw new Error(`requirements.txt: cannot read ${line}`);
      return marker === undefined || holds(marker, pythonVersion) ? [{ name, version }] : [];
    });
}

function holds(marker: string, pythonVersion: string): boolean {
  const { operator, bound } =
    /^python(?:_full)?_version (?<operator><|>=) '(?<bound>[\d.]+)'$/u.exec(marker)?.groups ?? {};
  if (operator === undefined || bound === undefined) throw new Error(`requirements.txt: cannot read ${marker}`);
  const isOlder = compareVersions(pythonVersion, bound) < 0;
  return operator === "<" ? isOlder : !isOlder;
}

/** Compares dotted numbers; what follows the digits of a part, as in 0rc1, is left out. */
function compareVersions(a: string, b: string): number {
  const parts = (version: string) => version.split(".").map((part) => Number.parseInt(part, 10) || 0);
  const [left, right] = [parts(a), parts(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
