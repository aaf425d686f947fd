import type { CheckReport, Fault } from "../core/verification.ts";
import { visibleText } from "../core/visible-text.ts";
import { table } from "./output.ts";
import type { RunVerification } from "./verify.ts";

/** A verification for people: the checks with their counts, the first faults of each, why some could not be checked. */
export function verificationText({ checks, notes, holds }: RunVerification): string {
  const lines = [
    table([["check", "held", "on trust", "not checked", "faults"], ...checks.map(countsOf)]),
    ...checks.flatMap((check) => listed(check.firstFaults, check.faults)),
    ...checks.flatMap((check) => differing(check)),
    "",
    ...checks.flatMap(({ check, notes: reasons }) => reasons.map((reason) => `${fileOf(check)}: ${reason}`)),
    ...notes,
    conclusion(checks, holds),
  ];
  return visibleText(lines.join("\n"));
}

function countsOf({ check, held, onTrust, notChecked, faults }: CheckReport): string[] {
  return [check, ...[held, onTrust, notChecked, faults].map((count) => (count === 0 ? "" : `${count}`))];
}

/** What comes before the colon of a check's name. */
const fileOf = (check: string) => check.slice(0, check.indexOf(":"));

function listed(faults: readonly Fault[], count: number): string[] {
  if (count === 0) return [];
  const more = count - faults.length;
  return ["", ...faults.map(faultText), ...(more > 0 ? [`… and ${more} more like these`] : [])];
}

function differing({ firstDifferences: differences, onTrust }: CheckReport): string[] {
  return differences.length === 0 ? [] : listed(differences, onTrust);
}

function faultText({ file, line, byte, row, field, expected, found }: Fault): string {
  const place = line === undefined ? file : `${file}, line ${line} (byte ${byte})`;
  return [place, row, field, `expected ${expected}, found ${found}`].filter((part) => part !== undefined).join(": ");
}

function conclusion(checks: readonly CheckReport[], holds: boolean): string {
  const total = (figure: "faults" | "onTrust" | "notChecked") => checks.reduce((sum, check) => sum + check[figure], 0);
  if (!holds)
    return `Not everything follows from the journal: ${total("faults") === 1 ? "1 fault" : `${total("faults")} faults`}.`;
  const rest = [
    ...(total("onTrust") > 0 ? [`${total("onTrust")} are taken on trust`] : []),
    ...(total("notChecked") > 0 ? [`${total("notChecked")} could not be checked`] : []),
  ];
  return rest.length === 0 ? "Everything holds." : `All that was checked holds; ${rest.join(", ")}.`;
}
