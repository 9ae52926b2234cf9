# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s approx-act-opt | FileCheck %s
# CHECK: every clause holds
"""Compares the lowered ops, run by XLA, with docs/semantics.md restated in NumPy.

Every op of a case is a function of its own arguments, so that each is compared
bit for bit on the same inputs, and no difference of one hides in the next.
Where the clauses leave the last bit open ([S3] aligned, [S6]) the comparison
allows for that bit and no more.  A chain of all ops then shows that the mask
comes back from the codes for every element.
"""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence

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
            lo[position] = least
            step[position] = (greatest - least) * p(2.0**-case.bits)
        else:
            a = np.max(np.abs(members))
            lo[position] = -a
            step[position] = (a + a) * p(2.0**-case.bits)
    return [lo, step]


def align_grid(
    lo: np.ndarray, step: np.ndarray, slope: np.ndarray, offset: np.ndarray, bits: int
) -> list[np.ndarray]:
    """[S3] aligned, split, and the bound on the last bit of aligned."""
    p = lo.dtype.type
    t = -offset / np.where(slope < 0, slope, np.abs(slope))
    e = np.floor((t - lo) / step + p(0.5))
    known = (step > 0) & ~np.isnan(e)
    k = np.where(known, np.clip(e, p(1), p(2**bits - 1)), p(2 ** (bits - 1)))
    aligned = np.where(k == e, t - k * step, lo)
    split = np.where(slope < 0, -k, k).astype(np.int32)
    bound = np.where(k == e, np.finfo(p).eps * (np.abs(t) + np.abs(k * step)), p(0))
    return [aligned, split, bound]


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


def quantize(
    x: np.ndarray,
    lo: np.ndarray,
    step: np.ndarray,
    bits: int,
    seed: int | None = None,
    side: np.ndarray | None = None,
    split: np.ndarray | None = None,
) -> np.ndarray:
    """[S4], [S5] The codes, as int64."""
    p = lo.dtype.type
    last = 2**bits - 1
    inverse = np.where(step > 0, p(1) / step, p(0))
    v = (x.astype(p) - spread(lo, x.shape)) * spread(inverse, x.shape)
    if seed is not None:
        c = np.where(v > 0, np.fmin(v, p(2**bits)), p(0))
        v = (c - p(0.5)) + random_numbers(x.shape, seed, p)
    q = np.where(v > 0, np.fmin(np.floor(v), p(last)), p(0)).astype(np.int64)
    if side is None or split is None:
        return q
    s = spread(np.clip(np.abs(split.astype(np.int64)), 1, last), x.shape)
    upper = side ^ spread(split < 0, x.shape)
    return np.where(upper, np.maximum(q, s), np.minimum(q, s - 1))


def side(codes: np.ndarray, split: np.ndarray, bits: int) -> np.ndarray:
    """[S5] The mask that codes carry."""
    s = np.clip(np.abs(split.astype(np.int64)), 1, 2**bits - 1)
    return (codes >= spread(s, codes.shape)) ^ spread(split < 0, codes.shape)


