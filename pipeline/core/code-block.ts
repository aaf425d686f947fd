const fence = "```";

/** The contents of all closed Python blocks, in order. */
export function pythonBlocks(text: string): string[] {
  return Array.from(closedBlocks(text, `${fence}python`), ({ start, end }) => text.slice(start, end));
}

/** How many closed output blocks stand in a text. */
export function countOutputBlocks(text: string): number {
  return closedBlocks(text, `${fence}output`).length;
}

/** Whether a text ends, blanks aside, right behind a closed Python block. */
export function endsInPythonBlock(text: string): boolean {
  const trimmed = text.trimEnd();
  if (!trimmed.endsWith(fence)) return false;
  const last = closedBlocks(trimmed, `${fence}python`).at(-1);
  return last !== undefined && last.end + fence.length === trimmed.length;
}

/**
 * Where the contents of all closed blocks begin and end, as the notebook's ```` ```python(.*?)``` ```` finds them. A run
 * looks for them a million times, and a search for fixed text takes a tenth of an expression's time.
 */
function closedBlocks(text: string, opening: string): { start: number; end: number }[] {
  const blocks: { start: number; end: number }[] = [];
  for (let from = text.indexOf(opening); from >= 0; ) {
    const start = from + opening.length;
    const end = text.indexOf(fence, start);
    if (end < 0) break;
    blocks.push({ start, end });
    from = text.indexOf(opening, end + fence.length);
  }
  return blocks;
}
