# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s perceptron \
# RUN:   | FileCheck %s --check-prefix=PERCEPTRON
# RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s residual \
# RUN:   | FileCheck %s --check-prefix=RESIDUAL
"""Trains with kernels alone, in strict mode, and compares with XLA's run of the same program.

Twenty steps of a perceptron, exact and with codes, and one of a small pre-activation
ResNet. Threads from last to first, and memory that was not poisoned, must give
the same bits. The codes of the first step are compared in semantics.py; here a code
that differed would show in the parameters.
"""

from __future__ import annotations

import functools
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import export as jax_export

from approx_act import importer

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "benchmarks"))
from models import mlp, resnet  # noqa: E402


def opt(text: str, *flags: str) -> str:
    command = ["approx-act-opt", "-", "--mlir-print-op-generic", "--mlir-print-debuginfo", *flags]
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


def sgd(step: Callable, rate: float) -> Callable:
    """`(params, x, y) -> (loss, params)` of a step that gives gradients."""

    def train(params: Any, x: jax.Array, y: jax.Array) -> tuple[jax.Array, Any]:
        loss, gradients = step(params, x, y)
        return loss, jax.tree.map(lambda p, g: p - rate * g, params, gradients)

    return train


def perceptron() -> tuple[Callable, tuple]:
    generator = np.random.default_rng(0)
    params = mlp.init(jax.random.key(0), (64, 96, 80, 10))
    x = generator.standard_normal((32, 64)).astype(np.float32)
    return sgd(mlp.step, 0.1), (params, x, generator.integers(0, 10, 32).astype(np.int32))


def residual() -> tuple[Callable, tuple]:
    config = resnet.Config.of_depth(11, 10)
    layer = functools.partial(resnet.exact_layer, norm=resnet.BATCH_NORMS["hand"])
    params = resnet.init(jax.random.key(0), config)
    batch = resnet.random_batch(jax.random.key(1), batch=2, config=config, size=8)
    return sgd(resnet.make_step(config, layer=layer), 0.01), (params, *batch)


def train(text: str, args: tuple, steps: int, *flags: str) -> list[np.ndarray]:
    """The loss and the parameters after so many steps."""
    leaves = [np.asarray(a) for a in jax.tree.leaves(args)]
    feed = ",".join(f"{i + 1}:{i}" for i in range(len(leaves) - 2))
    with tempfile.TemporaryDirectory() as folder:
        step, inputs, outputs = (pathlib.Path(folder) / n for n in ("s.mlir", "i.npz", "o.npz"))
        step.write_text(text)
        np.savez(inputs, *leaves)
        command = ["approx-act-runner", step, f"--input={inputs}", f"--output={outputs}"]
        subprocess.run(
            [*command, "--strict", f"--repeat={steps}", f"--feed={feed}", *flags], check=True
        )
        with np.load(outputs) as archive:
            return [archive[f"arr_{i}"] for i in range(len(archive.files))]


def check(name: str, function: Callable, args: tuple, steps: int, bits: int | None) -> None:
    """Raises unless kernels and XLA end with the same loss and parameters."""
    exported = jax_export.export(jax.jit(function))(*args)
    text = importer.import_module(exported)
    reference, codes = function, text
    if bits:
        codes = opt(text, f"--approx-act-pipeline=bits={bits} target=approx_act")
        rewritten = opt(text, f"--approx-act-pipeline=bits={bits}")
        reference = importer.to_exported(rewritten, exported).call
    linalg = importer.to_linalg(importer.load(codes))
    kernels = opt(linalg, "--approx-act-to-gpu=format=llvm")
    actual = train(kernels, args, steps, "--poison")
    reverse = train(kernels, args, steps, "--reverse-threads")
    assert all(a.tobytes() == r.tobytes() for a, r in zip(actual, reverse, strict=True)), name

    params, x, y = args
    loss, compiled = None, jax.jit(reference)
    for _ in range(steps):
        loss, params = compiled(params, x, y)
    expected = [np.asarray(a) for a in jax.tree.leaves((loss, params))]
    worst = max(
        np.linalg.norm(a - e) / np.linalg.norm(e) for a, e in zip(actual, expected, strict=True)
    )
    assert worst < 1e-4, f"{name}: a result differs by {worst}"
    print(f"{name}, {bits or 32} bits: equal")


def main() -> None:
    if sys.argv[1] == "perceptron":
        for bits in (None, 8, 4):
            # PERCEPTRON: perceptron, 32 bits: equal
            # PERCEPTRON: perceptron, 8 bits: equal
            # PERCEPTRON: perceptron, 4 bits: equal
            check("perceptron", *perceptron(), 20, bits)
    else:
        # RESIDUAL: residual network, 4 bits: equal
        check("residual network", *residual(), 1, 4)


if __name__ == "__main__":
    main()
