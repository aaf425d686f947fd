"""Writes training rows in the format of NuminaMath's models, or problems to sample on, as JSON lines:

    .venv/bin/python training/data/write_rows.py {cot,tir,problems} COUNT FILE [--seed NAME]

A row has `id`, `family`, `level`, `problem` and `segments`: the prompt, then what the model writes and what is written
back to it in turn, ending with the model's last words. A problem has `answer` instead of `segments`.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "problems"))

from execution import run  # noqa: E402
from family import Attempt  # noqa: E402
from splits import Problem, training_problems  # noqa: E402

PROMPT = "### Problem: {}\n### Solution: "
OPENINGS = ("", "We use Python. ", "We solve this with a program. ")
CLOSINGS = ("The answer is $\\boxed{{{}}}$.", "So the answer is $\\boxed{{{}}}$.", "Thus we get $\\boxed{{{}}}$.")
SLIPS = 0.12  # of the rows whose only program begins with an import, the share that first forgets it


def cot_segments(problem: Problem, random: Random) -> list[str]:
    reasoning = problem.family.reasoning(*problem.numbers)
    return [PROMPT.format(problem.problem), f"{reasoning}\n{random.choice(CLOSINGS).format(problem.answer)}"]


def tir_segments(problem: Problem, random: Random) -> list[str]:
    """Programs are really run. Raises ValueError unless the last one, and no other, ends well and with the answer."""
    attempts = problem.family.attempts(*problem.numbers)
    if len(attempts) == 1 and random.random() < SLIPS:
        attempts = with_slip(attempts[0])
    segments, before = [PROMPT.format(problem.problem)], random.choice(OPENINGS)
    for attempt in attempts:
        execution = run(attempt.program)
        if execution.ok != (attempt is attempts[-1]):
            raise ValueError(f"{problem.id}: unexpected end of\n{attempt.program}\n{execution.output}")
        segments.append(f"{before}{attempt.thought}\n\n```python\n{attempt.program}\n```\n```output\n")
        segments.append(f"{execution.output}\n```")
        before = "\n"
    if execution.output != str(problem.answer):
        raise ValueError(f"{problem.id}: the answer is {problem.answer}, the program printed {execution.output}")
    return [*segments, "\n" + random.choice(CLOSINGS).format(problem.answer)]


def with_slip(attempt: Attempt) -> list[Attempt]:
    """The same program without its import first, if it has one."""
    imported = re.match(r"from \S+ import (\w+)\n", attempt.program)
    if not imported:
        return [attempt]
    thought = f"We have to import {imported[1]} first."
    return [Attempt(attempt.thought, attempt.program[imported.end() :]), Attempt(thought, attempt.program)]


def rows(kind: str, count: int, seed: str) -> Iterator[dict[str, object]]:
    for problem in training_problems(seed, count):
        random = Random(f"{problem.id} row")
        row = {"id": problem.id, "family": problem.family.name, "level": problem.level, "problem": problem.problem}
        if kind == "problems":
            yield {**row, "answer": str(problem.answer)}
        else:
            segments = cot_segments if kind == "cot" else tir_segments
            yield {**row, "segments": segments(problem, random)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes training rows, or problems to sample on.")
    parser.add_argument("kind", choices=("cot", "tir", "problems"))
    parser.add_argument("count", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", help="a name; another one gives other problems [the kind]")
    options = parser.parse_args()
    options.file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = options.file.with_suffix(".tmp")
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows(options.kind, options.count, options.seed or options.kind):
            file.write(json.dumps(row) + "\n")
    unfinished.replace(options.file)


if __name__ == "__main__":
    main()
