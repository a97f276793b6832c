# SPDX-License-Identifier: MIT
# What the benchmarks make of their figures.
def median: sort | if length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def spread: {median: median, min: min, max: max};

# Two lists of figures that were taken in pairs, the second of them called $name.
def compare($plain; $name; $other; $unit):
	[range($plain | length) | $other[.] / $plain[.]] as $ratios
	| {unit: $unit, plain: $plain, ($name): $other, ratios: $ratios} + ($ratios | spread);
