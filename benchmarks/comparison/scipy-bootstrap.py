"""Intervals of the mean of paired differences by SciPy's BCa bootstrap: a JSON list of lists in, a line of JSON out."""

import json
import sys
import time

import numpy
from scipy import stats

intervals, seconds = [], []
for differences in json.load(sys.stdin):
    values = numpy.array(differences, float)
    began = time.process_time()
    interval = stats.bootstrap((values,), numpy.mean, n_resamples=10_000, method="BCa", rng=1).confidence_interval
    seconds.append(time.process_time() - began)
    intervals.append([interval.low, interval.high])
print(json.dumps({"intervals": intervals, "seconds": seconds}))
