"""Measurements: ``python -m benchmarks.NAME`` takes one; `study` compares arms over seeds."""
