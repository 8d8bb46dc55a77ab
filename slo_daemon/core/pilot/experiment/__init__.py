"""Experiments: converted of exposed users in two variants, compared day by day, at any number of looks.

`strata` holds what was counted, `contrast` the arithmetic of comparing, `lift` the result, `mismatch` whether the split
worked, `feasibility` how many users an answer takes, and `outcome` puts them together.
"""
