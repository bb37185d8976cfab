"""The parts of the benchmark of the losses, `benchmarks/losses.py`."""
