import fc from "fast-check";

/** Names that every JavaScript object seems to have, and others that are easily taken for something else. */
export const oddKeys = [
  ...["__proto__", "constructor", "toString", "valueOf", "hasOwnProperty", "prototype", "length", "then", "toJSON"],
  ...["", " ", "0", "-1", "1e3", "..", "../../up", "/etc/passwd", "C:\\con", "a.b", "a/b", "a:0:0", "\u0000", "\ud800"],
  ...["\u001b[2J", "\u202e", "\u2028", "null", "k".repeat(5000)],
];

/** Texts that break what was not made for them: control characters, halves of characters, fences, patterns of regular expressions. */
export const oddTexts = [
  ...oddKeys,
  ...[
    "\r",
    "\n",
    "\r\n",
    "\t",
    "\u0085",
    "\u2029",
    "\ufeff",
    "\u009b31m",
    "\u2066",
    "\udc00x",
    "\ud83d\ude00",
    "e\u0301",
  ],
  ...[
    "{}",
    "[]",
    "{problem}",
    "{output}",
    "$&",
    "$1",
    "$`",
    "%s",
    "\\",
    '"',
    "'",
    "`",
    "```python\n",
    "```output\n",
    "```",
  ],
  ...[
    "\\boxed{",
    "\\boxed{}",
    "\\boxed{{1}",
    "answer is",
    "Problem:",
    "<script>",
    "&amp;",
    "-0",
    "00",
    "1_0",
    "1e400",
    "٣",
  ],
  ...["9".repeat(400), "(".repeat(2000), "{".repeat(2000), " ".repeat(3000), "\\text{".repeat(500)],
];

export const hostileText = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...oddTexts) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom(...oddTexts), { maxLength: 4 }).map((texts) => texts.join("")) },
);

export const hostileKey = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...oddKeys) },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
);

/** Any bytes, most of them text that has been damaged. */
export const damagedBytes = (texts: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...texts), fc.array(byteDamage, { minLength: 1, maxLength: 4 }))
    .map(([text, damages]) => damages.reduce(damage, Buffer.from(text)));

type ByteDamage =
  | { kind: "flip"; at: number; bit: number }
  | { kind: "cut"; at: number }
  | { kind: "drop"; at: number; length: number }
  | { kind: "twice"; at: number; length: number }
  | { kind: "insert"; at: number; bytes: Uint8Array };

const share = fc.double({ min: 0, max: 1, noNaN: true }); // of the length
const byteDamage: fc.Arbitrary<ByteDamage> = fc.oneof(
  fc.record({ kind: fc.constant("flip" as const), at: share, bit: fc.nat(7) }),
  fc.record({ kind: fc.constant("cut" as const), at: share }),
  fc.record({ kind: fc.constant("drop" as const), at: share, length: fc.nat(30) }),
  fc.record({ kind: fc.constant("twice" as const), at: share, length: fc.nat(30) }),
  fc.record({
    kind: fc.constant("insert" as const),
    at: share,
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      hostileText.map((text) => new Uint8Array(Buffer.from(text))),
    ),
  }),
);

function damage(bytes: Buffer, what: ByteDamage): Buffer {
  const at = Math.floor(what.at * bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (what.kind) {
    case "flip": {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << what.bit);
      return copy;
    }
    case "cut":
      return before;
    case "drop":
      return Buffer.concat([before, after.subarray(what.length)]);
    case "twice":
      return Buffer.concat([before, after.subarray(0, what.length), after]);
    case "insert":
      return Buffer.concat([before, what.bytes, after]);
  }
}
