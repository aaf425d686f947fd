/** Opens an execution's output: behind the code block's closing fence, on the next line or glued to it. */
const opening = /```output\b[^\n`]*(?:\n|$)/gu;
/**
 * Closes it: at a line start, where the model's next words may follow at once, or behind the output's last character.
 * A Python block or another output cannot be what closes it.
 */
const closing = /(?<=\n)```(?!python\b|output\b)|```(?=\s|$)/gu;

/** Where each completed output block of a text ends: the offset behind its closing fence. */
export function outputBlockEnds(text: string): number[] {
  const ends: number[] = [];
  opening.lastIndex = 0;
  for (let fence = opening.exec(text); fence; fence = opening.exec(text)) {
    closing.lastIndex = fence.index + fence[0].length;
    const close = closing.exec(text);
    if (!close) break;
    ends.push(close.index + 3);
    opening.lastIndex = close.index + 3;
  }
  return ends;
}

/** Where a caller's text leaves the recorded trace: how many characters behind which output block, and what is there. */
export interface Divergence {
  outputBlocks: number; // completed before it
  character: number; // behind the last of them, blanks at the seam left out
  recorded: string;
  given: string;
}

/**
 * The offset in a recorded trace from which on it continues a caller's text.
 *
 * The caller runs the code itself, so its outputs are its own and not compared: completed output blocks are counted.
 * What stands behind the last of them must be how the trace goes on there. Callers write an output back in different
 * ways, so blanks next to a block or at the text's end may differ; those the caller has already are not repeated.
 * A caller with more blocks than the trace has reached its end.
 */
export function continuationOffset(trace: string, text: string): number | Divergence {
  if (trace.startsWith(text)) return text.length;
  const given = outputBlockEnds(text);
  const recorded = outputBlockEnds(trace);
  if (given.length > recorded.length) return trace.length;
  const start = recorded[given.length - 1] ?? 0;
  const rest = trace.slice(start);
  const tail = text.slice(given.at(-1) ?? 0);
  if (rest.startsWith(tail)) return start + tail.length;

  const said = tail.trimStart();
  const restSaid = rest.trimStart();
  const seam = start + rest.length - restSaid.length;
  if (restSaid.startsWith(said)) return seam + said.length;
  const saidWithoutEnd = said.trimEnd();
  if (restSaid.startsWith(saidWithoutEnd)) {
    const ahead = restSaid.slice(saidWithoutEnd.length);
    return seam + restSaid.length - ahead.trimStart().length;
  }
  let character = 0;
  while (said[character] === restSaid[character]) character += 1;
  return {
    outputBlocks: given.length,
    character,
    recorded: restSaid.slice(character, character + 40),
    given: said.slice(character, character + 40),
  };
}
