import type { Line } from "../text-lines/read-lines.ts";
import { DamagedFile } from "./damaged-file.ts";

const shownAtMost = 4;

/** The lines of a file that are not rows of it: how many there are, and what is wrong with the first few. */
export class BadLines {
  readonly #path: string;
  readonly #shown: string[] = [];
  #count = 0;
  #last = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  add({ number, offset }: Pick<Line, "number" | "offset">, reason: string): void {
    this.#count += 1;
    this.#last = number;
    if (this.#shown.length < shownAtMost) this.#shown.push(`line ${number} (byte ${offset}): ${reason}`);
  }

  /** Throws a DamagedFile unless there is none. */
  check(): void {
    if (this.isEmpty) return;
    const rest = this.#count - this.#shown.length;
    const more = rest > 0 ? [`and ${rest} more bad lines, the last of them line ${this.#last}`] : [];
    throw new DamagedFile(this.#path, `${this.#path}, ${[...this.#shown, ...more].join("\n  ")}`, {
      mend: "Mend or remove what is wrong (free data may stand under meta)",
    });
  }
}
