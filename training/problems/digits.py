"""Families about digits."""

from math import ceil, log10
from random import Random

from family import Attempt, Family, Numbers

LIMIT = 4300  # digits that CPython turns into text unasked: sys.int_info.default_max_str_digits


def draw_power_digits(random: Random, level: int) -> Numbers:
    if level < 3:
        least, most = ((3, 12), (13, 80))[level - 1]
        return random.randint(2, 99), random.randint(least, most)
    a = random.randint(11, 99)
    if random.random() < 0.3:
        return a, random.randint(100, 900)
    beyond = ceil(LIMIT / log10(a)) + 1
    return a, random.randint(beyond, beyond + 600)


def digit_sum(n: int, base: int) -> int:
    total = 0
    while n:
        n, digit = divmod(n, base)
        total += digit
    return total


def attempt_power_digits(a: int, n: int) -> list[Attempt]:
    line = f"print(sum(int(d) for d in str({a} ** {n})))"
    attempts = [Attempt("We add up the digits of the power.", line)]
    if a**n >= 10**LIMIT:
        lifted = f"import sys\nsys.set_int_max_str_digits(0)\n{line}"
        attempts.append(Attempt("The number is too long, so we lift the limit.", lifted))
    return attempts


def reason_power_digits(a: int, n: int) -> str:
    if a**n < 10**18:
        return f"{a}^{n} = {a**n}.\nIts digits are {' + '.join(str(a**n))} = {digit_sum(a**n, 10)}."
    return f"{a}^{n} is a long number.\nIts digits add up to {digit_sum(a**n, 10)}."


POWER_DIGITS = Family(
    name="digit-sum",
    draw=draw_power_digits,
    answer=lambda a, n: digit_sum(a**n, 10),
    wordings=(
        "the sum of the digits of {0}^{1}",
        "the digit sum of {0}^{1}",
        "What do the digits of {0}^{1} add up to?",
        "the sum of all decimal digits of the number {0}^{1}",
        "the digit sum of the number {0}^{1}",
        "What do all decimal digits of {0}^{1} add up to?",
    ),
    reasoning=reason_power_digits,
    attempts=attempt_power_digits,
)


def draw_base_digits(random: Random, level: int) -> Numbers:
    if level < 3:
        most, base = ((600, 9), (8000, 20))[level - 1]
        return random.randint(20 * level, most), random.randint(2, base)
    base = random.randint(21, 36) if random.random() < 0.3 else random.randint(37, 70)
    return random.randint(8000, 99999), base


def attempt_base_digits(n: int, base: int) -> list[Attempt]:
    line = f"import numpy as np\nprint(sum(int(d, 36) for d in np.base_repr({n}, {base})))"
    attempts = [Attempt("We write the number in that base and add up the digits.", line)]
    if base > 36:
        loop = f"n, b = {n}, {base}\ns = 0\nwhile n:\n    s += n % b\n    n //= b\nprint(s)"
        attempts.append(Attempt("The base is too large for that, so we divide step by step.", loop))
    return attempts


def reason_base_digits(n: int, base: int) -> str:
    digits, rest = [], n
    while rest:
        rest, digit = divmod(rest, base)
        digits.append(str(digit))
    return f"The digits of {n} in base {base} are {', '.join(reversed(digits))}.\nTheir sum is {digit_sum(n, base)}."


BASE_DIGITS = Family(
    name="base-digit-sum",
    draw=draw_base_digits,
    answer=digit_sum,
    wordings=(
        "the sum of the digits of {0} in base {1}",
        "the digit sum of {0} when it is written in base {1}",
        "What do the digits of {0} in base {1} add up to?",
        "The number {0} is written in base {1}. What is the sum of its digits?",
        "the sum of the digits of the number {0} when it is written in base {1}",
        "The number {0} is written in base {1}. What do its digits add up to?",
    ),
    reasoning=reason_base_digits,
    attempts=attempt_base_digits,
)

FAMILIES = (POWER_DIGITS, BASE_DIGITS)
