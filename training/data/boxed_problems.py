"""Writes problems to sample on from a data set of solutions: those with a last \\boxed{} that holds an integer.

python training/data/boxed_problems.py AI-MO/NuminaMath-TIR 4000 training/out/7b/rows/problems.jsonl
"""

import argparse
import json
import re
from pathlib import Path

from datasets import load_dataset

INTEGER = re.compile(r"\\boxed\{\$?(-?\d+)\$?\}")


def integer_answer(solution: str) -> str | None:
    boxed = solution.rfind("\\boxed{")
    found = INTEGER.match(solution, boxed) if boxed >= 0 else None
    return str(int(found[1])) if found else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes problems whose solutions end with an integer.")
    parser.add_argument("rows", help="a data set on the hub, or a file of JSON lines, with `problem` and `solution`")
    parser.add_argument("count", type=int)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    is_file = Path(options.rows).exists()
    source = load_dataset("json", data_files=options.rows) if is_file else load_dataset(options.rows)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with options.file.open("w", encoding="utf-8", newline="\n") as file:
        for index, row in enumerate(source["train"].shuffle(seed=1)):
            answer = integer_answer(row["solution"])
            if answer is not None and written < options.count:
                file.write(json.dumps({"id": str(index), "problem": row["problem"], "answer": answer}) + "\n")
                written += 1
    print(f"{written} problems")


if __name__ == "__main__":
    main()
