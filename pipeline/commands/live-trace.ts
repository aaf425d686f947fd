import { candidateKey } from "../artifacts/identifier.ts";
import type { Turn } from "../artifacts/turn.ts";
import { visibleText } from "../core/visible-text.ts";
import type { GenerateEvent } from "../stages/ports.ts";

/**
 * Shows the turns of several candidates, one after the other: one that is told piece by piece as it grows, and what comes
 * meanwhile when that one is done. A turn of which no pieces were told is shown whole.
 */
export class LiveTrace {
  readonly #write: (text: string) => void;
  readonly #growing = new Map<string, string>(); // the text so far, by turn, oldest first
  readonly #waiting: string[] = [];
  #shown: string | undefined; // the turn that is growing on the screen

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** A piece of a turn's text; undefined when it begins anew. `turn` is `<problemId>:<replicate>:<candidate>:<turn>`. */
  tell(turn: string, piece: string | undefined): void {
    if (piece === undefined) this.#giveUp(turn, "(discarded: it is asked for again)");
    else {
      this.#growing.set(turn, (this.#growing.get(turn) ?? "") + piece);
      if (this.#shown === turn) this.#write(visibleText(piece));
      else this.#showNext();
    }
  }

  readonly observe = (event: GenerateEvent): void => {
    if (event.kind === "turn") this.#finish(event.row);
    else if (event.kind === "candidate-finished") {
      const { candidate, outcome, answer, rawAnswer, meta } = event.candidate;
      const said = answer ?? (rawAnswer === undefined ? "" : `${rawAnswer} (no ballot)`);
      this.#giveUp(`${candidateKey(event.candidate)}:`, "(broken off)");
      this.#print(`── candidate ${candidate}: ${outcome} ${visibleText(String(meta?.reason ?? said))}\n\n`);
    }
  };

  /** Nothing more will come. */
  close(): void {
    if (this.#shown !== undefined) this.#write("\n(broken off)\n");
  }

  #finish(row: Turn): void {
    const turn = `${candidateKey(row)}:${row.turn}`;
    const text = this.#growing.get(turn) ?? "";
    if (this.#shown === turn && row.text.startsWith(text)) {
      this.#write(visibleText(row.text.slice(text.length)));
      this.#write(`${row.text.endsWith("\n") ? "" : "\n"}${ending(row)}`);
      this.#leave(turn);
      return;
    }
    this.#giveUp(turn, "(discarded: the engine cut it)");
    this.#print(`${headline(turn)}${visibleText(row.text.trimEnd())}\n${ending(row)}`);
  }

  /** Forgets turns that were not finished: this one, or all that begin so. */
  #giveUp(turns: string, reason: string): void {
    for (const turn of this.#growing.keys()) {
      if (!turn.startsWith(turns)) continue;
      if (this.#shown === turn) this.#write(`\n${reason}\n`);
      this.#leave(turn);
    }
  }

  #leave(turn: string): void {
    this.#growing.delete(turn);
    if (this.#shown !== turn) return;
    this.#shown = undefined;
    for (const text of this.#waiting.splice(0)) this.#write(text);
    this.#showNext();
  }

  #print(text: string): void {
    if (this.#shown === undefined) this.#write(text);
    else this.#waiting.push(text);
  }

  #showNext(): void {
    const [next] = this.#growing;
    if (this.#shown !== undefined || next === undefined) return;
    const [turn, text] = next;
    this.#shown = turn;
    this.#write(headline(turn) + visibleText(text));
  }
}

function headline(turn: string): string {
  const [candidate, number] = turn.split(":").slice(-2);
  return `── candidate ${candidate}, turn ${number} ${"─".repeat(40)}\n`;
}

/** What follows a turn's text: what its block printed, and whether the limit ended it. */
function ending({ execution, finish }: Turn): string {
  const { output = "", outcome, milliseconds = 0 } = execution ?? {};
  const ran = execution ? `${visibleText(output)}\n\`\`\`  (${outcome}, ${Math.round(milliseconds)} ms)\n` : "";
  return ran + (finish === "length" ? "(cut off by maxTokens)\n" : "");
}
