/**
 * What a file ends in behind its last newline, where a process or the machine was stopped while it wrote: part of a
 * row, a whole row without its newline, or the NUL bytes of space that was reserved and never filled.
 */
export function describeTornTail(bytes: Buffer): string {
  const nulBytes = bytes.reduce((count, byte) => count + Number(byte === 0), 0);
  if (nulBytes > 0) return `half a line of ${bytes.length} bytes, ${nulBytes} of them NUL, as a power cut leaves them`;
  return isWhole(bytes.toString("utf8"))
    ? `a line of ${bytes.length} bytes without its end`
    : `half a line of ${bytes.length} bytes`;
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
