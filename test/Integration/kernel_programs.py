# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# DEFINE: %{flags} = --xla_backend_optimization_level=0 --xla_force_host_platform_device_count=8
# RUN: env "XLA_FLAGS=%{flags}" %python %s | FileCheck %s
# CHECK: agree with XLA's
"""Runs one step of small models as kernels, in strict mode, and as XLA does.

These have what the ResNet of kernel_training.py has not: loops, loops in loops, loops
of unknown length, choices, keys of random numbers, and parameters of many shapes. Those
that XLA runs on eight devices, kernels run on one.
"""

from __future__ import annotations

import pathlib
import sys
import warnings
from typing import Any

import jax
import numpy as np

import approx_act

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "benchmarks"))
import programs  # noqa: E402
from models.training import Way  # noqa: E402

CASES = (
    ("unet", None),
    ("vgg", 4),
    ("lstm", 4),
    ("gru", None),
    ("lm scan accumulate", 4),
    ("cond", 8),
    ("while over activations", 4),
    ("lm tensor parallel", 4),
)


def flatten(tree: Any) -> np.ndarray:
    """All numbers of a tree, as one vector."""
    leaves = [
        jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x
        for x in jax.tree.leaves(tree)
    ]
    return np.concatenate([np.asarray(x, np.float64).ravel() for x in leaves])


def get_distance(name: str, bits: int | None) -> float:
    """Between the results of kernels and of XLA, relative to these."""
    program = programs.PROGRAMS[name](True)
    keys = jax.random.split(jax.random.key(0))
    arguments = (program.init(keys[0]), *program.batch(keys[1]))
    if program.place is not None:
        state, batch = program.place(arguments[0], arguments[1:])
        arguments = (state, *batch)
    step = program.make_step(Way())
    options = {} if program.forward is None else {"forward": program.forward}
    kernels = approx_act.compile(
        step, *arguments, bits=bits, checks=True, runtime_options=["poison"], **options
    )
    reference = jax.jit(step) if bits is None else approx_act.jit(step, bits=bits, **options)
    actual, expected = flatten(kernels(*arguments)), flatten(reference(*arguments))
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def main() -> None:
    warnings.simplefilter("ignore", approx_act.tool.ApproxActWarning)
    distances = {case: get_distance(*case) for case in CASES}
    wrong = {case: distance for case, distance in distances.items() if not distance < 1e-4}
    if wrong:
        sys.exit(f"wrong: {wrong}")
    print(f"{len(CASES)} steps agree with XLA's, within {max(distances.values()):.1e}")


if __name__ == "__main__":
    main()
