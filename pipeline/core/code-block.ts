const pythonBlock = /```python(.*?)```/gsu;
const outputBlock = /```output(.*?)```/gsu;

/** The contents of all closed Python blocks, in order. */
export function pythonBlocks(text: string): string[] {
  return Array.from(text.matchAll(pythonBlock), (match) => match[1] ?? "");
}

/** How many closed output blocks stand in a text. */
export function countOutputBlocks(text: string): number {
  return Array.from(text.matchAll(outputBlock)).length;
}

/** Whether a text ends, blanks aside, right behind a closed Python block. */
export function endsInPythonBlock(text: string): boolean {
  const trimmed = text.trimEnd();
  if (!trimmed.endsWith("```")) return false;
  const last = Array.from(trimmed.matchAll(pythonBlock)).at(-1);
  return last !== undefined && last.index + last[0].length === trimmed.length;
}
