"""Turns a run of sctir into rows for KTO: `python3 training/data/kto_rows.py RUN-DIRECTORY FILE`.

A row is a prompt, a completion and whether it is desirable, which it is if its answer is the problem's. A completion is
the whole trace with the outputs written back to it. Left out: copies, and traces that were restarted, cut off or not
ended by the model. All that are undesirable are kept, and as many desirable ones, first those of problems that have both.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

PROMPT = "### Problem: {}\n### Solution: "
FENCE = "```output\n"

Row = dict[str, Any]


def read(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def completion(turns: list[Row]) -> str | None:
    """The trace as the model saw it at its end, or None if it was restarted or did not end by itself."""
    *earlier, last = sorted(turns, key=lambda turn: turn["turn"])
    if last["finish"] != "stop" or any("execution" not in turn for turn in earlier):
        return None
    text = ""
    for turn in earlier:
        text += turn["text"]
        if not text.endswith(FENCE):
            text = f"{text.rstrip()}\n{FENCE}"
        text += f"{turn['execution']['output']}\n```"
    return text + last["text"]


def rows(run: Path) -> Iterator[Row]:
    problems = {row["problemId"]: row for row in read(run / "selected.jsonl")}
    answers = {key(row): row.get("answer") for row in read(run / "candidates.jsonl")}
    turns: dict[tuple[str, int, int], list[Row]] = defaultdict(list)
    for turn in read(run / "turns.jsonl"):
        turns[key(turn)].append(turn)
    labels: dict[str, dict[str, bool]] = defaultdict(dict)
    for candidate, answer in sorted(answers.items()):
        text = completion(turns[candidate]) if candidate in turns else None
        if text is not None:
            labels[candidate[0]][text] = answer == problems[candidate[0]]["answer"]
    wrong = [(problem, text) for problem, by_text in labels.items() for text, label in by_text.items() if not label]
    right = [(problem, text) for problem, by_text in labels.items() for text, label in by_text.items() if label]
    has_both = {problem for problem, _ in wrong}
    right.sort(key=lambda row: row[0] not in has_both)
    for label, chosen in ((False, wrong), (True, right[: len(wrong)])):
        for problem, text in chosen:
            prompt = PROMPT.format(problems[problem]["statement"])
            yield {"prompt": prompt, "completion": text, "label": label}


def key(row: Row) -> tuple[str, int, int]:
    return row["problemId"], row["replicate"], row["candidate"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Turns a run of sctir into rows for KTO.")
    parser.add_argument("run", type=Path, help="a finished run in the format of the profile tir")
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    found = list(rows(options.run))
    if len({row["label"] for row in found}) < 2:
        raise SystemExit(f"{options.run} does not have both right and wrong completions.")
    Random(1).shuffle(found)
    options.file.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8", newline="\n")
    print(f"{len(found)} rows, {sum(row['label'] for row in found)} of them desirable")


if __name__ == "__main__":
    main()
