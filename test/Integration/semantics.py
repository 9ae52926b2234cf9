# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s approx-act-opt | FileCheck %s
# RUN: %python %s approx-act-opt --runner approx-act-runner | FileCheck %s
# CHECK: every clause holds
"""Compares the lowered ops with docs/semantics.md restated in NumPy.

They are lowered to StableHLO and run by XLA, or to kernels, some of the cases, and
run by the runner in strict mode.

Every op of a case is a function of its own arguments, so that each is compared
bit for bit on the same inputs, and no difference of one hides in the next.
Where a clause leaves the last bit open ([S6]) the comparison allows for that bit
and no more.  A chain of all ops then shows that the mask comes back from the
codes for every element, and that a value comes back to within half a cell.  That
the arguments bring up what the clauses distinguish is counted, not hoped for.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import functools
import itertools
import pathlib
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence

import jax
import ml_dtypes
import numpy as np
from jax.extend import backend
from jax.interpreters import mlir
from jax.interpreters.mlir import ir
from jaxlib import _jax

jax.config.update("jax_enable_x64", True)

MLIR_TYPES = {
    np.dtype(np.float16): "f16",
    np.dtype(ml_dtypes.bfloat16): "bf16",
    np.dtype(np.float32): "f32",
    np.dtype(np.float64): "f64",
    np.dtype(np.bool_): "i1",
    np.dtype(ml_dtypes.int2): "i2",
    np.dtype(ml_dtypes.int4): "i4",
    np.dtype(np.int8): "i8",
    np.dtype(np.int32): "i32",
}
CODE_TYPES = {1: np.bool_, 2: ml_dtypes.int2, 4: ml_dtypes.int4, 8: np.int8}

# ---------------------------------------------------------------------------
# The clauses
# ---------------------------------------------------------------------------


def blocks(parameter: tuple[int, ...], activation: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """[S1] The index into the parameter that each element of the activation reads."""
    index = np.indices(activation)
    return tuple(
        i // (n // m) if n else i for i, m, n in zip(index, parameter, activation, strict=True)
    )


def spread(parameter: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """[S1] The element of the parameter that each element of the activation reads."""
    return parameter[blocks(parameter.shape, shape)]


def grid(x: np.ndarray, case: Case, mean: np.ndarray, rstd: np.ndarray) -> list[np.ndarray]:
    """[S2] lo and step, in the type of ``mean``."""
    p = mean.dtype.type
    if case.range == "normalised":
        lo = mean - p(case.sigma) / rstd
        return [lo, p(2 * case.sigma / 2**case.bits) / rstd]
    lo, step = np.zeros(case.parameter, p), np.zeros(case.parameter, p)
    if x.size == 0:
        return [lo, step]
    index = blocks(case.parameter, x.shape)
    for position in np.ndindex(case.parameter):
        same = [i == j for i, j in zip(index, position, strict=True)]
        members = x[np.logical_and.reduce(same)].astype(p)
        if case.range == "minmax":
            least, greatest = np.min(members), np.max(members)
            width = step[position] = (greatest - least) * p(1 / (2**case.bits - 1))
            lo[position] = least - width * p(0.5)
            if least < 0 < greatest and width > 0:
                k = np.floor(-least / width + p(0.5))
                lo[position] = -((k + p(0.5)) * width)
        else:
            a = np.max(np.abs(members))
            lo[position] = -a
            step[position] = (a + a) * p(2.0**-case.bits)
    return [lo, step]


def split_grid(
    lo: np.ndarray, step: np.ndarray, slope: np.ndarray, offset: np.ndarray, case: Case
) -> list[np.ndarray]:
    """[S3] edge, below, above and split."""
    p, n = lo.dtype.type, 2**case.bits
    rising = ~(slope < 0)
    hi = lo + p(n) * step
    t = -offset / np.where(rising, np.abs(slope), slope)
    edge = np.where(np.isnan(t), hi, np.minimum(np.maximum(t, lo), hi))
    active = np.where(rising, hi - edge, edge - lo)
    inactive = np.where(rising, edge - lo, hi - edge)
    quotient = p(n) * inactive / (p(case.ratio) * active + inactive)
    n_inactive = np.clip(np.floor(quotient + p(0.5)), p(1), p(n - 1))
    n_inactive = np.where(np.isnan(quotient), p(1), n_inactive)
    n_active = p(n) - n_inactive
    below = np.where(rising, inactive / n_inactive, active / n_active)
    above = np.where(rising, active / n_active, inactive / n_inactive)
    split = np.where(rising, n_inactive, -n_active).astype(np.int32)
    return [edge, below, above, split]


def hash32(x: np.ndarray) -> np.ndarray:
    """[S4] lowbias32."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def random_numbers(shape: tuple[int, ...], seed: int, p: type) -> np.ndarray:
    """[S4] r."""
    index = np.arange(int(np.prod(shape)), dtype=np.uint32).reshape(shape)
    key = hash32(np.uint32([(seed + 0x9E3779B9) % 2**32]))[0]
    return (hash32(index ^ key) >> np.uint32(8)).astype(p) * p(2.0**-24)


