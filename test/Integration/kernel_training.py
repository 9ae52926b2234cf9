# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s perceptron \
# RUN:   | FileCheck %s --check-prefix=PERCEPTRON
# RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s residual \
# RUN:   | FileCheck %s --check-prefix=RESIDUAL
"""Trains with kernels, in strict mode, and compares with XLA's run of the same program.

One step and twenty of a perceptron and of a small pre-activation ResNet, exact and
with codes; those of the first step have to be what XLA makes of the same activations,
bit by bit. Threads from last to first, and memory that was not poisoned, must give the
same bits.

`benchmarks/gpu.py --train 20` does the same with a ResNet of any size.
"""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "benchmarks"))
import kernel_steps  # noqa: E402

STEPS = 20


def check(name: str, model: kernel_steps.Model, bits: int) -> None:
    """Raises unless kernels and XLA end with the same loss and parameters."""
    codes = kernel_steps.rewrite(model, bits)
    kernels = kernel_steps.lower(codes)
    actual = kernel_steps.train(kernels, model, STEPS, "--poison")
    reverse = kernel_steps.train(kernels, model, STEPS, "--reverse-threads")
    assert all(a.tobytes() == r.tobytes() for a, r in zip(actual, reverse, strict=True)), name
    errors = kernel_steps.get_errors(actual, kernel_steps.train_reference(codes, model, STEPS))
    assert max(errors) < 1e-4, f"{name}: loss and parameters differ by {errors}"
    first = kernel_steps.train(kernels, model, 1)
    worst = kernel_steps.get_worst(first, kernel_steps.train_reference(codes, model, 1))
    assert worst < 1e-4, f"{name}: a result of the first step differs by {worst}"
    print(f"{name}, {bits or 32} bits: equal")
    if bits:
        total, differing = kernel_steps.check_codes(codes, model)
        # XLA's order of sums depends on the processor, and with it the side on which an
        # element on the edge of a cell is.
        assert differing <= total // 5000, f"{name}: {differing} of {total} codes are not XLA's"
        print(f"{total} words of codes")


def main() -> None:
    models = {
        # PERCEPTRON: perceptron, 32 bits: equal
        # PERCEPTRON: perceptron, 8 bits: equal
        # PERCEPTRON: 5952 words of codes
        # PERCEPTRON: perceptron, 4 bits: equal
        # PERCEPTRON: 2976 words of codes
        "perceptron": kernel_steps.perceptron,
        # RESIDUAL: residual, 32 bits: equal
        # RESIDUAL: residual, 8 bits: equal
        # RESIDUAL: 29312 words of codes
        # RESIDUAL: residual, 4 bits: equal
        # RESIDUAL: 14656 words of codes
        # At a higher rate an element on the edge of a cell shows after some steps.
        "residual": lambda: kernel_steps.residual(depth=11, batch=2, size=8, rate=0.0001),
    }
    name = sys.argv[1]
    model = models[name]()
    for bits in (0, 8, 4):
        check(name, model, bits)


if __name__ == "__main__":
    main()
