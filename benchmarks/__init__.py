"""Speed and memory of FetalFlex against the same work done without it; `python -m benchmarks` runs them."""