def round_cells(u: np.ndarray, case: Case) -> np.ndarray:
    """[S4] The floor of a place in cells, to nearest or at random, before the clamp."""
    p = u.dtype.type
    if case.seed is not None:
        c = np.where(u > 0, np.fmin(u, p(2**case.bits)), p(0))
        u = (c - p(0.5)) + random_numbers(u.shape, case.seed, p)
    return np.floor(u)


def quantize(x: np.ndarray, lo: np.ndarray, step: np.ndarray, case: Case) -> np.ndarray:
    """[S4] The codes, as int64."""
    p = lo.dtype.type
    inverse = np.where(step > 0, p(1) / step, p(0))
    u = (x.astype(p) - spread(lo, x.shape)) * spread(inverse, x.shape)
    f = round_cells(u, case)
    return np.where(f > 0, np.fmin(f, p(2**case.bits - 1)), p(0)).astype(np.int64)


def first_upper(split: np.ndarray, case: Case) -> np.ndarray:
    """[S5] s, the first cell above the edge."""
    return np.clip(np.abs(split.astype(np.int64)), 1, 2**case.bits - 1)


def quantize_split(
    x: np.ndarray,
    edge: np.ndarray,
    below: np.ndarray,
    above: np.ndarray,
    split: np.ndarray,
    mask: np.ndarray,
    case: Case,
) -> np.ndarray:
    """[S5] The codes, as int64."""
    p = edge.dtype.type
    codes = []
    s = spread(first_upper(split, case), x.shape)
    d = x.astype(p) - spread(edge, x.shape)
    for distance, width, room in ((-d, below, s - 1), (d, above, 2**case.bits - 1 - s)):
        inverse = np.where(width > 0, p(1) / width, p(0))
        f = round_cells(distance * spread(inverse, x.shape), case)
        codes.append(np.where(f > 0, np.fmin(f, room.astype(p)), p(0)).astype(np.int64))
    upper = mask ^ spread(split < 0, x.shape)
    return np.where(upper, s + codes[1], s - 1 - codes[0])


def side(codes: np.ndarray, split: np.ndarray, case: Case) -> np.ndarray:
    """[S5] The mask that codes carry."""
    s = spread(first_upper(split, case), codes.shape)
    return (codes >= s) ^ spread(split < 0, codes.shape)


def dequantize(codes: np.ndarray, lo: np.ndarray, step: np.ndarray, case: Case) -> list[np.ndarray]:
    """[S6] The restored values in the type of the grid, and the bound on their last bit."""
    p = lo.dtype.type
    first = spread(lo + step * p(0.5), codes.shape)
    product = p(1) * codes * spread(step, codes.shape)
    if case.bits == 1:
        product = np.where(codes == 0, p(0), product)
    return [first + product, np.finfo(p).eps * (np.abs(first) + np.abs(product))]


def dequantize_split(
    codes: np.ndarray,
    edge: np.ndarray,
    below: np.ndarray,
    above: np.ndarray,
    split: np.ndarray,
    case: Case,
) -> list[np.ndarray]:
    """[S6] The restored values in the type of the grid, and the bound on their last bit."""
    p = edge.dtype.type
    s = spread(first_upper(split, case), codes.shape)
    width = np.where(codes >= s, spread(above, codes.shape), spread(below, codes.shape))
    edge, product = spread(edge, codes.shape), (codes - s + p(0.5)) * width
    return [edge + product, np.finfo(p).eps * (np.abs(edge) + np.abs(product))]


