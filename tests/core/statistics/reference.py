"""Answers questions of statistics with SciPy and statsmodels: a JSON line [name, cases] in, a line of results out."""

import itertools
import json
import sys

import numpy
from scipy import optimize, special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint


def clustered(clusters: list[list[float]], level: float) -> list[float]:
    """Estimate, standard error, degrees and interval by the general matrix formulas of Bell and McCaffrey 2002."""
    y = numpy.concatenate([numpy.array(cluster, float) for cluster in clusters])
    x = numpy.ones((len(y), 1))
    bread = numpy.linalg.inv(x.T @ x)
    hat = x @ bread @ x.T
    residual_maker = numpy.eye(len(y)) - hat
    residuals = residual_maker @ y
    ends = numpy.cumsum([len(cluster) for cluster in clusters])
    variance, directions = 0.0, []
    for start, end in zip([0, *ends], ends):
        values, vectors = numpy.linalg.eigh(residual_maker[start:end, start:end])
        adjustment = vectors @ numpy.diag(values**-0.5) @ vectors.T
        weights = bread @ x[start:end].T @ adjustment
        variance += (weights @ residuals[start:end]).item() ** 2
        directions.append((weights @ residual_maker[start:end]).ravel())
    form = numpy.array(directions) @ numpy.array(directions).T
    degrees = numpy.trace(form) ** 2 / numpy.trace(form @ form)
    estimate, error = (bread @ x.T @ y).item(), variance**0.5
    half = stats.t.ppf((1 + level) / 2, degrees) * error
    return [estimate, error, degrees, estimate - half, estimate + half]


def tango(gained: int, lost: int, n: int, level: float) -> list[float]:
    """The differences that a score test accepts; each one's likelihood is made largest numerically."""
    z, others = stats.norm.ppf((1 + level) / 2), n - gained - lost

    def rise(count: int, chance: float) -> float:
        return 0 if count == 0 else count / chance if chance > 0 else numpy.inf

    def score(difference: float) -> float:
        def slope(chance: float) -> float:  # of the log-likelihood, by the chance of a loss
            gains, none = rise(gained, chance + difference), rise(others, 1 - 2 * chance - difference)
            return gains + rise(lost, chance) - 2 * none

        least, most = max(0.0, -difference), (1 - difference) / 2
        if slope(least) <= 0:
            chance = least
        elif slope(most) >= 0:
            chance = most
        else:
            chance = optimize.bisect(slope, least, most, xtol=1e-16, maxiter=200)
        return (gained - lost - n * difference) / (n * (2 * chance + difference * (1 - difference))) ** 0.5

    estimate = (gained - lost) / n
    low = optimize.brentq(lambda difference: score(difference) - z, -0.9999, estimate - 1e-7, xtol=1e-14)
    high = optimize.brentq(lambda difference: score(difference) + z, estimate + 1e-7, 0.9999, xtol=1e-14)
    return [low, high]


def permutation(differences: list[float]) -> float:
    result = stats.permutation_test(
        (differences,), numpy.mean, permutation_type="samples", n_resamples=numpy.inf, vectorized=True
    )
    return result.pvalue


def bootstrap(differences: list[float], level: float, seed: int) -> list[float]:
    interval = stats.bootstrap(
        (differences,), numpy.mean, confidence_level=level, method="BCa", n_resamples=100_000, batch=10_000, rng=seed
    ).confidence_interval
    return [interval.low, interval.high]


ANSWERS = {
    "normal cumulative": stats.norm.cdf,
    "normal quantile": stats.norm.ppf,
    "student two-sided": lambda level, degrees: stats.t.ppf((1 + level) / 2, degrees),
    "incomplete beta": lambda x, a, b: special.betainc(a, b, x),
    "wilson": lambda successes, trials, level: list(
        proportion_confint(successes, trials, alpha=1 - level, method="wilson")
    ),
    "mcnemar": lambda gained, lost: mcnemar([[0, gained], [lost, 0]], exact=True).pvalue,
    "binomial test": lambda gained, lost: stats.binomtest(gained, gained + lost).pvalue,
    "holm": lambda *p_values: multipletests(p_values, method="holm")[1].tolist(),
    "poisson binomial": lambda *chances: stats.poisson_binom.pmf(range(len(chances) + 1), chances).tolist(),
    "beta-binomial": lambda n, a, b: stats.betabinom.pmf(range(n + 1), n, a, b).tolist(),
    "power by noncentral F": lambda effect, units, level: stats.ncf.sf(
        stats.t.ppf((1 + level) / 2, units - 1) ** 2, 1, units - 1, units * effect**2
    ),
    "needed units": lambda effect, level, power: TTestPower().solve_power(effect, None, 1 - level, power),
    "permutation": lambda *differences: permutation(differences),
    "bootstrap": bootstrap,
    "clustered": clustered,
    "tango": tango,
}

for line in sys.stdin:
    name, cases = json.loads(line)
    print(json.dumps(list(itertools.starmap(ANSWERS[name], cases))), flush=True)
