"""Studies: comparisons over arms and seeds, ``python -m benchmarks.study FILE.toml``."""