def pack(codes: np.ndarray, bits: int, dim: int) -> np.ndarray:
    """[S7] The words, as int64."""
    per_word, n = 8 // bits, codes.shape[dim]
    num_words = -(-n // per_word)
    codes = np.moveaxis(codes, dim, 0)
    words = np.zeros((num_words, *codes.shape[1:]), np.int64)
    for i, j in itertools.product(range(num_words), range(per_word)):
        if i + j * num_words < n:
            words[i] += codes[i + j * num_words] << (bits * j)
    return np.moveaxis(words, 0, dim)


# ---------------------------------------------------------------------------
# Cases
# ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Case:
    """One module: all ops for one activation type and grid.

    Attributes:
      shape, dtype: the activation.
      parameter: shape of the grid.
      granularity: textual attribute.
      bits: width of a code.
      range: rule of the grid.
      sigma: half the width of a normalised interval, in deviations.
      seed: of stochastic rounding; ``None`` rounds to nearest.
      ratio: of the widths of the cells of a split grid.
    """

    shape: tuple[int, ...]
    dtype: type
    parameter: tuple[int, ...]
    granularity: str
    bits: int
    range: str = "minmax"
    sigma: float = 3.0
    seed: int | None = None
    ratio: float = 4.0

    @property
    def p(self) -> type:
        return np.float64 if self.dtype is np.float64 else np.float32

    @property
    def dim(self) -> int | None:
        """A dimension to pack along: the largest, so that odd ones occur."""
        return int(np.argmax(self.shape)) if self.shape else None


def tensor(shape: Sequence[int], dtype: type) -> str:
    return f"tensor<{''.join(f'{n}x' for n in shape)}{MLIR_TYPES[np.dtype(dtype)]}>"


def module(case: Case, wide: bool = False) -> str:
    """A program with every op, each on arguments of its own, and a chain of all of them.

    With ``wide``, codes come and go as 8-bit numbers, which files can hold.
    """
    x, g = tensor(case.shape, case.dtype), tensor(case.parameter, case.p)
    s, m = tensor(case.parameter, np.int32), tensor(case.shape, np.bool_)
    q = tensor(case.shape, CODE_TYPES[case.bits])
    rounding = ""
    if case.seed is not None:
        rounding = f" {{rounding = #approx_act.rounding<stochastic, seed = {case.seed}>}}"
    sigma = f", sigma = {case.sigma!r}" if case.range == "normalised" else ""
    statistics = f"mean %mean : {g} rstd %rstd : {g}" if case.range == "normalised" else ""
    lines = [
        f"%glo, %gstep = approx_act.grid %x {statistics} {{bits = {case.bits} : i32, granularity ="
        f" #approx_act.granularity<{case.granularity}>, range = #approx_act.range<{case.range}"
        f"{sigma}>}} : {x} -> {g}",
        "%se, %sb, %sa, %ss = approx_act.split_grid %lo, %step, %slope, %offset"
        f" {{bits = {case.bits} : i32, ratio = {case.ratio!r} : f32}} : {g} -> {s}",
        f"%plain = approx_act.quantize %x, %lo, %step{rounding} : {x}, {g} -> {q}",
        f"%sided = approx_act.quantize_split %x, %edge, %below, %above, %split, %mask{rounding}"
        f" : {x}, {g}, {s}, {m} -> {q}",
        f"%side = approx_act.side %codes, %split : {q}, {s} -> {m}",
        f"%restored = approx_act.dequantize %codes, %lo, %step : {q}, {g} -> {x}",
        "%srestored = approx_act.dequantize_split %codes, %edge, %below, %above, %split"
        f" : {q}, {g}, {s} -> {x}",
        f"%cq = approx_act.quantize_split %x, %se, %sb, %sa, %ss, %mask{rounding}"
        f" : {x}, {g}, {s}, {m} -> {q}",
    ]
    results = {
        "%glo": g, "%gstep": g, "%se": g, "%sb": g, "%sa": g, "%ss": s, "%plain": q,
        "%sided": q, "%side": m, "%restored": x, "%srestored": x,
    }  # fmt: skip
    stored = "%cq"
    if case.dim is not None:
        packed = list(case.shape)
        packed[case.dim] = -(-packed[case.dim] * case.bits // 8)
        packed_bits = list(case.shape)
        packed_bits[case.dim] = -(-packed_bits[case.dim] // 8)
        w, b = tensor(packed, np.int8), tensor(packed_bits, np.int8)
        dim = f"{{dim = {case.dim} : i64}}"
        lines += [
            f"%words = approx_act.pack %codes {dim} : {q} -> {w}",
            f"%bits = approx_act.pack %mask {dim} : {m} -> {b}",
            f"%cw = approx_act.pack %cq {dim} : {q} -> {w}",
            f"%tied:3 = approx_act.barrier %cw, %bits, %x : {w}, {b}, {x}",
            f"%cu = approx_act.unpack %tied#0 {dim} : {w} -> {q}",
            f"%unbits = approx_act.unpack %tied#1 {dim} : {b} -> {m}",
        ]
        results |= {"%words": w, "%bits": b, "%unbits": m, "%cq": q, "%cu": q, "%tied#2": x}
        stored = "%cu"
    lines += [
        f"%cmask = approx_act.side {stored}, %ss : {q}, {s} -> {m}",
        f"%cx = approx_act.dequantize_split {stored}, %se, %sb, %sa, %ss : {q}, {g}, {s} -> {x}",
    ]
    results |= {"%cmask": m, "%cx": x}
    arguments = {
        "x": x, "mean": g, "rstd": g, "lo": g, "step": g, "slope": g, "offset": g, "edge": g,
        "below": g, "above": g, "mask": m, "split": s, "codes": q,
    }  # fmt: skip
    if wide and case.bits in (2, 4):
        q8 = tensor(case.shape, np.int8)
        del arguments["codes"]
        arguments["codes8"] = q8
        lines.insert(0, f"%codes = arith.trunci %codes8 : {q8} to {q}")
        for name in [name for name, kind in results.items() if kind == q]:
            lines.append(f"{name}8 = arith.extui {name} : {q} to {q8}")
        results = {n + "8" if k == q else n: q8 if k == q else k for n, k in results.items()}
    return "\n".join(
        [
            f"func.func @main({', '.join(f'%{n}: {t}' for n, t in arguments.items())})"
            f" -> ({', '.join(results.values())}) {{",
            *lines,
            f"return {', '.join(results)} : {', '.join(results.values())}",
            "}",
        ]
    )


def inputs(case: Case) -> dict[str, np.ndarray]:
    """Arguments, with the values in them that are likely to go wrong."""
    generator = np.random.default_rng(zlib.crc32(repr(case).encode()))
    p, last = case.p, 2**case.bits - 1

    def scatter(array: np.ndarray, values: Sequence[float]) -> np.ndarray:
        """Puts values at random places, each of them somewhere if there is room."""
        flat = array.reshape(-1)
        places = generator.permutation(flat.size)[: len(values)]
        flat[places] = np.asarray(values, np.float64)[: len(places)].astype(array.dtype)
        return flat.reshape(array.shape)

    def normal(shape: tuple[int, ...]) -> np.ndarray:
        return generator.standard_normal(shape)

    x = np.asarray(normal(case.shape) * 1.5 + 0.3).astype(case.dtype)
    mean = np.asarray(normal(case.parameter)).astype(p)
    rstd = np.asarray(np.exp(normal(case.parameter))).astype(p)
    rstd = scatter(rstd, [np.inf] if rstd.size > 2 else [])
    lo = np.asarray(-3 + 0.1 * normal(case.parameter)).astype(p)
    step = np.asarray((6 + 0.1 * normal(case.parameter)) / 2**case.bits).astype(p)
    slope = np.asarray(normal(case.parameter)).astype(p)
    offset = np.asarray(normal(case.parameter)).astype(p)
    edge = np.asarray(normal(case.parameter)).astype(p)
    below, above = (
        np.asarray(6 / 2**case.bits * np.exp(normal(case.parameter))).astype(p) for _ in range(2)
    )
    if lo.size > 2:  # Else the one block has to stay an ordinary one.
        step = scatter(step, [0.0, -0.0, np.nan, np.inf, -0.5])
        lo = scatter(lo, [np.nan, np.inf, -np.inf])
        slope = scatter(slope, [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 1.0, -1.0])
        offset = scatter(offset, [0.0, -0.0, np.nan, 4.0, -4.0, 400.0])
        edge = scatter(edge, [np.nan, np.inf, -np.inf, 0.0])
        below = scatter(below, [0.0, -0.0, np.nan, np.inf, -0.5])
        above = scatter(above, [0.0, -0.0, np.nan, np.inf, -0.5])
        # Masks that change at ±4 deviations, at zero, and the same for every x.
        masks = [
            (1, 4), (-1, 4), (1, -4), (-1, -4), (0.0, 1), (-0.0, -1), (0.0, -1), (-0.0, 1),
            (0.0, 0.0), (-0.0, 0.0), (1, 0.0), (-1, -0.0),
        ]  # fmt: skip
        for i, (a, b) in enumerate(masks):
            slope.reshape(-1)[i % slope.size] = a
            offset.reshape(-1)[i % slope.size] = b
        # 2.5 inactive cells, exactly: which number of cells is that?
        step.reshape(-1)[-1] = (last + 1 + 2.5 * (case.ratio - 1)) / (last + 1)
        lo.reshape(-1)[-1], slope.reshape(-1)[-1] = -4, 1
        offset.reshape(-1)[-1] = 4 - 2.5 * case.ratio
    x = scatter(x, [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e4, -1e4, 3.0, -3.0, 6e-8])
    if x.size > 40:  # Values exactly on the edges of cells.
        cells = generator.integers(0, last + 2, x.shape)
        edges = spread(lo, x.shape) + cells * spread(step, x.shape)
        x = np.where(generator.random(x.shape) < 0.3, edges.astype(x.dtype), x)
        with np.errstate(all="ignore"):
            width = np.where(cells % 2, spread(above, x.shape), -spread(below, x.shape))
            edges = spread(edge, x.shape) + cells // 2 * width
        x = np.where(generator.random(x.shape) < 0.2, edges.astype(x.dtype), x)
    with np.errstate(all="ignore"):
        mask = spread(slope, x.shape) * x.astype(p) + spread(offset, x.shape) > 0
    mask ^= generator.random(x.shape) < 0.05  # A mask may disagree with its edge.
    split = generator.integers(1, last + 1, case.parameter).astype(np.int32)
    split = np.asarray(np.where(generator.random(case.parameter) < 0.5, split, -split), np.int32)
    split = scatter(split, [0, 1000, -1000] if split.size > 8 else [])
    codes = generator.integers(0, last + 1, case.shape).astype(np.int64)
    return {
        "x": x, "mean": mean, "rstd": rstd, "lo": lo, "step": step, "slope": slope,
        "offset": offset, "edge": edge, "below": below, "above": above,
        "mask": np.asarray(mask), "split": split,
        "codes": as_codes(np.asarray(codes), case.bits),
    }  # fmt: skip


def as_codes(codes: np.ndarray, bits: int) -> np.ndarray:
    """Numbers of cells in the signless type that holds them."""
    if bits > 1:
        codes = codes - 2**bits * (codes >= 2 ** (bits - 1))
    return codes.astype(CODE_TYPES[bits])


def cases() -> Iterator[Case]:
    """Every pair of the choices that could influence one another, not every combination."""
    widths, ranges = (8, 4, 2, 1), ("minmax", "absmax", "normalised")
    ratios = (4.0, 1.0, 0.5)
    types = (np.float32, ml_dtypes.bfloat16, np.float16, np.float64)
    shapes = [
        ((6, 5, 3), (1, 1, 1), "tensor"),
        ((6, 5, 3), (1, 1, 3), "channel"),
        ((4, 7, 17), (1, 1, 17), "channel"),
        ((4, 9, 1), (1, 1, 1), "channel"),
        ((4, 9, 1), (4, 9, 1), "channel"),
        ((3, 5, 12), (3, 5, 1), "channel"),
        ((3, 5, 12), (3, 5, 3), "group, size = 4"),
        ((13, 11), (13, 11), "group, size = 1"),
        ((131,), (1,), "tensor"),
        ((1,), (1,), "tensor"),
        ((), (), "tensor"),
        ((0,), (1,), "tensor"),
        ((0, 17), (1, 17), "channel"),
        ((5, 0), (5, 0), "channel"),
        ((2, 0, 3), (1, 1, 1), "tensor"),
    ]
    for (i, (shape, parameter, granularity)), (b, bits) in itertools.product(
        enumerate(shapes), enumerate(widths)
    ):
        dtype, rule, sigma = types[(i + b) % 4], ranges[(i + b) % 3], (2.5, 3.0, 6.0)[i % 3]
        seed = 7 + i if (i // 2 + b) % 2 else None
        yield Case(shape, dtype, parameter, granularity, bits, rule, sigma, seed, ratios[b % 3])
    for dtype, bits, rule in itertools.product(types, widths, ranges):
        seed = 2**32 - 1 if rule == "absmax" else None
        ratio = dict(zip(ranges, ratios, strict=True))[rule]
        yield Case((16, 6, 33), dtype, (1, 1, 33), "channel", bits, rule, 3.0, seed, ratio)


# ---------------------------------------------------------------------------
# Comparison
# ---------------------------------------------------------------------------

# How often the arguments have brought up what a clause distinguishes.
SEEN: collections.Counter[tuple[str, str]] = collections.Counter()


def lower(tool: str, sources: Sequence[str]) -> list[str]:
    """Lowers many modules in one run of the compiler."""
    marker = "\n// -----\n"
    result = subprocess.run(
        [tool, "--convert-approx-act-to-stablehlo", "--mlir-print-op-generic",
         "--split-input-file", "-"],
        input=marker.join(sources), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return result.stdout.split("// -----")


def run(text: str, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Runs a StableHLO module on XLA's CPU backend."""
    client = backend.get_backend("cpu")
    with mlir.make_ir_context():
        bytecode = mlir.module_to_bytecode(ir.Module.parse(text))
    devices = _jax.DeviceList(tuple(client.devices()[:1]))
    program = client.compile_and_load(bytecode, devices, _jax.CompileOptions())
    results = program.execute_sharded([jax.device_put(a) for a in arguments])
    return [np.asarray(a[0]) for a in results.disassemble_into_single_device_arrays()]


def run_kernels(runner: str, case: Case, text: str, arguments: Sequence[np.ndarray]) -> list:
    """Runs a module of kernels, checking all that the runner can check."""
    arrays = [a.astype(np.int8) if a.dtype.name in ("int2", "int4") else a for a in arguments]
    with tempfile.TemporaryDirectory() as folder:
        names = [pathlib.Path(folder) / name for name in ("step.mlir", "in.npz", "out.npz")]
        names[0].write_text(text)
        np.savez(names[1], *arrays)
        flags = ["--strict", "--poison", f"--input={names[1]}", f"--output={names[2]}"]
        subprocess.run([runner, names[0], *flags], check=True)
        with np.load(names[2]) as archive:
            results = [archive[f"arr_{i}"] for i in range(len(archive.files))]
    codes = {np.dtype(CODE_TYPES[case.bits])} - {np.dtype(np.bool_), np.dtype(np.int8)}
    types = result_types(case)
    named = {name: dtype for dtype, name in MLIR_TYPES.items()}
    return [
        a.astype(named[t]) if named[t] in codes else a.view(named[t]).reshape(a.shape)
        for a, t in zip(results, types, strict=True)
    ]


def result_types(case: Case) -> list[str]:
    """The element types of the program's results."""
    signature = next(line for line in module(case).splitlines() if "func.func" in line)
    results = signature.rsplit("-> (", 1)[1].rsplit(")", 1)[0]
    return [t.rstrip(">").rsplit("x", 1)[-1].removeprefix("tensor<") for t in results.split(", ")]


def lower_to_kernels(tool: str, source: str) -> str:
    """Lowers one module to a host program with kernels for the CPU."""
    return subprocess.run(
        [tool, "--approx-act-to-gpu=format=llvm", "-"],
        input=source, stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip


def equal(name: str, actual: np.ndarray, expected: np.ndarray, bound: object = 0) -> None:
    """Raises unless the arrays agree: NaN with NaN, numbers to within ``bound``."""
    assert actual.shape == expected.shape, f"{name}: {actual.shape} for {expected.shape}"
    assert actual.dtype == expected.dtype, f"{name}: {actual.dtype} for {expected.dtype}"
    if actual.dtype.kind in "biu" or actual.dtype.name in ("int2", "int4"):
        wrong = actual != expected
    else:
        a, e = actual.astype(np.float64), expected.astype(np.float64)
        same = (a == e) | (np.isnan(a) & np.isnan(e))
        wrong = ~same & ~(np.abs(a - e) <= np.asarray(bound, np.float64))
    if np.any(wrong):
        where = tuple(np.argwhere(wrong)[0])
        raise AssertionError(
            f"{name}: {np.sum(wrong)} of {wrong.size} wrong, the first at {where}:"
            f" {actual[where]!r} for {expected[where]!r}"
        )


def has_split_grid(case: Case, a: dict[str, np.ndarray], parts: Sequence[np.ndarray]) -> None:
    """Raises unless ``parts`` are a division of each interval, whatever the formulas."""
    edge, below, above, split = parts
    lo, step, slope, offset = (a[n] for n in ("lo", "step", "slope", "offset"))
    cells = 2**case.bits
    proper = np.isfinite(lo) & np.isfinite(step) & (step >= 0)
    hi = lo + cells * step
    slack = 8 * np.finfo(case.p).eps * (np.abs(lo) + np.abs(hi))
    s = np.abs(split)
    # Of whole cells, that is: 1.5 to 2.5 of them are 2.
    widths = np.where(split < 0, above, below) / np.where(split < 0, below, above)
    within = (widths >= 0.59 * case.ratio) & (widths <= case.ratio / 0.59)
    for what, holds in {
        "edge is inside": (lo <= edge) & (edge <= hi),
        "each side has a cell": (s >= 1) & (s < cells),
        "cells reach lo": np.abs(edge - s * below - lo) <= slack,
        "cells reach hi": np.abs(edge + (cells - s) * above - hi) <= slack,
        "split has the sign of the slope": (split < 0) == (slope < 0),
        "widths have the ratio": (s == 1) | (s == cells - 1) | within,
    }.items():
        assert np.all(holds | ~proper), f"[S3] {what}: not at {np.argwhere(~holds & proper)[0]}"
    known = proper & (step > 0) & np.isfinite(slope) & np.isfinite(offset)
    SEEN["ratio", str(case.ratio)] += np.sum(known & (s > 1) & (s < cells - 1))
    SEEN["slope", "falls"] += np.sum(known & (slope < 0))
    SEEN["slope", "rises"] += np.sum(known & (slope > 0))
    SEEN["slope", "+0"] += np.sum(known & (slope == 0) & ~np.signbit(slope))
    SEEN["slope", "-0"] += np.sum(known & (slope == 0) & np.signbit(slope))
    SEEN["offset", "0"] += np.sum(known & (offset == 0))
    SEEN["edge", "inside"] += np.sum(known & (edge > lo) & (edge < hi))
    SEEN["edge", "at lo"] += np.sum(known & (edge == lo))
    SEEN["edge", "at hi"] += np.sum(known & (edge == hi))
    SEEN["edge", "NaN"] += np.sum(np.isnan(edge))


def comes_back(
    case: Case, a: dict[str, np.ndarray], parts: Sequence[np.ndarray], restored: np.ndarray
) -> None:
    """Raises unless a value inside the interval and on its side is restored from nearby."""
    edge, below, above, split = (spread(part, case.shape).astype(np.float64) for part in parts)
    x, values = a["x"].astype(np.float64), restored.astype(np.float64)
    upper = a["mask"] ^ (split < 0)
    width = np.where(upper, above, below)
    room = width * np.where(upper, 2**case.bits - np.abs(split), np.abs(split))
    distance = np.where(upper, x - edge, edge - x)
    inside = np.isfinite(distance + room) & (width > 0) & (distance >= 0) & (distance <= room)
    # Stochastic rounding goes to the farther of two centres.
    bound = width * (0.5 if case.seed is None else 1.0)
    eps = float(ml_dtypes.finfo(case.dtype).eps) + 2.0**-20 * (case.p is np.float32)
    slack = 4 * eps * (np.abs(x) + np.abs(edge) + width)
    far = inside & ~(np.abs(values - x) <= bound + slack)
    assert not np.any(far), f"[S3] to [S6] value: {values[far][0]} for {x[far][0]}"
    SEEN["value", "inside"] += np.sum(inside)
    SEEN["value", "beyond"] += np.sum((width > 0) & (distance > room))
    SEEN["value", "on the other side"] += np.sum((width > 0) & (distance < 0))
    SEEN["value", "NaN"] += np.sum(np.isnan(x))


def check(case: Case, execute: Callable[[Sequence[np.ndarray]], list[np.ndarray]]) -> None:
    """Compares what runs one module with the clauses."""
    a = inputs(case)
    x, lo, step, mask, split = (a[n] for n in ("x", "lo", "step", "mask", "split"))
    own = [a[n] for n in ("edge", "below", "above", "split")]
    codes = a["codes"].astype(np.int64) % 2**case.bits
    results = iter(execute(list(a.values())))

    def equal_restored(name: str, expected: np.ndarray, bound: np.ndarray) -> np.ndarray:
        actual = next(results)
        if case.dtype is not case.p:
            eps = float(ml_dtypes.finfo(case.dtype).eps)
            bound = bound + np.abs(expected).astype(np.float64) * eps
        equal(name, actual, expected.astype(case.dtype), bound)
        return actual

    for name, expected in zip(("lo", "step"), grid(x, case, a["mean"], a["rstd"]), strict=True):
        equal(f"[S2] {name}", next(results), expected)

    parts = split_grid(lo, step, a["slope"], a["offset"], case)
    for name, expected in zip(("edge", "below", "above", "split"), parts, strict=True):
        equal(f"[S3] {name}", next(results), expected)
    has_split_grid(case, a, parts)

    equal("[S4] codes", next(results), as_codes(quantize(x, lo, step, case), case.bits))
    sided = quantize_split(x, *own, mask, case)
    equal("[S5] codes", next(results), as_codes(sided, case.bits))
    assert np.array_equal(side(sided, split, case), mask), "[S5] the restatement is wrong"
    equal("[S5] side", next(results), side(codes, split, case))

    equal_restored("[S6] restored", *dequantize(codes, lo, step, case))
    equal_restored("[S6] restored from a split grid", *dequantize_split(codes, *own, case))

    chained = quantize_split(x, *parts, mask, case)
    if case.dim is not None:
        words = pack(codes, case.bits, case.dim)
        equal("[S7] words", next(results), as_codes(words, 8))
        bits = pack(mask.astype(np.int64), 1, case.dim)
        equal("[S7] bits", next(results), as_codes(bits, 8))
        equal("[S7] mask", next(results), mask)
        equal("[S3] to [S5] codes", next(results), as_codes(chained, case.bits))
        equal("[S3] to [S7] codes", next(results), as_codes(chained, case.bits))
        equal("[S8] activation", next(results), x)
    equal("[S3] to [S7] mask", next(results), mask)
    restored = equal_restored("[S3] to [S7] value", *dequantize_split(chained, *parts, case))
    comes_back(case, a, parts, restored)
    assert next(results, None) is None, "a result that nothing compares"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--runner", help="run kernels, with this program, instead of XLA")
    options = parser.parse_args()
    chosen = list(cases())
    if options.runner:
        # A prime, so that all bits, types and shapes are among them.
        chosen = chosen[::5]
        sources = [lower_to_kernels(options.tool, module(case, wide=True)) for case in chosen]
        executors = [
            functools.partial(run_kernels, options.runner, case, text)
            for case, text in zip(chosen, sources, strict=True)
        ]
    else:
        texts = lower(options.tool, [module(case) for case in chosen])
        executors = [functools.partial(run, text) for text in texts]
    failures = 0
    for case, execute in zip(chosen, executors, strict=True):
        try:
            with np.errstate(all="ignore"):
                check(case, execute)
        except AssertionError as error:
            failures += 1
            print(f"{case}\n  {error}")
    if failures:
        sys.exit(f"{failures} of {len(chosen)} cases are wrong")
    if unseen := [f"{kind} {what}" for (kind, what), times in SEEN.items() if not times]:
        sys.exit(f"no argument brings up: {', '.join(unseen)}")
    print(f"{len(chosen)} cases: every clause holds")


if __name__ == "__main__":
    main()
