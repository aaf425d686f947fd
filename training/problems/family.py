"""What a family of problems is. Standard library only, like all of problems/."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Numbers = tuple[int, ...]

LEVELS = (1, 2, 3)


@dataclass(frozen=True)
class Attempt:
    """A thought and the program that it leads to."""

    thought: str
    program: str


@dataclass(frozen=True)
class Family:
    """Problems that differ in their numbers and wording alone.

    `draw` takes a level and gives the numbers; a problem has one form only, up to their order.
    `wordings` are filled with the numbers: whole questions, or what a question asks for. The last two are held out of
    training, the one before last for the validation set and the last one for the test set.
    `attempts` are what a solver writes: each but the last raises an exception, the last prints the answer.
    `reasoning` is a solution without a program, up to the sentence with the answer.
    """

    name: str
    draw: Callable[[Random, int], Numbers]
    answer: Callable[..., int]
    wordings: tuple[str, ...]
    reasoning: Callable[..., str]
    attempts: Callable[..., list[Attempt]]


def canonical(numbers: Numbers) -> Numbers:
    """What no two problems of a family in different splits share. Coarser than need be: the order does not count."""
    return tuple(sorted(numbers))
