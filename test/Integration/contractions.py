# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime's products and convolutions, and their gradients, are those of JAX.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s %t | FileCheck %s
CHECK: 60 results, all close

One program calls all of them, in strict mode on poisoned memory, so that each has to
keep to its operands and to write all of its result.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import jax
import numpy as np
from jax import lax


@dataclasses.dataclass
class Gemm:
    """A batched product with operands in some order of their dimensions."""

    batch: int
    m: int
    n: int
    k: int
    a_order: str = "bmk"
    b_order: str = "bkn"
    c_order: str = "bmn"


@dataclasses.dataclass
class Convolution:
    """A convolution as lax.conv_general_dilated takes it."""

    input: tuple[int, ...]
    filter: tuple[int, ...]
    layout: tuple[str, str, str] = ("NHWC", "HWIO", "NHWC")
    strides: tuple[int, ...] = (1, 1)
    padding: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
    input_dilation: tuple[int, ...] = (1, 1)
    filter_dilation: tuple[int, ...] = (1, 1)
    groups: int = 1

    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x,
            w,
            self.strides,
            self.padding,
            self.input_dilation,
            self.filter_dilation,
            self.layout,
            self.groups,
            precision=lax.Precision.HIGHEST,
        )


GEMMS = [
    Gemm(1, 7, 5, 3),
    Gemm(4, 16, 33, 8),
    Gemm(1, 32, 10, 64, a_order="bkm", b_order="bnk"),
    Gemm(3, 5, 6, 7, a_order="mbk", b_order="knb", c_order="bnm"),
    Gemm(2, 1, 1, 9, c_order="nmb"),
    # A single row or column, whose stride says nothing and is 1.
    Gemm(1, 1, 9, 33),
    Gemm(1, 9, 1, 33),
    Gemm(2, 4, 3, 0),
    Gemm(0, 4, 3, 2),
]
CHANNELS_FIRST = ("NCHW", "OIHW", "NCHW")
CONVOLUTIONS = [
    Convolution((2, 8, 8, 3), (3, 3, 3, 16), padding=((1, 1), (1, 1))),
    Convolution((2, 9, 7, 4), (1, 1, 4, 8), strides=(2, 2)),
    Convolution((2, 9, 8, 4), (3, 3, 4, 6), strides=(2, 1), padding=((0, 1), (1, 2))),
    Convolution((1, 8, 8, 4), (2, 3, 4, 5), filter_dilation=(2, 3), padding=((3, 2), (0, 4))),
    Convolution((2, 6, 6, 8), (3, 3, 4, 6), groups=2, padding=((1, 1), (1, 1))),
    Convolution((2, 6, 6, 8), (3, 3, 1, 8), groups=8, strides=(2, 2)),
    Convolution((2, 4, 5, 3), (3, 3, 3, 2), input_dilation=(2, 3), padding=((1, 2), (2, 0))),
    Convolution((2, 8, 8, 3), (3, 3, 3, 4), padding=((-2, -1), (0, -3))),
    Convolution((1, 5, 5, 2), (2, 2, 2, 3), input_dilation=(2, 2), padding=((-3, 1), (1, -2))),
    Convolution((1, 3, 3, 2), (2, 2, 2, 3), padding=((5, 5), (4, 6))),
    Convolution((2, 3, 8, 8), (4, 3, 3, 3), CHANNELS_FIRST, padding=((1, 1), (1, 1))),
    Convolution((8, 2, 3, 8), (4, 3, 3, 3), ("HNCW", "OIHW", "NHCW"), strides=(2, 2)),
    Convolution((2, 9, 3), (4, 3, 5), ("NWC", "WIO", "NWC"), (2,), ((1, 2),), (1,), (2,)),
    Convolution(
        (2, 5, 4, 6, 3),
        (2, 3, 2, 3, 4),
        ("NDHWC", "DHWIO", "NDHWC"),
        (1, 2, 1),
        ((1, 0), (1, 1), (0, 2)),
        (1, 1, 2),
        (1, 1, 2),
    ),
    Convolution((0, 8, 8, 3), (3, 3, 3, 16)),
    Convolution((2, 2, 2, 3), (3, 3, 3, 4)),
    Convolution((2, 4, 4, 3), (2, 2, 3, 4), padding=((-2, -2), (0, 0))),
]


def strides_of(shape: tuple[int, ...], layout: str, order: str) -> list[int]:
    """The strides of a row-major array, by the names of its dimensions."""
    strides = np.cumprod([1, *shape[:0:-1]])[::-1]
    strides = dict(zip(layout, np.where(np.equal(shape, 1), 1, strides).tolist(), strict=True))
    return [strides[name] for name in order]


