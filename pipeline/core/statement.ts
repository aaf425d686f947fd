import { createHash } from "node:crypto";

/** A checksum that is equal for statements which differ in blanks and letter case alone. */
export function statementDigest(statement: string): string {
  const folded = statement.normalize("NFKC").replace(/\s+/gu, " ").trim().toLowerCase();
  return createHash("sha256").update(folded).digest("hex");
}
