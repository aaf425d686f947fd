import { visibleText } from "../../core/visible-text.ts";

const firstAfter = 2_000;
const every = 15_000;
const everyOnTerminal = 250;

/**
 * Shows on stderr how far some work is, once it has taken two seconds: a line that is written over on a terminal, lines at
 * intervals otherwise. Returns what ends it.
 */
export function showWork(describe: () => string, stream: NodeJS.WriteStream = process.stderr): () => void {
  const isTerminal = stream.isTTY;
  const show = () => stream.write(isTerminal ? `\r\u001b[K${visibleText(describe())}` : `${visibleText(describe())}\n`);
  let isShown = false;
  let timer = setTimeout(again, firstAfter).unref();
  function again() {
    isShown = true;
    show();
    timer = setTimeout(again, isTerminal ? everyOnTerminal : every).unref();
  }
  return () => {
    clearTimeout(timer);
    if (isShown && isTerminal) stream.write("\r\u001b[K");
  };
}
