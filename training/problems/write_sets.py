"""Writes datasets/tiny/: `python3 training/problems/write_sets.py [FOLDER]`. The same bytes on every machine."""

import json
import sys
from pathlib import Path

from splits import Problem, evaluation_set

FOLDER = Path(__file__).parents[2] / "datasets" / "tiny"


def row(problem: Problem) -> str:
    fields = {
        "id": problem.id,
        "problem": problem.problem,
        "answer": str(problem.answer),
        "family": problem.family.name,
        "level": problem.level,
        "phrasing": problem.phrasing,
    }
    return json.dumps(fields) + "\n"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("validation", "test"):
        text = "".join(row(problem) for problem in evaluation_set(split))
        (folder / f"{split}.jsonl").write_text(text, encoding="ascii", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
