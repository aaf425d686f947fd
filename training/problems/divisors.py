"""Families about divisors, multiples and primes."""

from math import gcd, lcm, prod
from random import Random

from family import Attempt, Family, Numbers

PRIMES = [p for p in range(2, 2000) if all(p % d for d in range(2, int(p**0.5) + 1))]


def factorisation(n: int) -> dict[int, int]:
    """Prime factors of n and their exponents, ascending."""
    powers: dict[int, int] = {}
    d = 2
    while n > 1:
        while n % d == 0:
            powers[d] = powers.get(d, 0) + 1
            n //= d
        d = d + 1 if d * d <= n else max(n, d + 1)
    return powers


def written(powers: dict[int, int]) -> str:
    return " * ".join(str(p) if e == 1 else f"{p}^{e}" for p, e in powers.items())


def draw_gcd(random: Random, level: int) -> Numbers:
    most = (12, 60, 300)[level - 1]
    common = random.randint(2, most)
    a, b = random.randint(2, 2 * most), random.randint(2, 2 * most)
    return (common * a, common * b) if a != b else draw_gcd(random, level)


def reason_gcd(a: int, b: int) -> str:
    steps = []
    while b:
        steps.append(f"{a} = {a // b} * {b} + {a % b}.")
        a, b = b, a % b
    return "We divide with remainder.\n" + "\n".join(steps)


GCD = Family(
    name="gcd",
    draw=draw_gcd,
    answer=gcd,
    wordings=(
        "the greatest common divisor of {0} and {1}",
        "the largest integer that divides both {0} and {1}",
        "the largest number by which both {0} and {1} are divisible",
        "gcd({0}, {1})",
        "the greatest integer that is a divisor of {0} and of {1}",
        "the largest common divisor of the numbers {0} and {1}",
    ),
    reasoning=reason_gcd,
    attempts=lambda a, b: [
        Attempt("We take the greatest common divisor.", f"from math import gcd\nprint(gcd({a}, {b}))")
    ],
)


def draw_lcm(random: Random, level: int) -> Numbers:
    least, most = ((2, 15), (6, 40), (20, 120))[level - 1]
    numbers = tuple(random.randint(least, most) for _ in range(3))
    return numbers if len(set(numbers)) == 3 else draw_lcm(random, level)


LCM = Family(
    name="lcm",
    draw=draw_lcm,
    answer=lcm,
    wordings=(
        "the least common multiple of {0}, {1} and {2}",
        "the smallest positive integer that is divisible by {0}, {1} and {2}",
        "lcm({0}, {1}, {2})",
        "the smallest positive number that {0}, {1} and {2} all divide",
        "the smallest common multiple of the numbers {0}, {1} and {2}",
        "the least positive integer that is a multiple of {0}, of {1} and of {2}",
    ),
    reasoning=lambda a, b, c: (
        f"The least common multiple of {a} and {b} is {a} * {b} / {gcd(a, b)} = {lcm(a, b)}.\n"
        f"With {c} it becomes {lcm(a, b)} * {c} / {gcd(lcm(a, b), c)} = {lcm(a, b, c)}."
    ),
    attempts=lambda a, b, c: [
        Attempt("We take the least common multiple.", f"from math import lcm\nprint(lcm({a}, {b}, {c}))")
    ],
)


def draw_divisor_count(random: Random, level: int) -> Numbers:
    least, most = ((12, 600), (600, 6000), (6000, 90000))[level - 1]
    n = 1
    while n < least:
        n *= random.choice(PRIMES[: 3 + 2 * level])
    return (n,) if n <= most else draw_divisor_count(random, level)


def count_divisors(n: int) -> int:
    return prod(e + 1 for e in factorisation(n).values())


DIVISOR_COUNT = Family(
    name="divisor-count",
    draw=draw_divisor_count,
    answer=count_divisors,
    wordings=(
        "the number of positive divisors of {0}",
        "How many positive integers divide {0}?",
        "How many positive divisors does {0} have?",
        "the number of positive integers by which {0} is divisible",
        "How many divisors does the number {0} have?",
        "the number of positive integers that divide {0}",
    ),
    reasoning=lambda n: (
        f"{n} = {written(factorisation(n))}.\n"
        f"The number of divisors is {' * '.join(f'({e} + 1)' for e in factorisation(n).values())} = {count_divisors(n)}."
    ),
    attempts=lambda n: [
        Attempt("We count the divisors.", f"from sympy import divisor_count\nprint(divisor_count({n}))")
    ],
)


