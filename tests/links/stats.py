"""The statistics by which links are judged, in plain Python, apart from the code that is judged.

Run as a program it holds itself against values of published tables.
"""
# SPDX-License-Identifier: BSD-3-Clause
import math
import sys


def mean(v):
    return math.fsum(v) / len(v)


def deviation(v):
    m = mean(v)
    return math.sqrt(math.fsum((x - m) ** 2 for x in v) / (len(v) - 1))


def quantile(v, p):
    """The smallest value that a share of p does not exceed."""
    return sorted(v)[min(len(v) - 1, int(p * len(v)))]


# ---- distributions against each other ----

def kolmogorov_p(d, n, m):
    """The chance of a two-sample K-S distance of d or more (Stephens' correction for small samples)."""
    root = math.sqrt(n * m / (n + m))
    t = (root + 0.12 + 0.11 / root) * d
    if t < 0.2:
        return 1.0
    return max(0.0, min(1.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * t * t) for k in range(1, 101))))


def kolmogorov(a, b):
    """Two-sample Kolmogorov-Smirnov: the distance and its p-value; ties are taken together."""
    a, b = sorted(a), sorted(b)
    i = j = 0
    d = 0.0
    while i < len(a) and j < len(b):
        x = min(a[i], b[j])
        while i < len(a) and a[i] == x:
            i += 1
        while j < len(b) and b[j] == x:
            j += 1
        d = max(d, abs(i / len(a) - j / len(b)))
    return d, kolmogorov_p(d, len(a), len(b))


def gamma_upper(a, x):
    """Regularized upper incomplete gamma function: series (DLMF 8.11.4), continued fraction (8.9.2)."""
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = a
        while term > total * 1e-16:
            n += 1
            term *= x / n
            total += term
        return 1 - scale * total
    b, c = x + 1 - a, 1e300
    d = h = 1 / b
    for i in range(1, 100000):
        an = -i * (i - a)
        b += 2
        d = 1 / (an * d + b)
        c = b + an / c
        h *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return scale * h


def chi_square(observed, expected):
    """Pearson's test of counts against a law with nothing fitted: the statistic, freedoms, p-value."""
    x = math.fsum((o - e) ** 2 / e for o, e in zip(observed, expected))
    return x, len(observed) - 1, gamma_upper((len(observed) - 1) / 2, x / 2)


def geometric_bins(lengths, p):
    """Counts of burst lengths and what a geometric law expects, bins of at least 5; the last is open."""
    observed, expected, k = [], [], 1
    tail = len(lengths) * 1.0
    while tail * (1 - p) >= 5 and len(lengths) * p * (1 - p) ** (k - 1) >= 5:
        observed.append(sum(1 for x in lengths if x == k))
        expected.append(len(lengths) * p * (1 - p) ** (k - 1))
        tail *= 1 - p
        k += 1
    observed.append(sum(1 for x in lengths if x >= k))
    expected.append(tail)
    return observed, expected


# ---- shares ----

def binomial_tail(k, n, p):
    """P(X <= k) of a binomial X."""
    if p in (0, 1):
        return 1.0 if k >= n * p else 0.0
    log = math.log
    head = math.lgamma(n + 1)
    return min(1.0, math.fsum(
        math.exp(head - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log(p) + (n - i) * log(1 - p))
        for i in range(k + 1)))


def binomial_interval(n, p, level=0.99):
    """The smallest and the largest count that leave at most (1 - level) / 2 on each side."""
    side = (1 - level) / 2
    sd = math.sqrt(n * p * (1 - p))
    lo = max(0, int(n * p - 6 * sd) - 2)
    below = binomial_tail(lo, n, p)
    while below <= side:
        lo += 1
        below = binomial_tail(lo, n, p)
    hi = min(n, int(n * p + 6 * sd) + 2)
    while hi > 0 and 1 - binomial_tail(hi - 1, n, p) <= side:
        hi -= 1
    return lo, hi


def chain_share(step, lossy):
    """
    Of a Markov chain (rows of probabilities): the share of time in the lossy states, and the deviation of
    that share over one step as sums over n steps have it: the share of n has deviation / sqrt(n).
    """
    states = range(len(step))
    pi = [1 / len(step)] * len(step)
    for _ in range(2000):
        pi = [sum(pi[i] * step[i][j] for i in states) for j in states]
    share = sum(pi[i] for i in lossy)
    variance = share * (1 - share)
    at = [pi[i] if i in lossy else 0.0 for i in states]
    for _ in range(2000):
        at = [sum(at[i] * step[i][j] for i in states) for j in states]
        variance += 2 * (sum(at[i] for i in lossy) - share * share)
    return share, math.sqrt(variance)


# ---- target laws, from a mean and a deviation ----

def shape_by_bisection(f, lo, hi):
    """Where f, falling, is 0."""
    for _ in range(200):
        mid = (lo + hi) / 2
        lo, hi = (mid, hi) if f(mid) > 0 else (lo, mid)
    return (lo + hi) / 2


