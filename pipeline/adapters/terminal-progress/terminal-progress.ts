import { SingleBar } from "cli-progress";
import type { Observe } from "../../stages/ports.ts";
import { RunFigures } from "./run-figures.ts";

export interface Progress {
  observe: Observe;
  /** Ends the display; what is printed afterwards starts on a line of its own. */
  stop(): void;
}

const firstLineAfter = 2_000;
const lineEvery = 15_000;

/** Shows a run's progress on stderr: a bar on a terminal, a line at intervals otherwise. */
export function showProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const figures = new RunFigures(() => performance.now());
  return stream.isTTY ? bar(figures, stream) : lines(figures, stream);
}

function bar(figures: RunFigures, stream: NodeJS.WriteStream): Progress {
  const single = new SingleBar({
    format: "{bar} {line}",
    stream,
    barsize: 20,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: false,
    linewrap: false,
    // Ctrl-C is the run's: it finishes what is in flight before it ends.
    gracefulExit: false,
  });
  const update = () => single.update(figures.candidatesDone, { line: figures.line });
  let timer: NodeJS.Timeout | undefined;
  return {
    observe(event) {
      figures.apply(event);
      if (event.kind !== "started") return;
      single.start(figures.candidates, figures.candidatesDone, { line: figures.line });
      timer = setInterval(update, 250);
      timer.unref();
    },
    stop() {
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      update();
      single.stop();
    },
  };
}

function lines(figures: RunFigures, stream: NodeJS.WriteStream): Progress {
  let timer: NodeJS.Timeout | undefined;
  const print = () => stream.write(`${figures.line}\n`);
  const printAndWait = () => {
    print();
    timer = setTimeout(printAndWait, lineEvery);
    timer.unref();
  };
  return {
    observe(event) {
      figures.apply(event);
      if (event.kind !== "started") return;
      timer = setTimeout(printAndWait, firstLineAfter);
      timer.unref();
    },
    stop() {
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
      print();
    },
  };
}