def dequantize(codes: np.ndarray, lo: np.ndarray, step: np.ndarray) -> list[np.ndarray]:
    """[S6] The restored values in the type of the grid, and the bound on their last bit."""
    p = lo.dtype.type
    lo, product = spread(lo, codes.shape), (codes + p(0.5)) * spread(step, codes.shape)
    return [lo + product, np.finfo(p).eps * (np.abs(lo) + np.abs(product))]


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
    """

    shape: tuple[int, ...]
    dtype: type
    parameter: tuple[int, ...]
    granularity: str
    bits: int
    range: str = "minmax"
    sigma: float = 3.0
    seed: int | None = None

    @property
    def p(self) -> type:
        return np.float64 if self.dtype is np.float64 else np.float32

    @property
    def dim(self) -> int | None:
        """A dimension to pack along: the largest, so that odd ones occur."""
        return int(np.argmax(self.shape)) if self.shape else None


def tensor(shape: Sequence[int], dtype: type) -> str:
    return f"tensor<{''.join(f'{n}x' for n in shape)}{MLIR_TYPES[np.dtype(dtype)]}>"


def module(case: Case) -> str:
    """A program with every op, each on arguments of its own, and a chain of all of them."""
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
        "%aligned, %asplit = approx_act.align_grid %lo, %step, %slope, %offset"
        f" {{bits = {case.bits} : i32}} : {g} -> {s}",
        f"%plain = approx_act.quantize %x, %lo, %step{rounding} : {x}, {g} -> {q}",
        f"%sided = approx_act.quantize %x, %lo, %step side %mask : {m} split %split : {s}"
        f"{rounding} : {x}, {g} -> {q}",
        f"%side = approx_act.side %codes, %split : {q}, {s} -> {m}",
        f"%restored = approx_act.dequantize %codes, %lo, %step : {q}, {g} -> {x}",
        f"%cq = approx_act.quantize %x, %aligned, %step side %mask : {m} split %asplit : {s}"
        f"{rounding} : {x}, {g} -> {q}",
    ]
    results = {
        "%glo": g, "%gstep": g, "%aligned": g, "%asplit": s, "%plain": q, "%sided": q,
        "%side": m, "%restored": x,
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
    lines.append(f"%cmask = approx_act.side {stored}, %asplit : {q}, {s} -> {m}")
    results["%cmask"] = m
    arguments = {
        "x": x, "mean": g, "rstd": g, "lo": g, "step": g, "slope": g, "offset": g, "mask": m,
        "split": s, "codes": q,
    }  # fmt: skip
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
    if lo.size > 2:  # Else the one block has to stay an ordinary one.
        step = scatter(step, [0.0, -0.0, np.nan, np.inf, -0.5])
        lo = scatter(lo, [np.nan, np.inf, -np.inf])
        slope = scatter(slope, [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 1.0, -1.0])
        offset = scatter(offset, [0.0, -0.0, np.nan, 4.0, -4.0, 400.0])
        # Masks that change at ±4 deviations, and the same for every x.
        for i, (a, b) in enumerate([(1, 4), (-1, 4), (1, -4), (-1, -4), (0.0, 1), (-0.0, -1)]):
            slope.reshape(-1)[i % slope.size] = a
            offset.reshape(-1)[i % slope.size] = b
    x = scatter(x, [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e4, -1e4, 3.0, -3.0, 6e-8])
    if x.size > 40:  # Values exactly on the edges of cells.
        edges = spread(lo, x.shape) + generator.integers(0, last + 2, x.shape) * spread(
            step, x.shape
        )
        x = np.where(generator.random(x.shape) < 0.3, edges.astype(x.dtype), x)
    with np.errstate(all="ignore"):
        mask = spread(slope, x.shape) * x.astype(p) + spread(offset, x.shape) > 0
    split = generator.integers(1, last + 1, case.parameter).astype(np.int32)
    split = np.asarray(np.where(generator.random(case.parameter) < 0.5, split, -split), np.int32)
    split = scatter(split, [0, 1000, -1000] if split.size > 8 else [])
    codes = generator.integers(0, last + 1, case.shape).astype(np.int64)
    return {
        "x": x, "mean": mean, "rstd": rstd, "lo": lo, "step": step, "slope": slope,
        "offset": offset, "mask": np.asarray(mask), "split": split,
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
        yield Case(shape, dtype, parameter, granularity, bits, rule, sigma, seed)
    for dtype, bits, rule in itertools.product(types, widths, ranges):
        seed = 2**32 - 1 if rule == "absmax" else None
        yield Case((16, 6, 33), dtype, (1, 1, 33), "channel", bits, rule, 3.0, seed)


# ---------------------------------------------------------------------------
# Comparison
# ---------------------------------------------------------------------------


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


def check(case: Case, text: str) -> None:
    """Compares one module with the clauses."""
    a = inputs(case)
    x, lo, step, mask, split = (a[n] for n in ("x", "lo", "step", "mask", "split"))
    codes = a["codes"].astype(np.int64) % 2**case.bits
    results = iter(run(text, list(a.values())))

    for name, expected in zip(("lo", "step"), grid(x, case, a["mean"], a["rstd"]), strict=True):
        equal(f"[S2] {name}", next(results), expected)

    aligned, asplit, bound = align_grid(lo, step, a["slope"], a["offset"], case.bits)
    actual_aligned = next(results)
    equal("[S3] aligned", actual_aligned, aligned, bound)
    equal("[S3] split", next(results), asplit)

    plain = quantize(x, lo, step, case.bits, case.seed)
    equal("[S4] codes", next(results), as_codes(plain, case.bits))
    sided = quantize(x, lo, step, case.bits, case.seed, mask, split)
    equal("[S5] codes", next(results), as_codes(sided, case.bits))
    assert np.array_equal(side(sided, split, case.bits), mask), "[S5] the restatement is wrong"
    equal("[S5] side", next(results), side(codes, split, case.bits))

    restored, bound = dequantize(codes, lo, step)
    rounding = np.abs(restored).astype(np.float64) * float(ml_dtypes.finfo(case.dtype).eps)
    if case.dtype is case.p:
        rounding = 0.0
    equal("[S6] restored", next(results), restored.astype(case.dtype), bound + rounding)

    if case.dim is not None:
        words = pack(codes, case.bits, case.dim)
        equal("[S7] words", next(results), as_codes(words, 8))
        bits = pack(mask.astype(np.int64), 1, case.dim)
        equal("[S7] bits", next(results), as_codes(bits, 8))
        equal("[S7] mask", next(results), mask)
        chained = quantize(x, actual_aligned, step, case.bits, case.seed, mask, asplit)
        equal("[S3] to [S5] codes", next(results), as_codes(chained, case.bits))
        equal("[S3] to [S7] codes", next(results), as_codes(chained, case.bits))
        equal("[S8] activation", next(results), x)
    equal("[S3] to [S7] mask", next(results), mask)


def main() -> None:
    tool = sys.argv[1]
    chosen = list(cases())
    texts = lower(tool, [module(case) for case in chosen])
    failures = 0
    for case, text in zip(chosen, texts, strict=True):
        try:
            with np.errstate(all="ignore"):
                check(case, text)
        except AssertionError as error:
            failures += 1
            print(f"{case}\n  {error}")
    if failures:
        sys.exit(f"{failures} of {len(chosen)} cases are wrong")
    print(f"{len(chosen)} cases: every clause holds")


if __name__ == "__main__":
    main()