def law(name, m, sd, rng):
    """A function that draws from the law that docs and tc-netem(8) give the name."""
    pareto_sd = math.sqrt(3 / 4)  # of shape 3 and least value 1, whose mean is 3 / 2

    def pareto():
        return (rng.paretovariate(3) - 1.5) / pareto_sd

    if name == "uniform":
        return lambda: rng.uniform(m - sd, m + sd)
    if name == "normal":
        return lambda: rng.gauss(m, sd)
    if name == "pareto":
        return lambda: m + sd * pareto()
    if name == "paretonormal":
        unit = math.sqrt(0.25 ** 2 + 0.75 ** 2)
        return lambda: m + sd * (0.25 * rng.gauss(0, 1) + 0.75 * pareto()) / unit
    if name == "weibull":
        def spread(k):
            return math.exp(math.lgamma(1 + 2 / k) - 2 * math.lgamma(1 + 1 / k)) - 1 - (sd / m) ** 2
        k = shape_by_bisection(spread, 0.1, 1000)
        return lambda: rng.weibullvariate(m / math.gamma(1 + 1 / k), k)
    if name == "gamma":
        return lambda: rng.gammavariate((m / sd) ** 2, sd * sd / m)
    if name == "lognormal":
        s2 = math.log(1 + (sd / m) ** 2)
        return lambda: rng.lognormvariate(math.log(m) - s2 / 2, math.sqrt(s2))
    if name == "exponential":
        return lambda: m - sd + rng.expovariate(1 / sd)
    raise ValueError(name)


def draw_law(name, m, sd, n, rng):
    """n delays; none is under 0."""
    f = law(name, m, sd, rng)
    return [max(0.0, f()) for _ in range(n)]


def draw_samples(values, n, rng):
    """n delays between neighbours of the sorted values, as emu/samples.h says."""
    v = sorted(values)
    drawn = []
    for _ in range(n):
        at = rng.random() * (len(v) - 1)
        i = int(at)
        drawn.append(v[i] + (at - i) * (v[i + 1] - v[i]))
    return drawn


# ---- itself ----

def near(a, b, tolerance, what):
    assert abs(a - b) <= tolerance, f"{what}: {a}, not {b}"


def self_test():
    import random
    near(gamma_upper(0.5, 3.841 / 2), 0.05, 1e-4, "chi-square, 1 freedom, 5 %")
    near(gamma_upper(10 / 2, 23.209 / 2), 0.01, 1e-5, "chi-square, 10 freedoms, 1 %")
    near(gamma_upper(10 / 2, 2.558 / 2), 0.99, 1e-4, "chi-square, 10 freedoms, 99 %")
    near(kolmogorov_p(1.6276 / math.sqrt(5e6), 10 ** 7, 10 ** 7), 0.01, 1e-4, "Kolmogorov, 1 %")
    near(kolmogorov_p(1.3581 / math.sqrt(5e6), 10 ** 7, 10 ** 7), 0.05, 1e-4, "Kolmogorov, 5 %")
    assert kolmogorov([1, 2, 3, 4], [3, 4, 5, 6])[0] == 0.5
    assert kolmogorov([1, 1, 2], [1, 2, 1])[0] == 0
    near(binomial_tail(5, 10, 0.5), 0.623046875, 1e-9, "binomial")
    assert binomial_interval(10000, 0.01) == (75, 127)
    share, sd = chain_share([[0.98, 0.02], [0.25, 0.75]], {1})
    near(share, 0.02 / 0.27, 1e-9, "Gilbert's share")
    near(sd, math.sqrt(share * (1 - share) * 1.73 / 0.27), 1e-6, "and its deviation")
    rng = random.Random(5)
    for name, spread in (("uniform", 1 / math.sqrt(3)), ("normal", 1), ("weibull", 1), ("gamma", 1),
                         ("lognormal", 1), ("exponential", 1), ("pareto", 1), ("paretonormal", 1)):
        v = draw_law(name, 20, 5, 100000, rng)
        near(mean(v), 20, 0.1, name)
        if "pareto" not in name:  # whose deviation converges too slowly to be looked at
            near(deviation(v), 5 * spread, 0.1, name)
        assert kolmogorov(v[:10000], v[10000:])[1] > 0.01, name
        # What must not pass: a mean that is off by a tenth of the deviation.
        assert kolmogorov([x + 0.5 for x in v[:10000]], v[10000:])[1] < 0.01, name
    lengths = []
    for _ in range(2000):
        k = 1
        while rng.random() > 0.25:
            k += 1
        lengths.append(k)
    assert chi_square(*geometric_bins(lengths, 0.25))[2] > 0.01
    assert chi_square(*geometric_bins(lengths, 0.30))[2] < 0.01
    near(mean(draw_samples([1, 2, 9], 100000, rng)), (1.5 + 5.5) / 2, 0.05, "samples")
    print("the statistics agree with published tables")
    return 0


if __name__ == "__main__":
    sys.exit(self_test())