def draw_prime_factor(random: Random, level: int) -> Numbers:
    n, count = 1, (2, 3, 4)[level - 1]
    for _ in range(count):
        n *= random.choice(PRIMES[2 : (12, 14, 16)[level - 1]])
    factors = list(factorisation(n))
    if random.random() < 0.3:
        return n, random.randint(3, factors[0])
    return n, random.randint(factors[0] + 1, factors[-1] + 20)


def largest_prime_factor(n: int, bound: int) -> int:
    return max((p for p in factorisation(n) if p < bound), default=0)


def attempt_prime_factor(n: int, bound: int) -> list[Attempt]:
    head = f"from sympy import primefactors\nn, k = {n}, {bound}\n"
    attempts = [
        Attempt("We take the largest of the prime factors.", head + "print(max(p for p in primefactors(n) if p < k))")
    ]
    if largest_prime_factor(n, bound) == 0:
        mended = head + "print(max((p for p in primefactors(n) if p < k), default=0))"
        attempts.append(Attempt("There is no such prime, so we print 0.", mended))
    return attempts


def reason_prime_factor(n: int, bound: int) -> str:
    found = largest_prime_factor(n, bound)
    end = f"The largest prime below {bound} is {found}." if found else f"None of these primes is below {bound}."
    return f"{n} = {written(factorisation(n))}.\n{end}"


PRIME_FACTOR = Family(
    name="prime-factor",
    draw=draw_prime_factor,
    answer=largest_prime_factor,
    wordings=(
        "the largest prime factor of {0} that is less than {1}, or 0 if there is none",
        "Among the prime numbers below {1}, which is the largest that divides {0}? (Write 0 if there is none.)",
        "the greatest prime below {1} that divides {0}, or 0 if no such prime exists",
        "the largest prime divisor of {0} below {1}, where 0 stands for none",
        "the largest prime number less than {1} by which {0} is divisible, or 0 if there is none",
        "the greatest prime divisor of {0} that is less than {1}, or 0 if no such prime exists",
    ),
    reasoning=reason_prime_factor,
    attempts=attempt_prime_factor,
)


def draw_prime_mean(random: Random, level: int) -> Numbers:
    below = (100, 500, 1990)[level - 1]
    if random.random() < 0.3:
        gaps = [(p, q) for p, q in zip(PRIMES, PRIMES[1:]) if 4 <= q - p and q < below]
        p, q = random.choice(gaps)
        low = random.randint(p + 1, q - 2)
        return low, random.randint(low + 1, q - 1)
    low = random.randint(2, below - 40)
    high = low + random.randint(8, 12 * level)
    return (low, high) if primes_between(low, high) else draw_prime_mean(random, level)


def primes_between(low: int, high: int) -> list[int]:
    return [p for p in PRIMES if low <= p <= high]


def prime_mean(low: int, high: int) -> int:
    primes = primes_between(low, high)
    return sum(primes) // len(primes) if primes else 0


def attempt_prime_mean(low: int, high: int) -> list[Attempt]:
    head = f"from sympy import primerange\np = list(primerange({low}, {high} + 1))\n"
    attempts = [Attempt("We list the primes and take their mean.", head + "print(sum(p) // len(p))")]
    if not primes_between(low, high):
        attempts.append(Attempt("There are no primes, so we print 0.", head + "print(sum(p) // len(p) if p else 0)"))
    return attempts


def reason_prime_mean(low: int, high: int) -> str:
    primes = primes_between(low, high)
    if not primes:
        return f"There is no prime from {low} to {high}."
    return (
        f"The primes are {', '.join(map(str, primes))}.\n"
        f"Their sum is {sum(primes)}, and {sum(primes)} / {len(primes)} rounded down is {prime_mean(low, high)}."
    )


PRIME_MEAN = Family(
    name="prime-mean",
    draw=draw_prime_mean,
    answer=prime_mean,
    wordings=(
        "the mean of the primes from {0} to {1}, rounded down, or 0 if there are none",
        "What is the integer part of the mean of all primes from {0} to {1}? (Write 0 if there are none.)",
        "the average of all prime numbers between {0} and {1}, rounded down, where 0 stands for none",
        "the integer part of the average of the prime numbers p with {0} <= p <= {1}, or 0 if no such prime exists",
        "the average of the primes between {0} and {1}, rounded down, or 0 if there are none",
        "the integer part of the mean of the prime numbers from {0} to {1}, where 0 stands for none",
    ),
    reasoning=reason_prime_mean,
    attempts=attempt_prime_mean,
)

FAMILIES = (GCD, LCM, DIVISOR_COUNT, PRIME_FACTOR, PRIME_MEAN)