class Program:
    """A module that calls the runtime, with its inputs and the expected results."""

    def __init__(self) -> None:
        self.inputs: list[np.ndarray] = []
        self.results: list[np.ndarray] = []
        self.calls: list[tuple[str, list[tuple[str, int]], list[int]]] = []
        self.rng = np.random.default_rng(0)

    def add_input(self, shape: tuple[int, ...]) -> np.ndarray:
        self.inputs.append(self.rng.standard_normal(shape, dtype=np.float32))
        return self.inputs[-1]

    def add_call(
        self, name: str, result: np.ndarray, operands: list[int], description: list[int]
    ) -> None:
        """A call of `name` with inputs by their numbers."""
        buffers = [("r", len(self.results)), *(("x", i) for i in operands)]
        self.results.append(np.asarray(result))
        self.calls.append((name, buffers, description))

    def add_gemm(self, gemm: Gemm) -> None:
        sizes = {"b": gemm.batch, "m": gemm.m, "n": gemm.n, "k": gemm.k}
        shape = {o: tuple(sizes[d] for d in o) for o in (gemm.a_order, gemm.b_order, gemm.c_order)}
        index = len(self.inputs)
        a = self.add_input(shape[gemm.a_order])
        b = self.add_input(shape[gemm.b_order])
        c = np.einsum(f"{gemm.a_order},{gemm.b_order}->{gemm.c_order}", a.astype(float), b)
        description = [gemm.batch, gemm.m, gemm.n, gemm.k]
        for order, named in ((gemm.a_order, "bmk"), (gemm.b_order, "bkn"), (gemm.c_order, "bmn")):
            description += strides_of(shape[order], order, named)
        self.add_call("approxActGemmF32", c, [index, index + 1], description)

    def add_convolution(self, conv: Convolution) -> None:
        index = len(self.inputs)
        x, w = self.add_input(conv.input), self.add_input(conv.filter)
        dy = self.add_input(jax.eval_shape(conv, x, w).shape)

        @jax.jit
        def differentiate(x: jax.Array, w: jax.Array, dy: jax.Array) -> tuple[jax.Array, ...]:
            y, vjp = jax.vjp(conv, x, w)
            return y, *vjp(dy)

        y, dx, dw = differentiate(x, w, dy)

        spatial = conv.layout[1].translate({ord("I"): None, ord("O"): None})
        layouts = zip(conv.layout[:2], (x.shape, w.shape), strict=True)
        size = [dict(zip(*pair, strict=True)) for pair in layouts]
        pad = [0] * (3 - len(spatial))
        description = [len(spatial), size[0]["N"], size[0]["C"], size[1]["O"], conv.groups]
        for values in (
            [size[0][d] for d in spatial],
            [size[1][d] for d in spatial],
            conv.strides,
            [low for low, _ in conv.padding],
            [high for _, high in conv.padding],
            conv.input_dilation,
            conv.filter_dilation,
        ):
            description += [*values, *pad]
        for shape, layout, names in zip(
            (x.shape, w.shape, y.shape), conv.layout, ("NC", "OI", "NC"), strict=True
        ):
            description += strides_of(shape, layout, names + spatial) + pad
        prefix = "approxActConvolution"
        self.add_call(f"{prefix}ForwardF32", y, [index, index + 1], description)
        self.add_call(f"{prefix}InputGradientF32", dx, [index + 2, index + 1], description)
        self.add_call(f"{prefix}FilterGradientF32", dw, [index, index + 2], description)

    def get_module(self) -> str:
        """The text of the module."""

        def type_of(array: np.ndarray) -> str:
            return f"memref<{''.join(f'{n}x' for n in array.shape)}f32>"

        arrays = {("x", i): a for i, a in enumerate(self.inputs)}
        arrays |= {("r", i): a for i, a in enumerate(self.results)}
        parameters = ", ".join(f"%{k}{i}: {type_of(a)}" for (k, i), a in arrays.items())
        names = sorted({name for name, _, _ in self.calls})
        text = "".join(
            f"llvm.func @{name}(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr)\n"
            for name in names
        )
        body = ""
        for number, (name, buffers, description) in enumerate(self.calls):
            text += (
                f"memref.global constant @d{number} : memref<{len(description)}xi64> = "
                f"dense<{description}>\n"
            )
            pointers = []
            operands = [(f"%{k}{i}", type_of(arrays[k, i])) for k, i in buffers]
            body += f"  %g{number} = memref.get_global @d{number} : "
            body += f"memref<{len(description)}xi64>\n"
            operands.append((f"%g{number}", f"memref<{len(description)}xi64>"))
            for value, kind in operands:
                pointer = f"%p{number}_{len(pointers)}"
                body += f"""
  {pointer}i = memref.extract_aligned_pointer_as_index {value} : {kind} -> index
  {pointer}j = arith.index_cast {pointer}i : index to i64
  {pointer} = llvm.inttoptr {pointer}j : i64 to !llvm.ptr
"""
                pointers.append(pointer)
            types = ", ".join(["!llvm.ptr"] * 5)
            body += f"  llvm.call @{name}({', '.join(pointers)}, %stream) : ({types}) -> ()\n"
        inputs = ", ".join(map(type_of, self.inputs))
        results = ", ".join(map(type_of, self.results))
        return f"""module {{
{text}
func.func @main({parameters}) attributes {{
    llvm.emit_c_interface,
    approx_act.arguments = [{inputs}],
    approx_act.results = [{results}]}} {{
  %stream = llvm.mlir.zero : !llvm.ptr
{body}
  return
}}
}}
"""


def main() -> None:
    """Runs all calls and compares each result."""
    path = sys.argv[1]
    program = Program()
    for gemm in GEMMS:
        program.add_gemm(gemm)
    for convolution in CONVOLUTIONS:
        program.add_convolution(convolution)
    with open(f"{path}.mlir", "w") as file:
        file.write(program.get_module())
    np.savez(f"{path}.in.npz", *program.inputs)
    pipeline = "cubin-format=llvm"
    lowered = f"{path}.lowered.mlir"
    command = [f"--gpu-lower-to-nvvm-pipeline={pipeline}", f"{path}.mlir", "-o", lowered]
    subprocess.run(["mlir-opt", *command], check=True)
    command = ["--strict", "--poison", f"--input={path}.in.npz", f"--output={path}.out.npz"]
    subprocess.run(["approx-act-runner", lowered, *command], check=True)
    results = np.load(f"{path}.out.npz")
    for number, expected in enumerate(program.results):
        found = results[f"arr_{number}"]
        name, _, description = program.calls[number]
        np.testing.assert_allclose(
            found, expected, rtol=1e-5, atol=1e-4, err_msg=f"{name} {description}"
        )
    print(len(program.results), "results, all close")


if __name__ == "__main__":
    main()
