# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arithmetic with directed rounding on the CPU has the bits of PTX's instructions.

RUN: %python %s %t.mlir | FileCheck %s
CHECK: 28 instructions, 1500 operands, 0 wrong

A kernel applies every intrinsic to random and special numbers; what is expected is
computed here with fractions.
"""

from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction

import numpy as np

SIZE = 1500
ROUNDINGS = ("rn", "rm", "rp", "rz")


def rounded(exact: Fraction, rounding: str) -> np.float32:
    """The float for a number that is not zero."""
    negative = exact < 0
    magnitude = abs(exact)
    exponent = max(math.floor(math.log2(magnitude)) if magnitude < 2**1000 else 999, -126)
    while Fraction(2) ** (exponent + 1) <= magnitude:
        exponent += 1
    while exponent > -126 and Fraction(2) ** exponent > magnitude:
        exponent -= 1
    unit = Fraction(2) ** (exponent - 23)
    steps = magnitude / unit
    lower = math.floor(steps)
    rest = steps - lower
    away = {
        "rn": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and lower % 2 == 1),
        "rm": negative and rest > 0,
        "rp": not negative and rest > 0,
        "rz": False,
    }[rounding]
    value = (lower + away) * unit
    largest = Fraction(float(np.finfo(np.float32).max))
    if value > largest:
        is_infinite = {"rn": True, "rm": negative, "rp": not negative, "rz": False}[rounding]
        value = math.inf if is_infinite else float(largest)
    return np.float32(-float(value) if negative else float(value))


def zero_sum(a: float, b: float, rounding: str) -> np.float32:
    """A sum that is zero."""
    if a == 0 and b == 0 and math.copysign(1, a) == math.copysign(1, b):
        return np.float32(a)
    return np.float32(-0.0 if rounding == "rm" else 0.0)


def expected(op: str, rounding: str, a: float, b: float, c: float) -> np.float32:
    """What the instruction gives for finite operands that define a number."""
    x, y, z = Fraction(a), Fraction(b), Fraction(c)
    sign = math.copysign(1, a) * math.copysign(1, b)
    if op in ("add", "sub"):
        b = -b if op == "sub" else b
        exact = x + Fraction(b)
        return rounded(exact, rounding) if exact else zero_sum(a, b, rounding)
    if op == "fma":
        exact = x * y + z
        product = math.copysign(0.0, sign) if x * y == 0 else 1.0
        return rounded(exact, rounding) if exact else zero_sum(product, c, rounding)
    if op == "mul":
        return rounded(x * y, rounding) if x * y else np.float32(math.copysign(0, sign))
    if op == "div":
        return rounded(x / y, rounding) if x else np.float32(math.copysign(0, sign))
    if op == "rcp":
        return rounded(1 / x, rounding)
    # The root to many more bits than a float has, made inexact when it is.
    scaled = x * 2**400
    root = math.isqrt(scaled.numerator // scaled.denominator)
    exact = Fraction(root * 2 + (Fraction(root) ** 2 != scaled), 2**201)
    return rounded(exact, rounding) if x else np.float32(a)


def make_kernel(ops: list[tuple[str, str]]) -> str:
    """The module with a kernel that stores the results of all intrinsics."""
    count = len(ops)
    arity = {"rcp": 1, "sqrt": 1, "fma": 3}
    body = ""
    for index, (op, rounding) in enumerate(ops):
        operands = ["%a", "%b", "%c"][: arity.get(op, 2)]
        types = ", ".join(["f32"] * len(operands))
        if op == "sub":
            call = (
                f'llvm.inline_asm "sub.{rounding}.f32 $0, $1, $2;", "=f,f,f" '
                f"{', '.join(operands)} : ({types}) -> f32"
            )
        else:
            call = (
                f'llvm.call_intrinsic "llvm.nvvm.{op}.{rounding}.f"({", ".join(operands)}) '
                f": ({types}) -> f32"
            )
        body += f"""
      %k{index} = arith.constant {index} : index
      %r{index} = {call}
      memref.store %r{index}, %y[%k{index}, %i] : memref<{count}x{SIZE}xf32>"""
    buffers = f"%x: memref<3x{SIZE}xf32>, %y: memref<{count}x{SIZE}xf32>"
    return f"""
