# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# REQUIRES: cuda-toolkit
# RUN: %python %s | FileCheck %s
# CHECK: programs: {{[0-9]+}} kernels for 7 chips
# CHECK: training steps: {{[0-9]+}} kernels for 7 chips
"""ptxas accepts the kernels of all small programs for every chip, in one fatbin.

Those of large networks are assembled by benchmarks/gpu.py.
"""

from __future__ import annotations

import pathlib
import re
import struct
import sys

import jax
import jax.numpy as jnp
import numpy as np

import approx_act

HERE = pathlib.Path(__file__).parent
sys.path += [str(HERE), str(HERE.parents[1] / "python" / "tests")]
import small_models  # noqa: E402
from kernels import PROGRAMS  # noqa: E402

CHIPS = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")


def images(module: bytes) -> list[tuple[str, int]]:
    """What is in the only fatbin of a module: kinds of images, and their chips."""
    (fatbin,) = re.findall(rb'"(P\\EDU\\BA(?:[^"\\]|\\.)*)"', module, re.DOTALL)
    fatbin = re.sub(
        rb"\\([0-9A-F]{2}|.)",
        lambda m: bytes([int(m[1], 16)]) if len(m[1]) == 2 else m[1],
        fatbin,
        flags=re.DOTALL,
    )
    found, at = [], 16
    while at < len(fatbin):
        kind, header, size, chip = struct.unpack_from("<H2xIQ12xI", fatbin, at)
        found.append(({1: "PTX", 2: "machine code"}[kind], chip))
        at += header + size
    return found


def check(name: str, compiled: approx_act.CompiledStep) -> None:
    # The compiler fails where ptxas does; here, that everything was assembled.
    expected = [(kind, int(c[3:])) for c in CHIPS for kind in ("machine code", "PTX")]
    assert images(compiled.module) == expected, images(compiled.module)
    print(f"{name}: {len(compiled.report.kernels)} kernels for {len(CHIPS)} chips")


def narrow(x: jax.Array) -> tuple[jax.Array, ...]:
    """What old chips do in 32 bits."""
    return jnp.exp(x), jnp.maximum(x, x.sum(0)), x @ x.T, jnp.tanh(x) / x, x > x.max()


def main() -> None:
    programs = dict(PROGRAMS)
    for dtype in (jnp.bfloat16, jnp.float16, jnp.float64):
        programs[dtype.__name__] = narrow, (np.ones((9, 16), dtype),)
    with jax.enable_x64(True):
        functions, args = zip(*programs.values(), strict=True)
        everything = approx_act.compile(
            lambda args: [f(*a) for f, a in zip(functions, args, strict=True)],
            args,
            bits=None,
            target=CHIPS,
        )
    check("programs", everything)
    step, params, batch = small_models.conv_bn(batch=4, size=8, layers=2)
    other, other_params, other_batch = small_models.mlp(jax.nn.gelu, layers=2)
    compiled = approx_act.compile(step, params, batch, target=CHIPS, min_fraction=0)
    check("training steps", compiled)
    compiled = approx_act.compile(other, other_params, other_batch, bits=8, target=CHIPS)
    check("training steps", compiled)


if __name__ == "__main__":
    main()
