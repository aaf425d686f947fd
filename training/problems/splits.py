"""The problems of each split, drawn with a fixed seed.

The test set is drawn first, then the validation set, then what training asks for; each leaves out the canonical numbers
that another split has. Problems of one split may share their numbers in training, never in an evaluation set.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

import digits
import divisors
import remainders
import sequences
from family import LEVELS, Family, Numbers, canonical

FAMILIES: tuple[Family, ...] = (*divisors.FAMILIES, *remainders.FAMILIES, *digits.FAMILIES, *sequences.FAMILIES)
SEED = 2026
EVALUATION_SIZE = 400
HELD_OUT = {"validation": -2, "test": -1}  # which wording
QUESTIONS = ("Find {}.", "What is {}?", "Compute {}.", "Determine {}.", "Calculate {}.", "Please give {}.")


@dataclass(frozen=True)
class Problem:
    id: str
    problem: str
    answer: int
    family: Family
    level: int
    phrasing: str  # seen, or held-out
    numbers: Numbers


def draw_problem(random: Random, family: Family, level: int, held_out: int | None, taken: set[Numbers]) -> Problem:
    """A problem whose canonical numbers are not among `taken`; `held_out` is the wording, None one of training's."""
    while canonical(numbers := family.draw(random, level)) in taken:
        pass
    wording = random.choice(family.wordings[:-2]) if held_out is None else family.wordings[held_out]
    text = wording.format(*numbers)
    if not wording.endswith(("?", "?)", ".)")):
        text = random.choice(QUESTIONS).format(text)
    phrasing = "seen" if held_out is None else "held-out"
    return Problem("", text, family.answer(*numbers), family, level, phrasing, numbers)


@cache
def evaluation_set(split: str) -> tuple[Problem, ...]:
    """The 400 problems of `validation` or `test`: families take turns, then levels; every other wording is held out."""
    taken = taken_by("test") if split == "validation" else {family.name: set() for family in FAMILIES}
    problems = []
    for index in range(EVALUATION_SIZE):
        round_, place = divmod(index, len(FAMILIES))
        family, level = FAMILIES[place], LEVELS[round_ % len(LEVELS)]
        held_out = HELD_OUT[split] if (round_ + place) % 2 else None
        random = Random(f"{SEED} {split} {index}")
        problem = draw_problem(random, family, level, held_out, taken[family.name])
        taken[family.name].add(canonical(problem.numbers))
        problems.append(Problem(**{**vars(problem), "id": f"{family.name}-{level}-{round_ // len(LEVELS)}"}))
    return tuple(problems)


def taken_by(*splits: str) -> dict[str, set[Numbers]]:
    """By family, the canonical numbers that these splits have."""
    taken: dict[str, set[Numbers]] = {family.name: set() for family in FAMILIES}
    for split in splits:
        for problem in evaluation_set(split):
            taken[problem.family.name].add(canonical(problem.numbers))
    return taken


def training_problems(purpose: str, count: int) -> Iterator[Problem]:
    """Problems to train on, others for each purpose, such as `cot`; none has the numbers of an evaluation problem."""
    taken = taken_by("validation", "test")
    for index in range(count):
        random = Random(f"{SEED} training {purpose} {index}")
        family, level = random.choice(FAMILIES), random.choice(LEVELS)
        problem = draw_problem(random, family, level, None, taken[family.name])
        yield Problem(**{**vars(problem), "id": f"{purpose}-{index}"})
