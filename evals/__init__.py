"""Question sets, metrics, the regression gate, reports and benchmarks."""