module attributes {{gpu.container_module}} {{
  gpu.module @kernels {{
    gpu.func @k({buffers}) kernel {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c100 = arith.constant 100 : index
      %block = gpu.block_id x
      %thread = gpu.thread_id x
      %first = arith.muli %block, %c100 : index
      %i = arith.addi %first, %thread : index
      %a = memref.load %x[%c0, %i] : memref<3x{SIZE}xf32>
      %b = memref.load %x[%c1, %i] : memref<3x{SIZE}xf32>
      %c = memref.load %x[%c2, %i] : memref<3x{SIZE}xf32>{body}
      gpu.return
    }}
  }}
  func.func @main({buffers}) attributes {{
      llvm.emit_c_interface,
      approx_act.arguments = [memref<3x{SIZE}xf32>],
      approx_act.results = [memref<{count}x{SIZE}xf32>]}} {{
    %c1 = arith.constant 1 : index
    %c100 = arith.constant 100 : index
    %blocks = arith.constant {SIZE // 100} : index
    gpu.launch_func @kernels::@k blocks in (%blocks, %c1, %c1) threads in (%c100, %c1, %c1)
        args({buffers})
    return
  }}
}}
"""


def make_operands() -> np.ndarray:
    """Numbers of all sizes, sums that cancel, and products that underflow."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 2**32, (3, SIZE), dtype=np.uint32).view(np.float32)
    wide[~np.isfinite(wide)] = 1
    near = rng.standard_normal((3, SIZE)).astype(np.float32)
    operands = np.where(rng.random(SIZE) < 0.5, wide, near)
    with np.errstate(over="ignore"):
        operands[2, ::8] = -(operands[0, ::8] * operands[1, ::8])
    operands[1, 1::8] = -operands[0, 1::8]
    special = np.array([0, -0.0, 1, -1, 2**-149, -(2**-149), 2**-126, 3.4028235e38], np.float32)
    operands[:, 3::8] = rng.choice(special, operands[:, 3::8].shape)
    operands[~np.isfinite(operands)] = 1
    return operands


def main() -> None:
    """Runs the kernel and compares every result."""
    path = sys.argv[1]
    names = ("add", "sub", "mul", "fma", "div", "rcp", "sqrt")
    ops = [(op, rounding) for op in names for rounding in ROUNDINGS]
    operands = make_operands()
    np.save(f"{path}.npy", operands)
    with open(path, "w") as file:
        file.write(make_kernel(ops))
    pipeline = "cubin-chip=sm_80 cubin-features=+ptx70 cubin-format=llvm"
    lowered = f"{path}.lowered"
    command = ["mlir-opt", f"--gpu-lower-to-nvvm-pipeline={pipeline}", path, "-o", lowered]
    subprocess.run(command, check=True)
    command = ["approx-act-runner", lowered, "--strict"]
    command += [f"--input={path}.npy", f"--output={path}.out.npy"]
    subprocess.run(command, check=True)
    results = np.load(f"{path}.out.npy")

    wrong = 0
    for (op, rounding), row in zip(ops, results, strict=True):
        for (a, b, c), found in zip(operands.T.astype(float), row, strict=True):
            if (op == "div" and b == 0) or (op == "rcp" and a == 0) or (op == "sqrt" and a < 0):
                continue
            value = expected(op, rounding, a, b, c)
            if value.tobytes() != found.tobytes():
                wrong += 1
                if wrong <= 10:
                    print(op, rounding, a, b, c, "expected", value, "found", found)
    print(f"{len(ops)} instructions, {SIZE} operands, {wrong} wrong")


if __name__ == "__main__":
    main()
