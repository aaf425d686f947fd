import { type Document, isScalar, LineCounter, parseDocument, visit, YAMLError } from "yaml";
import { UserError } from "../../core/user-error.ts";

/** A longer text is refused: it is no config, and there are texts that take YAML's reader minutes from here on. */
export const kibibytesAtMost = 512;

/**
 * The value of a YAML (or JSON) text. `where` says in an error where the text stands, to which line and column are
 * added. It is data and nothing else: a tag of another application is refused, and so are aliases that multiply, and the
 * key `__proto__`, which most code would take for something else than a key.
 */
export function parseYaml(text: string, where: string): unknown {
  if (text.length > kibibytesAtMost * 1024) {
    throw new UserError(`${where} is larger than ${kibibytesAtMost} KiB.`, {
      hint: "Is it a data file? What is expected there is a short YAML file.",
    });
  }
  const lineCounter = new LineCounter();
  try {
    // Not with `prettyErrors`: it takes minutes to make thousands of them, of which one is shown.
    const document = parseDocument(text, { prettyErrors: false, lineCounter, logLevel: "error" });
    const [fault = prototypeKey(document)] = [...document.errors, ...document.warnings];
    if (fault) throw fault;
    return document.toJS(); // where aliases are resolved, which may fail too
  } catch (error) {
    const { message } = error instanceof Error ? error : new Error(String(error));
    const what = message.includes("call stack") ? "nested too deeply" : shortened(message);
    const place = error instanceof YAMLError ? placeOf(error.pos[0], text, lineCounter) : "";
    throw new UserError(`${where}: not valid YAML${place}: ${what}.`, { hint: "Mend it there.", cause: error });
  }
}

function prototypeKey(document: Document): YAMLError | undefined {
  let found: YAMLError | undefined;
  visit(document, {
    Pair(_, { key }) {
      if (!isScalar(key) || key.value !== "__proto__") return undefined;
      const [start = 0, end = start] = key.range ?? [];
      found = new YAMLError("YAMLParseError", [start, end], "IMPOSSIBLE", "the key __proto__ is not allowed");
      return visit.BREAK;
    },
  });
  return found;
}

function placeOf(offset: number, text: string, lines: LineCounter): string {
  const { line, col } = lines.linePos(offset);
  const shown = shortened((text.split("\n", line)[line - 1] ?? "").slice(Math.max(0, col - 30)));
  return ` at line ${line}, column ${col} (${shown})`;
}

function shortened(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
