/**
 * What a file ends in behind its last newline, where a process or the machine was stopped while it wrote: part of a
 * row, a whole row without its newline, or the NUL bytes of space that was reserved and never filled.
 */
export function describeTornTail(bytes: Buffer): string {
  const half = `half a line of ${bytes.length} bytes`;
  if (bytes.includes(0)) return `${half}, NUL bytes among them, as a power cut leaves them`;
  return isWhole(bytes) ? `a line of ${bytes.length} bytes without its end` : half;
}

function isWhole(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
