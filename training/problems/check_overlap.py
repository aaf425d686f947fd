"""Checks that no evaluation problem of datasets/tiny is in training data: exit code 1 and a line for each that is.

    python3 training/problems/check_overlap.py [--sets FOLDER] TRAINING.jsonl …

It reads texts alone, and so does not trust the generator. With `numbers` of a text, in ascending order:

- a problem shares them with no training row and no problem of the other set of its family. That says more than that no
  problem is the same: neither is one reworded, or one with its numbers exchanged.
- a problem in a held-out phrasing has a run of five words, numbers masked, that no training row has. Without the mask
  such runs would say nothing: a template brings the words, and the numbers are dealt with above.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

SETS = Path(__file__).parents[2] / "datasets" / "tiny"
RUN = 5

Row = dict[str, str]


def numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(digits) for digits in re.findall(r"\d+", text)))


def masked_runs(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"\w+|[^\w\s]", re.sub(r"\d+", "#", text.lower()))
    return zip(*(words[start:] for start in range(RUN)))


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def overlaps(sets: dict[str, list[Row]], training: Iterable[Row]) -> Iterator[str]:
    """A sentence for each evaluation problem that is not as the module promises."""
    homes: dict[tuple[str, tuple[int, ...]], set[str]] = defaultdict(set)
    runs: set[tuple[str, ...]] = set()
    for row in training:
        homes[row["family"], numbers(row["problem"])].add("a training row")
        runs.update(masked_runs(row["problem"]))
    for name, rows in sets.items():
        for row in rows:
            homes[row["family"], numbers(row["problem"])].add(name)
    for name, rows in sets.items():
        for row in rows:
            others = homes[row["family"], numbers(row["problem"])] - {name}
            for other in sorted(others):
                yield f"{name}/{row['id']} has family and numbers of {other}."
            if row["phrasing"] == "held-out" and runs.issuperset(masked_runs(row["problem"])):
                yield f"{name}/{row['id']}, in a held-out phrasing, has no run of {RUN} words that training rows lack."


def main() -> int:
    parser = argparse.ArgumentParser(description="Fails if training data hold an evaluation problem.")
    parser.add_argument("training", type=Path, nargs="+", help="JSON lines with `family` and `problem`")
    parser.add_argument("--sets", type=Path, default=SETS, help="the folder of validation.jsonl and test.jsonl")
    options = parser.parse_args()
    sets = {name: read(options.sets / f"{name}.jsonl") for name in ("validation", "test")}
    training = [row for path in options.training for row in read(path)]
    found = list(overlaps(sets, training))
    print(
        "\n".join(found[:20])
        if found
        else f"No overlap of {sum(map(len, sets.values()))} problems with {len(training)} rows."
    )
    if len(found) > 20:
        print(f"… and {len(found) - 20} more.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
