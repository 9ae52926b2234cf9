# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models in plain JAX that the benchmarks and the examples share."""
