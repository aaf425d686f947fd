"""Families about sequences, equations and counting."""

from math import comb, isqrt, lcm
from random import Random

from family import Attempt, Family, Numbers


def draw_series(random: Random, level: int) -> Numbers:
    most, terms = ((12, 15), (60, 60), (400, 300))[level - 1]
    return random.randint(1, most), random.randint(2, most), random.randint(terms // 4, terms)


def sum_series(a: int, d: int, n: int) -> int:
    return n * (2 * a + (n - 1) * d) // 2


SERIES = Family(
    name="series",
    draw=draw_series,
    answer=sum_series,
    wordings=(
        "the sum of the arithmetic sequence with first term {0}, common difference {1} and {2} terms",
        "An arithmetic sequence starts with {0} and has common difference {1}. What is the sum of its first {2} terms?",
        "A sequence starts with {0}, and every next term is larger by {1}. What do its first {2} terms add up to?",
        "the sum of the first {2} terms of the arithmetic sequence that starts with {0} and has difference {1}",
        "A sequence with first term {0} has common difference {1}. What do its first {2} terms add up to?",
        "An arithmetic sequence has first term {0} and difference {1}. What is the sum of the first {2} terms?",
    ),
    reasoning=lambda a, d, n: (
        f"The last term is {a} + {n - 1} * {d} = {a + (n - 1) * d}.\n"
        f"The sum is {n} * ({a} + {a + (n - 1) * d}) / 2 = {sum_series(a, d, n)}."
    ),
    attempts=lambda a, d, n: [
        Attempt("We add up the terms.", f"a, d, n = {a}, {d}, {n}\nprint(sum(a + d * i for i in range(n)))")
    ],
)


def draw_recurrence(random: Random, level: int) -> Numbers:
    most, terms, modulus = ((9, 20, 50), (20, 200, 200), (60, 800, 900))[level - 1]
    if level == 3 and random.random() < 0.7:
        n = random.randint(1200, 4000)
    else:
        n = random.randint(terms // 4, terms)
    return random.randint(1, most), random.randint(1, most), n, random.randint(most + 1, modulus)


def term_of_recurrence(a: int, q: int, n: int, m: int) -> int:
    x = a
    for _ in range(n - 1):
        x = (2 * x + q) % m
    return x % m


def attempt_recurrence(a: int, q: int, n: int, m: int) -> list[Attempt]:
    recursion = f"def f(n):\n    return {a} if n == 1 else (2 * f(n - 1) + {q}) % {m}\nprint(f({n}))"
    attempts = [Attempt("We define the terms by recursion.", recursion)]
    if n > 1000:
        loop = f"x = {a}\nfor i in range({n} - 1):\n    x = (2 * x + {q}) % {m}\nprint(x)"
        attempts.append(Attempt("The recursion is too deep, so we use a loop.", loop))
    return attempts


def reason_recurrence(a: int, q: int, n: int, m: int) -> str:
    shown = ", ".join(str(term_of_recurrence(a, q, k, m)) for k in range(1, 9))
    return f"The remainders begin with {shown}.\nGoing on, number {n} is {term_of_recurrence(a, q, n, m)}."


RECURRENCE = Family(
    name="recurrence",
    draw=draw_recurrence,
    answer=term_of_recurrence,
    wordings=(
        "A sequence starts with {0}, and every next term is twice the one before plus {1}. What is the remainder when"
        " term number {2} is divided by {3}?",
        "Let every term of a sequence be twice the one before plus {1}, where the first is {0}. What is term number {2}"
        " modulo {3}?",
        "In a sequence with first term {0}, each term is {1} more than twice the term before. What remainder does term"
        " number {2} leave when it is divided by {3}?",
        "term number {2}, modulo {3}, of the sequence that starts with {0} and in which x is followed by twice x plus"
        " {1}",
        "A sequence starts with {0}, and each term is {1} more than twice the one before. What is term number {2} modulo"
        " {3}?",
        "In a sequence with first term {0}, every next term is twice the one before plus {1}. What remainder does term"
        " number {2} leave modulo {3}?",
    ),
    reasoning=reason_recurrence,
    attempts=attempt_recurrence,
)


def draw_quadratic(random: Random, level: int) -> Numbers:
    most = (15, 70, 400)[level - 1]
    r, s = random.randint(1, most), random.randint(1, most)
    total, product = r + s, r * s
    if random.random() < 0.3:
        product = total * total // 4 + random.randint(1, 3 * most)
    return total, product


def larger_root(s: int, p: int) -> int:
    return (s + isqrt(s * s - 4 * p)) // 2 if s * s >= 4 * p else 0


def attempt_quadratic(s: int, p: int) -> list[Attempt]:
    head = f"from math import isqrt\ns, p = {s}, {p}\nd = s * s - 4 * p\n"
    attempts = [Attempt("We use the formula for the roots.", head + "print((s + isqrt(d)) // 2)")]
    if s * s < 4 * p:
        attempts.append(
            Attempt("There is no real root, so we print 0.", head + "print((s + isqrt(d)) // 2 if d >= 0 else 0)")
        )
    return attempts


def reason_quadratic(s: int, p: int) -> str:
    d = s * s - 4 * p
    if d < 0:
        return f"The discriminant {s}^2 - 4 * {p} = {d} is negative. There is no real root."
    root = isqrt(d)
    return (
        f"The discriminant is {s}^2 - 4 * {p} = {d} = {root}^2.\nThe root is ({s} + {root}) / 2 = {larger_root(s, p)}."
    )


QUADRATIC = Family(
    name="quadratic",
    draw=draw_quadratic,
    answer=larger_root,
    wordings=(
        "the larger root of x^2 - {0}x + {1} = 0, or 0 if there is no real root",
        "What is the largest real x with x^2 - {0}x + {1} = 0? (Write 0 if there is none.)",
        "the greatest real solution of x^2 - {0}x + {1} = 0, or 0 if no solution exists",
        "the largest real number x for which x^2 - {0}x + {1} = 0, where 0 stands for none",
        "the largest real root of x^2 - {0}x + {1} = 0, or 0 if there is none",
        "the larger solution of x^2 - {0}x + {1} = 0, where 0 stands for no real solution",
    ),
    reasoning=reason_quadratic,
    attempts=attempt_quadratic,
)


def draw_committee(random: Random, level: int) -> Numbers:
    least, most, chosen = ((5, 14, 4), (12, 40, 4), (30, 90, 4))[level - 1]
    return random.randint(least, most), random.randint(2, chosen)


def reason_committee(n: int, k: int) -> str:
    above = " * ".join(str(n - i) for i in range(k))
    below = " * ".join(str(k - i) for i in range(k))
    return f"The number of ways is ({above}) / ({below}) = {comb(n, k)}."


COMMITTEE = Family(
    name="committee",
    draw=draw_committee,
    answer=comb,
    wordings=(
        "the number of ways to choose {1} of {0} members",
        "In how many ways can {1} of {0} members be chosen?",
        "A club has {0} members. How many committees of {1} members are there?",
        "How many sets of {1} numbers can be chosen among {0} numbers?",
        "A club has {0} members. In how many ways can {1} of them be chosen?",
        "the number of committees of {1} members in a club that has {0} members",
    ),
    reasoning=reason_committee,
    attempts=lambda n, k: [Attempt("We count the choices.", f"from math import comb\nprint(comb({n}, {k}))")],
)


def draw_multiples(random: Random, level: int) -> Numbers:
    most, bound = ((9, 100), (20, 1000), (60, 20000))[level - 1]
    a, b = random.randint(2, most), random.randint(2, most)
    return (a, b, random.randint(bound // 4, bound)) if a < b and b % a else draw_multiples(random, level)


def count_multiples(a: int, b: int, n: int) -> int:
    return n // a + n // b - n // lcm(a, b)


MULTIPLES = Family(
    name="multiples",
    draw=draw_multiples,
    answer=count_multiples,
    wordings=(
        "How many positive integers up to {2} are divisible by {0} or by {1}?",
        "the number of positive integers n <= {2} that are multiples of {0} or of {1}",
        "How many of the numbers from one to {2} are a multiple of {0} or of {1}?",
        "the number of positive integers up to {2} that {0} or {1} divides",
        "How many of the numbers from one to {2} are divisible by {0} or by {1}?",
        "the number of positive integers up to {2} that are a multiple of {0} or of {1}",
    ),
    reasoning=lambda a, b, n: (
        f"{n // a} are divisible by {a}, {n // b} by {b}, and {n // lcm(a, b)} by both.\n"
        f"{n // a} + {n // b} - {n // lcm(a, b)} = {count_multiples(a, b, n)}."
    ),
    attempts=lambda a, b, n: [
        Attempt(
            "We count the multiples.",
            f"a, b, n = {a}, {b}, {n}\nprint(sum(1 for x in range(1, n + 1) if x % a == 0 or x % b == 0))",
        )
    ],
)


def draw_shopping(random: Random, level: int) -> Numbers:
    count, price = ((9, 20), (40, 99), (200, 999))[level - 1]
    return random.randint(2, count), random.randint(5, price), random.randint(2, count), random.randint(5, price)


SHOPPING = Family(
    name="shopping",
    draw=draw_shopping,
    answer=lambda n, p, m, q: n * p + m * q,
    wordings=(
        "Anna buys {0} pens for {1} cents each and {2} books for {3} cents each. How many cents does she pay?",
        "A pen costs {1} cents and a book costs {3} cents. What do {0} pens and {2} books cost?",
        "Ben sells {0} apples for {1} cents each and {2} pears for {3} cents each. How many cents does he get?",
        "{0} boxes with {1} apples each and {2} boxes with {3} pears each are counted. How many fruits are there?",
        "Ben buys {0} apples for {1} cents each and {2} books for {3} cents each. How many cents does he pay?",
        "A pear costs {1} cents and a box costs {3} cents. How many cents do {0} pears and {2} boxes cost?",
    ),
    reasoning=lambda n, p, m, q: (
        f"The first part is {n} * {p} = {n * p}.\nThe second part is {m} * {q} = {m * q}.\n"
        f"{n * p} + {m * q} = {n * p + m * q}."
    ),
    attempts=lambda n, p, m, q: [Attempt("We add the two products.", f"print({n} * {p} + {m} * {q})")],
)


def draw_farm(random: Random, level: int) -> Numbers:
    heads = random.randint(*((5, 60), (60, 300), (300, 3000))[level - 1])
    return heads, 2 * heads + 2 * random.randint(1, heads - 1)


FARM = Family(
    name="farm",
    draw=draw_farm,
    answer=lambda heads, legs: legs // 2 - heads,
    wordings=(
        "A farm has chickens and rabbits with {0} heads and {1} legs in all. How many rabbits are there?",
        "Chickens have two legs and rabbits four. Among {0} animals with {1} legs, how many are rabbits?",
        "the number of rabbits among {0} chickens and rabbits that have {1} legs in all",
        "On a farm {0} chickens and rabbits have {1} legs. How many of the animals are rabbits?",
        "A farm has {0} animals, chickens and rabbits, with {1} legs in all. How many rabbits does it have?",
        "Chickens and rabbits with {0} heads have {1} legs in all. What is the number of rabbits?",
    ),
    reasoning=lambda heads, legs: (
        f"{heads} chickens would have {2 * heads} legs.\n"
        f"The other {legs} - {2 * heads} = {legs - 2 * heads} legs belong to {legs // 2 - heads} rabbits."
    ),
    attempts=lambda heads, legs: [
        Attempt(
            "We try every number of rabbits.",
            f"h, l = {heads}, {legs}\nprint(next(r for r in range(h) if 4 * r + 2 * (h - r) == l))",
        )
    ],
)

FAMILIES = (SERIES, RECURRENCE, QUADRATIC, COMMITTEE, MULTIPLES, SHOPPING, FARM)
