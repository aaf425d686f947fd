"""Families about remainders."""

from math import gcd
from random import Random

from divisors import PRIMES
from family import Attempt, Family, Numbers


def draw_power(random: Random, level: int) -> Numbers:
    least, most, exponent = ((6, 40, 60), (40, 250, 500), (250, 2000, 9999))[level - 1]
    modulus = random.randint(least, most)
    return random.randint(2, modulus - 1), random.randint(exponent // 8, exponent), modulus


def reason_power(a: int, b: int, m: int) -> str:
    steps, square, result = [], a % m, 1
    for power, bit in enumerate(reversed(f"{b:b}")):
        if power:
            square = square * square % m
        if bit == "1":
            result = result * square % m
        steps.append(f"{square}")
    return f"By squaring, the remainders are {', '.join(steps)}.\nThose that belong to {b} give {result}."


POWER = Family(
    name="power-remainder",
    draw=draw_power,
    answer=pow,
    wordings=(
        "the remainder when {0}^{1} is divided by {2}",
        "{0}^{1} modulo {2}",
        "What remainder does {0}^{1} leave when it is divided by {2}?",
        "the remainder r with {0}^{1} = r (mod {2})",
        "the remainder of {0}^{1} modulo {2}",
        "What remainder is left when the number {0}^{1} is divided by {2}?",
    ),
    reasoning=reason_power,
    attempts=lambda a, b, m: [Attempt("We take the power modulo the divisor.", f"print(pow({a}, {b}, {m}))")],
)


def solve_congruence(a: int, b: int, m: int) -> int:
    return next((x for x in range(1, m) if a * x % m == b), 0)


def draw_congruence(random: Random, level: int) -> Numbers:
    least, most = ((7, 40), (40, 150), (150, 600))[level - 1]
    kind = random.random()
    while True:
        m = random.randint(least, most)
        a, b = random.randint(2, m - 1), random.randint(1, m - 1)
        common = gcd(a, m)
        wanted = common == 1 if kind < 0.6 else common > 1 and (b % common == 0) == (kind < 0.85)
        if wanted:
            return a, b, m


def attempt_congruence(a: int, b: int, m: int) -> list[Attempt]:
    head = f"a, b, m = {a}, {b}, {m}\n"
    attempts = [Attempt("We multiply by the inverse.", head + "print(b * pow(a, -1, m) % m)")]
    if gcd(a, m) > 1:
        search = head + "print(next(x for x in range(1, m) if a * x % m == b))"
        attempts.append(Attempt("There is no inverse, so we try every x.", search))
        if b % gcd(a, m):
            search = head + "print(next((x for x in range(1, m) if a * x % m == b), 0))"
            attempts.append(Attempt("No x works, so we print 0.", search))
    return attempts


def reason_congruence(a: int, b: int, m: int) -> str:
    common, x = gcd(a, m), solve_congruence(a, b, m)
    if common == 1:
        return f"The inverse of {a} modulo {m} is {pow(a, -1, m)}.\n{b} * {pow(a, -1, m)} leaves {x}."
    if x == 0:
        return f"{common} divides {a} and {m} but not {b}. There is no solution."
    return f"We divide by {common}: {a // common}x leaves {b // common} modulo {m // common}.\nSo x = {x}."


CONGRUENCE = Family(
    name="congruence",
    draw=draw_congruence,
    answer=solve_congruence,
    wordings=(
        "the smallest positive integer x such that {0}x leaves remainder {1} when divided by {2}, or 0 if there is none",
        "What is the smallest positive x with {0}x = {1} modulo {2}? (Write 0 if there is none.)",
        "the smallest positive solution of {0}x = {1} (mod {2}), or 0 if no solution exists",
        "the least positive integer x for which {0}x - {1} is divisible by {2}, where 0 stands for none",
        "the least positive x such that {0}x leaves remainder {1} modulo {2}, or 0 if no solution exists",
        "the smallest positive integer x for which {0}x = {1} modulo {2}, where 0 stands for none",
    ),
    reasoning=reason_congruence,
    attempts=attempt_congruence,
)


def solve_pair(r: int, m: int, s: int, n: int) -> int:
    return next((x for x in range(r, m * n + 1, m) if x % n == s), 0)


def draw_pair(random: Random, level: int) -> Numbers:
    least, most = ((3, 12), (8, 40), (20, 90))[level - 1]
    solvable = random.random() < 0.7
    while True:
        m, n = random.randint(least, most), random.randint(least, most)
        r, s = random.randint(1, m - 1), random.randint(1, n - 1)
        if m != n and ((r - s) % gcd(m, n) == 0) == solvable:
            return r, m, s, n


def attempt_pair(r: int, m: int, s: int, n: int) -> list[Attempt]:
    head = f"from sympy.ntheory.modular import crt\ns = crt([{m}, {n}], [{r}, {s}])\n"
    attempts = [Attempt("We use the Chinese remainder theorem.", head + "print(s[0])")]
    if solve_pair(r, m, s, n) == 0:
        attempts.append(Attempt("There is no solution, so we print 0.", head + "print(s[0] if s else 0)"))
    return attempts


def reason_pair(r: int, m: int, s: int, n: int) -> str:
    x, common = solve_pair(r, m, s, n), gcd(m, n)
    if x == 0:
        return f"{common} divides {m} and {n} but not {r} - {s}. There is no solution."
    return f"We add {m} to {r} until the remainder modulo {n} is {s}.\n{r} + {(x - r) // m} * {m} = {x}."


PAIR = Family(
    name="two-remainders",
    draw=draw_pair,
    answer=solve_pair,
    wordings=(
        "the smallest positive integer that leaves remainder {0} when divided by {1} and remainder {2} when divided by"
        " {3}, or 0 if there is none",
        "What is the least positive x with x = {0} modulo {1} and x = {2} modulo {3}? (Write 0 if there is none.)",
        "the smallest positive x such that x = {0} (mod {1}) and x = {2} (mod {3}), or 0 if no solution exists",
        "A number leaves {0} modulo {1} and {2} modulo {3}. What is the smallest positive one? (0 stands for none.)",
        "the least positive integer x with x = {0} (mod {1}) and x = {2} (mod {3}), where 0 stands for none",
        "the smallest positive number that leaves remainder {0} modulo {1} and remainder {2} modulo {3}, or 0 if no"
        " such number exists",
    ),
    reasoning=reason_pair,
    attempts=attempt_pair,
)


def find_exponent(a: int, c: int, p: int) -> int:
    return next((k for k in range(1, p) if pow(a, k, p) == c), 0)


def draw_exponent(random: Random, level: int) -> Numbers:
    least, most = ((7, 31), (31, 80), (80, 250))[level - 1]
    exists = random.random() < 0.7
    while True:
        p = random.choice([p for p in PRIMES if least <= p < most])
        a, c = random.randint(2, p - 1), random.randint(1, p - 1)
        if (find_exponent(a, c, p) > 0) == exists:
            return a, c, p


def attempt_exponent(a: int, c: int, p: int) -> list[Attempt]:
    head = f"a, c, p = {a}, {c}, {p}\ns = [pow(a, k, p) for k in range(1, p)]\n"
    attempts = [Attempt("We list the powers and look it up.", head + "print(s.index(c) + 1)")]
    if find_exponent(a, c, p) == 0:
        attempts.append(
            Attempt("It is not in the list, so we print 0.", head + "print(s.index(c) + 1 if c in s else 0)")
        )
    return attempts


def reason_exponent(a: int, c: int, p: int) -> str:
    k = find_exponent(a, c, p)
    shown = ", ".join(str(pow(a, j, p)) for j in range(1, 9))
    end = f"The first {c} is at exponent {k}." if k else f"They never become {c}."
    return f"The powers of {a} modulo {p} begin with {shown}.\n{end}"


EXPONENT = Family(
    name="exponent",
    draw=draw_exponent,
    answer=find_exponent,
    wordings=(
        "the smallest positive integer k such that {0}^k leaves remainder {1} when divided by {2}, or 0 if there is none",
        "What is the least positive k with {0}^k = {1} modulo {2}? (Write 0 if there is none.)",
        "the smallest positive exponent k with {0}^k = {1} (mod {2}), or 0 if no such k exists",
        "the least positive k for which {0}^k - {1} is divisible by {2}, where 0 stands for none",
        "the least positive integer k such that {0}^k = {1} (mod {2}), or 0 if there is none",
        "the smallest positive exponent k for which {0}^k leaves remainder {1} modulo {2}, where 0 stands for none",
    ),
    reasoning=reason_exponent,
    attempts=attempt_exponent,
)

FAMILIES = (POWER, CONGRUENCE, PAIR, EXPONENT)
