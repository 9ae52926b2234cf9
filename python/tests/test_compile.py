# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steps that are compiled to kernels and run in this process, on the CPU."""

import concurrent.futures
import enum
import functools
import json
import os
import pathlib
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_models
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import approx_act
from approx_act import _arrays, _dlpack, _library

F32 = jax.ShapeDtypeStruct((3, 5), jnp.float32)
X = np.arange(15, dtype=np.float32).reshape(3, 5)


def double(x):
    return {"y": 2 * x}


@pytest.fixture(scope="module")
def doubled():
    return approx_act.compile(double, F32, bits=None)


def distance(actual, expected):
    """The largest relative difference of leaves."""
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True)
    return max(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30) for a, b in pairs)


@pytest.mark.parametrize("bits", [None, 8, 4])
@pytest.mark.parametrize("make", [lambda: small_models.mlp(jax.nn.relu), small_models.conv_bn])
def test_step_equals_xla(make, bits):
    step, params, batch = make()
    compiled = approx_act.compile(step, params, batch, bits=bits)
    reference = jax.jit(step) if bits is None else approx_act.jit(step, bits=bits)
    actual, expected = compiled(params, batch), reference(params, batch)
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    # Sums in another order can move a value across an edge to the next code.
    assert distance(actual, expected) < (1e-3 if bits else 1e-5)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(actual))
    assert (compiled.residuals is None) == (bits is None)


def test_results_are_arguments_of_the_next_run():
    value_and_grad, params, batch = small_models.mlp(jax.nn.relu)

    def step(params, batch):
        loss, grads = value_and_grad(params, batch)
        return loss, jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)

    compiled = approx_act.compile(step, params, batch)
    reference = approx_act.jit(step)
    actual = expected = params
    for _ in range(5):
        loss, actual = compiled(actual, batch)
        expected_loss, expected = reference(expected, batch)
    assert distance((loss, actual), (expected_loss, expected)) < 1e-4


def test_brings_options_along():
    step, params, batch = small_models.mlp(jax.nn.relu)
    compiled = approx_act.compile(approx_act.jit(step, bits=8), params, batch)
    assert {row.bits for row in compiled.residuals if row.stored == "code"} == {8}


def test_report():
    step, params, batch = small_models.mlp(jax.nn.relu)
    compiled = approx_act.compile(step, params, batch)
    report = compiled.report
    assert report.lower_bound_bytes <= report.arena_bytes
    assert report.arena_bytes == max(b.offset + b.bytes for b in report.buffers)
    assert set(report.kernels) == set(report.launches)
    assert report.argument_bytes == sum(x.nbytes for x in jax.tree.leaves((params, batch)))
    assert {"memory-plan", "quantized"} <= {remark.name for remark in report.remarks}
    assert json.loads(json.dumps(report.to_dict()))["arena_bytes"] == report.arena_bytes
    assert f"{sum(report.launches.values())} launches" in str(report)


def test_statistics(tmp_path):
    step, params, batch = small_models.mlp(jax.nn.relu)
    compiled = approx_act.compile(
        step, params, batch, timings=True, runtime_options=["count-accesses"]
    )
    with pytest.raises(ValueError, match="has not run"):
        compiled.statistics  # noqa: B018
    for _ in range(2):
        compiled(params, batch)
    statistics, report = compiled.statistics, compiled.report
    # Of one run, not of both.
    launched = {k.name: k.launches for k in statistics.kernels}
    assert report.launches.items() <= launched.items()
    everything = sum(report.launches.values()) + sum(report.calls.values())
    assert sum(launched.values()) == everything
    assert all(k.bytes_stored > 0 for k in statistics.kernels if k.name in report.launches)
    planned = report.arena_bytes + report.argument_bytes + report.result_bytes
    assert statistics.peak_bytes == planned
    compiled.write_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {e["name"] for e in events if e.get("cat") == "kernel"} == launched.keys()


def test_calls_of_contractions_are_counted():
    module = b"""
      llvm.func @approxActGemmF32()
      llvm.func @other()
      llvm.func @main() attributes {approx_act.arguments = [], approx_act.results = []} {
        llvm.call @approxActGemmF32() : () -> ()
        llvm.call @other() : () -> ()
        llvm.call @approxActGemmF32() : () -> ()
        llvm.return
      }
      llvm.func @_mlir_ciface_main() {
        llvm.return
      }"""
    assert _library.Program(module).calls == {"approxActGemmF32": 2}


def test_module_that_cannot_be_read():
    with pytest.raises(approx_act.ApproxActError, match="the module cannot be read"):
        _library.Program(b"no module")
    with pytest.raises(approx_act.ApproxActError, match=r"the module defines no llvm.func 'main'"):
        _library.Program(b"module {}")


def test_module_runs_in_the_runner(doubled, tmp_path):
    (tmp_path / "step.mlirbc").write_bytes(doubled.module)
    np.save(tmp_path / "x.npy", X)
    runner = pathlib.Path(approx_act.tool.find_tool()).with_name("approx-act-runner")
    files = [tmp_path / "step.mlirbc", f"--input={tmp_path}/x.npy", f"--output={tmp_path}/y.npy"]
    subprocess.run([runner, *files], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), 2 * X)


# Arrays in, arrays out.


class Foreign:
    """An array of which nothing is known but DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __dlpack__(self, **kwargs):
        return self.array.__dlpack__(**kwargs)


@pytest.mark.parametrize(
    "x",
    [
        X,
        jnp.asarray(X),
        Foreign(X.copy()),
        Foreign(jnp.asarray(X)),
        X.astype(np.float64),  # As jax.jit takes it.
        np.asfortranarray(X),
        X.astype(">f4"),
        np.frombuffer(b"\0" * 4 + X.tobytes(), np.uint8)[4:].view(np.float32).reshape(3, 5),
        X.tolist(),
    ],
    ids=["numpy", "jax", "dlpack", "dlpack of jax", "f64", "fortran", "endian", "odd", "list"],
)
def test_kinds_of_arguments(doubled, x):
    if isinstance(x, list):
        with pytest.raises(TypeError, match="structure"):  # A pytree of numbers.
            doubled(x)
        return
    np.testing.assert_array_equal(doubled(x)["y"], 2 * X)


def make_mesh(kind=AxisType.Auto):
    return jax.make_mesh((3,), ("i",), devices=jax.devices()[:3], axis_types=(kind,))


def test_sharded_argument(doubled):
    x = jax.device_put(X, NamedSharding(make_mesh(), P("i")))
    np.testing.assert_array_equal(doubled(x)["y"], 2 * X)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_sharded_step(kind):
    """What is said of many devices, by arguments, inside and of results, means nothing to one."""
    rows = NamedSharding(make_mesh(kind), P("i"))

    @functools.partial(jax.jit, out_shardings=rows)
    def step(w, x):
        place = jax.lax.with_sharding_constraint if kind == AxisType.Auto else jax.sharding.reshard
        return place(jnp.tanh(x), NamedSharding(rows.mesh, P())) @ w

    w, x = jnp.asarray(X.T), jax.device_put(X, rows)
    compiled = approx_act.compile(step, w, x, bits=None)
    actual = compiled(w, x)
    assert len(step(w, x).devices()) == 3
    assert len(actual.devices()) == 1
    np.testing.assert_allclose(actual, step(w, x), rtol=1e-5)


def test_nothing_is_copied(doubled):
    """Peak memory is that of the arrays themselves, and results are where JAX reads them."""
    result = doubled(jnp.asarray(X))["y"]
    assert doubled.statistics.peak_bytes == 2 * X.nbytes
    again = doubled(result)["y"]
    assert result.unsafe_buffer_pointer() != again.unsafe_buffer_pointer()
    np.testing.assert_array_equal(again, 4 * X)


def test_results_outlive_the_step():
    step = approx_act.compile(double, F32, bits=None)
    results = [step(X)["y"] for _ in range(3)]
    del step
    np.testing.assert_array_equal(sum(results), 6 * X)


@pytest.mark.parametrize(
    "dtype",
    ["float16", "bfloat16", "int8", "uint8", "uint16", "int32", "uint32", "bool", "float8_e4m3fn"],
)
def test_element_types(dtype):
    x = jnp.asarray(np.arange(12).reshape(3, 4) % 2, jnp.dtype(dtype))
    step = approx_act.compile(lambda x: (x, x.T, jnp.where(x == x, x, x)), x, bits=None)
    for actual, expected in zip(step(x), (x, x.T, x), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


def test_unsigned_arithmetic():
    """Where the sign matters, it is that of the program, and of the results' types."""

    def step(x, y):
        return x // y, x > y, x.astype(jnp.float32), (x >> 1) + jnp.max(y), x.at[1].add(y[0])

    x, y = (np.array(a, np.uint8) for a in ([200, 7, 255], [3, 128, 254]))
    compiled = approx_act.compile(step, x, y, bits=None)
    for actual, expected in zip(compiled(x, y), jax.jit(step)(x, y), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("channels", [1, 3, 17])
def test_widths_that_no_vector_divides(channels):
    step, params, batch = small_models.conv_bn(channels, batch=3, size=5, layers=2)
    compiled = approx_act.compile(
        step, params, batch, min_fraction=0, checks=True, runtime_options=["poison"]
    )
    assert "code" in {row.stored for row in compiled.residuals}
    expected = approx_act.jit(step, min_fraction=0)(params, batch)
    assert distance(compiled(params, batch), expected) < 1e-3


def test_maxima_that_are_read_by_rows_of_a_block():
    x = jax.random.normal(jax.random.key(1), (2, 32, 4, 4))

    def step(x):
        def loss(x):
            k = x - jnp.square(x).sum(-1, keepdims=True) / 2
            most = jax.lax.stop_gradient(k.max((1, 3), keepdims=True))
            return jnp.square(jnp.exp(k - most)).mean()

        return jax.value_and_grad(loss)(x)

    compiled = approx_act.compile(step, x, bits=None)
    assert distance(compiled(x), jax.jit(step)(x)) < 1e-5


def test_positions_beyond_32_bits():
    """Only the pages that are read exist."""
    rows, columns = 2**16, 2**15 + 8
    x = np.zeros((rows, columns), np.int8)  # More than 2**31 elements.
    x[-1, -16:] = np.arange(16)
    x[-2, :4] = 7
    wide = np.zeros(2**30 + 16, np.float32)  # More than 2**32 bytes.
    wide[-3:] = 1, 2, 3

    def step(x, i, wide):
        return (
            x[rows - 2 :, columns - 17 :],
            x[rows - 2 :].T[:4],
            jax.lax.dynamic_slice(x, (i, i), (2, 3)),
            x[rows - 3 :].astype(jnp.float32).sum(),
            wide[2**30 :],
        )

    compiled = approx_act.compile(step, x, 5, wide, bits=None)
    corner, transposed, moved, total, end = compiled(x, rows, wide)
    np.testing.assert_array_equal(corner, x[rows - 2 :, columns - 17 :])
    np.testing.assert_array_equal(transposed, x[rows - 2 :].T[:4])
    np.testing.assert_array_equal(moved, x[rows - 2 :, columns - 3 :])  # Where it fits.
    assert total == 4 * 7 + 15 * 16 / 2
    np.testing.assert_array_equal(end, wide[2**30 :])


def test_numbers_empty_and_scalar():
    def step(x, y, i, scale):
        return x * scale, y.sum(), jnp.concatenate([x, y]), i + 1

    args = np.ones((0, 3), np.float32), np.ones((2, 3), np.float32), 3, 0.5
    compiled = approx_act.compile(step, *args, bits=None)
    for actual, expected in zip(compiled(*args), jax.jit(step)(*args), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)
    with pytest.raises(TypeError, match=r"argument 2 must be int32\[\]"):
        compiled(*args[:2], 3.5, 0.5)


def test_static_and_keyword_arguments_and_constants():
    weights = jnp.arange(5.0)

    def step(x, power, *, shift):
        return x**power * weights + shift["by"]

    compiled = approx_act.compile(step, F32, 2, shift={"by": 0.5}, static_argnums=1, bits=None)
    np.testing.assert_allclose(compiled(X, shift={"by": 1.0}), X**2 * weights + 1, rtol=1e-6)
    with pytest.raises(TypeError, match=r"argument shift\['by'\] must be float32\[\]"):
        compiled(X, shift={"by": X})


def test_what_is_captured_is_what_it_was():
    """NumPy's arrays can change after they are captured."""
    weights, key = np.arange(15, dtype=np.float32).reshape(3, 5), jax.random.key(3)

    def step(x):
        return x + weights + jax.random.normal(key, x.shape)

    expected = X + weights + jax.random.normal(key, X.shape)
    compiled = approx_act.compile(step, F32, bits=None)
    for _ in range(2):
        weights += 1
        np.testing.assert_allclose(compiled(X), expected, rtol=1e-5)


def test_static_arguments_of_what_is_jitted():
    """They are those of a function around it, as jax.jit has it."""

    @functools.partial(jax.jit, static_argnums=2)
    def step(x, kind, power):
        return x * (2 if kind is None else 3) ** power

    for fun in (step, approx_act.approximate(step, static_argnums=2)):
        compiled = approx_act.compile(fun, F32, None, 2, static_argnums=(1, 2), bits=None)
        np.testing.assert_array_equal(compiled(X), 4 * X)


class Three(enum.IntEnum):
    """A number as good as any other."""

    THREE = 3


class Half(float):
    """So is this."""


def test_numbers_of_other_types():
    compiled = approx_act.compile(lambda i, x: (i + 1, x * 2), 1, 0.5, bits=None)
    assert tuple(compiled(Three.THREE, Half(0.5))) == (4, 1)
    assert tuple(compiled(True, Three.THREE)) == (2, 6)


def test_types_of_64_bits_stay():
    """A step is what it was compiled as, whatever JAX would make of its results."""
    for checks in (False, True):
        with jax.enable_x64(True):
            compiled = approx_act.compile(
                double, jax.ShapeDtypeStruct((2,), jnp.float64), bits=None, checks=checks
            )
        result = compiled(np.array([1, 2**-40]))["y"]
        assert result.dtype == np.float64
        np.testing.assert_array_equal(np.asarray(result), [2, 2**-39])


def test_unused_argument():
    compiled = approx_act.compile(lambda x, y: x + 1, F32, F32, bits=None)
    np.testing.assert_array_equal(compiled(X, X), X + 1)


def test_threads(doubled):
    """Several threads can call; one at a time runs."""

    def work(i):
        return [doubled(X + i)["y"] for _ in range(50)]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for i, arrays in enumerate(pool.map(work, range(4))):
            for array in arrays:
                np.testing.assert_array_equal(array, 2 * (X + i))


# Errors.


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            (X.T,),
            r"argument 0 must be float32\[3,5\], as the step was compiled, not float32\[5,3\]",
        ),
        ((X.astype(np.int32),), r"must be float32\[3,5\], as the step was compiled, not int32"),
        ((X, X), "compiled for arguments of the structure"),
        (({"x": X},), "compiled for arguments of the structure"),
        (("x",), "argument 0 must be an array of numbers, not 'x'"),
        ((np.ma.masked_array(X, mask=X > 3),), "argument 0 has a mask"),
        ((object(),), "argument 0 must be an array of numbers"),
    ],
)
def test_wrong_arguments(doubled, args, message):
    with pytest.raises(TypeError, match=message):
        doubled(*args)
    np.testing.assert_array_equal(doubled(X)["y"], 2 * X)


def test_number_that_does_not_fit():
    compiled = approx_act.compile(lambda i: i + 1, 1, bits=None)
    with pytest.raises(TypeError, match=r"argument 0 must be int32\[\]: .* out of bounds"):
        compiled(2**40)


class Elsewhere:
    """An array that says that it is on another device."""

    def __init__(self, device):
        self.array = X.copy()
        self.device = device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **_):
        capsule = self.array.__dlpack__()
        tensor = _dlpack._Tensor.from_address(_dlpack._get_pointer(capsule, b"dltensor"))
        tensor.device_type, tensor.device_index = self.device
        return capsule


def test_array_of_another_device():
    argument = _arrays.Argument("argument 0", jax.core.ShapedArray(X.shape, X.dtype))
    assert argument.check(Elsewhere((_dlpack.CUDA, 0)), _dlpack.CUDA).shape == X.shape
    with pytest.raises(TypeError, match="argument 0 is on device 1, and the step runs on 0"):
        argument.check(Elsewhere((_dlpack.CUDA, 1)), _dlpack.CUDA)


def test_results_by_dlpack(doubled):
    program = doubled._program
    memory = program.allocate(X.nbytes)
    program.copy(memory.pointer, X.ctypes.data, X.nbytes)
    aval = jax.core.ShapedArray(X.shape, X.dtype)
    array = _arrays.DeviceArray(program, memory, 0, aval, on_host=True)
    shared = _dlpack.view(array)
    assert shared.pointer == memory.pointer
    copied = np.from_dlpack(array, copy=True)
    assert copied.ctypes.data != memory.pointer
    np.testing.assert_array_equal(copied, X)
    with pytest.raises(BufferError, match="given away there alone"):
        array.__dlpack__(dl_device=(_dlpack.CUDA, 0))
    assert memory.export(1) is None  # There is one result.


def test_wrong_leaf_is_named():
    step, params, batch = small_models.conv_bn()
    compiled = approx_act.compile(step, params, batch)
    params[1]["w"] = params[1]["w"][..., :1]
    with pytest.raises(TypeError, match=r"argument 0\[1\]\['w'\] must be float32\[3,3,8,8\]"):
        compiled(params, batch)


@pytest.mark.parametrize(
    ("fun", "op"),
    [
        (lambda x: jax.debug.print("{}", x), "custom call 'xla_"),
        (lambda x: (jax.debug.print("{}", x, ordered=True), x)[1], "custom call 'xla_"),
        (lambda x: jax.lax.approx_max_k(x, 2), "custom call 'ApproxTopK'"),
        (
            lambda x: jax.shard_map(jnp.sin, mesh=make_mesh(), in_specs=P("i"), out_specs=P("i"))(
                x
            ),
            "sdy.manual_computation",
        ),
    ],
)
def test_unsupported_op_names_the_line(fun, op):
    with pytest.raises(approx_act.ApproxActError, match=op) as info:
        approx_act.compile(fun, jnp.ones(3), bits=None)
    errors = [d for d in info.value.diagnostics if d.severity == "error"]
    assert len(errors) == 1
    assert "has no kernel" in errors[0].message
    assert os.path.basename(__file__) in {
        os.path.basename(d.file or "") for d in info.value.diagnostics
    }


def test_types_of_no_kernel():
    with pytest.raises(approx_act.ApproxActError, match="argument 0 of 'main' has elements of"):
        approx_act.compile(lambda x: x + x, jnp.ones(3, jnp.int4), bits=None)


def test_complex_numbers():
    x = np.array([1 + 2j, 3 - 1j], np.complex64)
    step = approx_act.compile(lambda x, y: (x * y, jnp.abs(x)), x, 1j, bits=None)
    product, size = step(x, 2 - 1j)
    assert product.dtype == jnp.complex64
    np.testing.assert_allclose(product, x * (2 - 1j))
    np.testing.assert_allclose(size, np.abs(x), rtol=1e-6)


def test_scan_of_complex_numbers():
    a = jnp.full((4, 8, 2), 0.9 + 0.1j, jnp.complex64)
    x = jax.random.normal(jax.random.key(0), a.shape)

    def step(x):
        def combine(left, right):
            return left[0] * right[0], right[0] * left[1] + right[1]

        def loss(x):
            _, h = jax.lax.associative_scan(combine, (a, x.astype(a.dtype)), axis=1)
            return jnp.square(h.real).mean()

        return jax.value_and_grad(loss)(x)

    compiled = approx_act.compile(step, x, bits=None)
    assert distance(compiled(x), jax.jit(step)(x)) < 1e-5


def test_arithmetic_of_no_kernel():
    with pytest.raises(
        approx_act.ApproxActError, match="cannot compute with elements of type 'f8E4M3FN'"
    ):
        approx_act.compile(lambda x: x + x, jnp.ones(3, jnp.float8_e4m3fn), bits=None)


def test_more_blocks_than_a_launch_has():
    with pytest.raises(approx_act.ApproxActError, match=r"needs \d+ blocks; a launch has at most"):
        x = jax.ShapeDtypeStruct((2**26, 2**24), jnp.float32)
        approx_act.compile(lambda x: x + x, x, bits=None)


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_keys(impl):
    def draw(keys, x):
        following, key = jax.random.split(keys[0])
        return following, jax.random.bits(key, x.shape) ^ x, keys

    keys, x = jax.random.split(jax.random.key(5, impl=impl), 3), jnp.arange(8, dtype=jnp.uint32)
    compiled = approx_act.compile(draw, keys, x, bits=None)
    actual, expected = compiled(keys, x), draw(keys, x)
    assert [a.dtype for a in actual] == [e.dtype for e in expected]
    for a, e in zip((actual[0], actual[2]), (expected[0], expected[2]), strict=True):
        assert np.array_equal(jax.random.key_data(a), jax.random.key_data(e))
    assert impl != "threefry2x32" or np.array_equal(actual[1], expected[1])
    with pytest.raises(TypeError, match=r"argument 0 must be key<.*>\[3\], as the step was"):
        compiled(keys[:2], x)
    with pytest.raises(TypeError, match=r"argument 0 must be key<.*>\[3\], not Array"):
        compiled(jax.random.key_data(keys), x)


def test_step_without_loss_is_compiled_exactly():
    with pytest.warns(approx_act.ApproxActWarning, match="left exact"):
        compiled = approx_act.compile(double, F32)
    np.testing.assert_array_equal(compiled(X)["y"], 2 * X)
    with pytest.raises(approx_act.ApproxActError, match="loss"):
        approx_act.compile(double, F32, strict=True)


def test_out_of_memory_is_an_exception_after_which_all_goes_on(doubled):
    big = approx_act.compile(
        lambda x: jnp.broadcast_to(x, (1 << 19, 1 << 20)) * 2, np.float32(1), bits=None
    )
    for _ in range(2):
        with pytest.raises(approx_act.ApproxActError, match="out of device memory"):
            big(1.0)
    np.testing.assert_array_equal(doubled(X)["y"], 2 * X)
    assert doubled.statistics.peak_bytes == 2 * X.nbytes


def test_checks():
    """Memory of the device traps, so that arrays are copied; the numbers are the same."""
    step = approx_act.compile(
        double, F32, bits=None, checks=True, runtime_options=["poison", "reverse-threads"]
    )
    for _ in range(2):
        np.testing.assert_array_equal(step(X)["y"], 2 * X)


@pytest.mark.parametrize("options", ["environment", ["poison,strict"], [" strict"]])
def test_strict_however_it_is_said(monkeypatch, options):
    if options == "environment":
        monkeypatch.setenv("APPROX_ACT_RUNTIME", "strict")
        options = []
    step = approx_act.compile(double, F32, bits=None, runtime_options=options)
    np.testing.assert_array_equal(step(X)["y"], 2 * X)
    step = approx_act.compile(lambda: jnp.arange(8) * 2, bits=None, runtime_options=options)
    np.testing.assert_array_equal(step(), 2 * np.arange(8))


def test_unknown_runtime_option():
    with pytest.raises(approx_act.ApproxActError, match="unknown option 'loud'"):
        approx_act.compile(double, F32, bits=None, runtime_options=["loud"])


@pytest.mark.parametrize("target", ["gpu", "sm_90 format=isa", ["sm_80", ""], []])
def test_no_target(target):
    with pytest.raises(ValueError, match="target must be 'cpu' or chips"):
        approx_act.compile(double, F32, bits=None, target=target)


@pytest.mark.parametrize("chip", ["sm_91", "sm_70"])
def test_no_such_chip(chip):
    with pytest.raises(approx_act.ApproxActError, match=f"chip '{chip}'"):
        approx_act.compile(double, F32, bits=None, target=chip)


@pytest.mark.skipif(approx_act.tool.find_toolkit() is None, reason="no CUDA toolkit")
def test_without_a_driver_compiles_and_reports():
    """What is wanted first by a call, is missed by a call."""
    step = approx_act.compile(double, F32, bits=None, target=["sm_80", "sm_90a"])
    assert sum(step.report.launches.values()) == 1
    if not os.path.exists("/dev/nvidiactl"):
        for _ in range(2):
            with pytest.raises(approx_act.ApproxActError, match="no CUDA driver"):
                step(X)


@pytest.mark.skipif(approx_act.tool.find_toolkit() is None, reason="no CUDA toolkit")
@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="a CUDA driver")
def test_products_alone_are_not_run_elsewhere():
    """A step without kernels of its own is for its chips, too."""
    x = np.ones((4, 4), np.float32)
    step = approx_act.compile(lambda a, b: a @ b, x, x, bits=None, target="sm_80")
    assert not step.report.launches
    with pytest.raises(approx_act.ApproxActError, match="no CUDA driver"):
        step(x, x)


def run_python(script, *flags):
    """Runs a script that has a step which takes a while."""
    prelude = (
        "import ctypes, os, threading, time\n"
        "import approx_act, jax, jax.numpy as jnp, numpy as np\n"
        "x = np.ones((1000, 512), np.float32)\n"
        "step = approx_act.compile(lambda x: jnp.sort(x @ x.T), x, bits=None)\n"
    )
    command = [sys.executable, *flags, "-c", prelude + script]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_fault_of_another_thread_is_its_own():
    done = run_python(
        "step(x)\nthreading.Timer(0.01, ctypes.string_at, [16]).start()\nwhile True: step(x)\n",
        "-Xfaulthandler",
    )
    assert done.returncode == -signal.SIGSEGV
    assert done.stderr.startswith("Fatal Python error: Segmentation fault")


def test_forked_process_cannot_run_steps():
    """Of the threads that do products, none is there."""
    done = run_python(
        "step(x)\n"
        "if os.fork() == 0:\n"
        "    try: step(x)\n"
        "    except approx_act.ApproxActError as error: print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(step(x).shape)\n"
    )
    assert "forked from one in which they ran" in done.stdout
    assert done.stdout.endswith("(1000, 1000)\n")


def test_programs_leave_nothing():
    """Neither those that have run nor those that have not."""

    def step(x):
        for i in range(20):
            x = jax.nn.softmax(jnp.sin(x) * (i + 1), axis=-1)
        return x

    x = np.ones((8, 65), np.float32)
    module = approx_act.compile(step, x, bits=None).module

    def load(*, runs):
        program = _library.Program(module)
        if runs:
            memories = [program.allocate(x.nbytes) for _ in range(2)]
            program.run([memory.pointer for memory in memories])

    def resident():
        pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    for runs, count in ((False, 40), (True, 8)):
        for _ in range(4):
            load(runs=runs)
        before = resident()
        for _ in range(count):
            load(runs=runs)
        assert resident() - before < count * 2**16


def test_python_ends_while_arrays_live():
    """The memory of results is freed, or not, without harm when Python ends."""
    script = (
        "import approx_act, jax.numpy as jnp\n"
        "step = approx_act.compile(lambda x: 2 * x, jnp.ones(3), bits=None)\n"
        "result = step(jnp.ones(3)); print(result)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2. 2. 2.]\n", "")


@pytest.mark.parametrize("bits", [None, 8, 4])
def test_scan_and_its_gradient(bits):
    def loss(w, x):
        return jnp.mean(jax.lax.scan(lambda h, u: (h + jnp.tanh(h @ u), None), x, w)[0] ** 2)

    random = np.random.default_rng(0)
    w = random.standard_normal((4, 32, 32), np.float32) / 6
    x = random.standard_normal((64, 32), np.float32)
    step = jax.value_and_grad(loss)
    checked = {"bits": bits, "checks": True}
    results = [
        approx_act.compile(step, w, x, runtime_options=options, **checked)(w, x)
        for options in (["poison"], ["poison", "reverse-threads"])
    ]
    exact = jax.jit(step)(w, x)
    expected = exact if bits is None else approx_act.jit(step, bits=bits)(w, x)
    np.testing.assert_allclose(results[0][0], expected[0], rtol=1e-5)
    scale = np.linalg.norm(expected[1])
    assert np.linalg.norm(results[0][1] - expected[1]) < 1e-5 * scale
    # Codes are in it: they show in the gradient.
    assert bits is None or np.linalg.norm(exact[1] - expected[1]) > 1e-4 * scale
    for forwards, backwards in zip(*results, strict=True):
        assert np.array_equal(forwards, backwards)


@pytest.mark.parametrize("bits", [None, 8, 4])
def test_loop_of_the_host_program(bits):
    def cell(h, x, u):
        return jnp.tanh(x + h @ u)

    def step(u, x):
        def loss(u):
            last, _ = jax.lax.scan(lambda h, r: (cell(h, r, u), None), jnp.zeros_like(x[0]), x)
            return jnp.mean(last**2)

        value, gradient = jax.value_and_grad(loss)(u)
        return value, u - gradient

    keys = jax.random.split(jax.random.key(1), 2)
    u, x = jax.random.normal(keys[0], (16, 16)) / 5, jax.random.normal(keys[1], (200, 8, 16))
    options = ["poison", "reverse-threads"]
    compiled = approx_act.compile(
        step, u, x, bits=bits, checks=True, timings=True, runtime_options=options
    )
    expected = (approx_act.jit(step, bits=bits) if bits else jax.jit(step))(u, x)
    assert distance(compiled(u, x), expected) < 1e-5
    # The report knows how often the loops are run.
    launched = {k.name: k.launches for k in compiled.statistics.kernels}
    assert compiled.report.launches.items() <= launched.items()
    assert max(compiled.report.launches.values()) == 200
    assert all(count % 200 == 0 for count in compiled.report.calls.values())
    # What the forward loop stores for the other takes its bits; all is in place.
    stack = x.nbytes * (bits or 32) // 32
    assert compiled.report.arena_bytes < 3.1 * stack


def experts(params, x, key):
    """Two experts for each row, rows in another order, and what is in the middle of them."""
    hidden = jax.nn.gelu(x @ params["in"])
    weights, chosen = jax.lax.top_k(jax.nn.softmax(hidden @ params["router"]), 2)
    found = jnp.einsum("bh,bkho->bko", hidden, params["experts"][chosen])
    y = jax.nn.relu((found * weights[..., None]).sum(1))
    y = jnp.tanh(y[jax.random.permutation(key, len(y))] - jnp.median(y, axis=0))
    return jnp.mean(y**2) + jnp.quantile(y, 0.9)


@pytest.mark.parametrize("bits", [None, 4])
def test_sorts(bits):
    shapes = {"in": (16, 32), "router": (32, 8), "experts": (8, 32, 16), "x": (64, 16)}
    generator = np.random.default_rng(0)
    arrays = {k: generator.standard_normal(v).astype(np.float32) / 4 for k, v in shapes.items()}
    x = arrays.pop("x")

    def step(params, x, key):
        return jax.value_and_grad(experts)(params, x, key)

    args = arrays, x, jax.random.key(1)
    compiled = approx_act.compile(step, *args, bits=bits, checks=True, runtime_options=["poison"])
    expected = (jax.jit(step) if bits is None else approx_act.jit(step, bits=bits))(*args)
    assert distance(compiled(*args), expected) < 1e-5


def test_the_cpu_needs_no_toolkit(monkeypatch):
    """Nor takes it what a toolkit of the environment has for GPUs."""
    monkeypatch.setenv("CUDA_HOME", "/nowhere")
    x = np.linspace(0.0, 9.0, 8, dtype=np.float32)
    compiled = approx_act.compile(jnp.sin, x, bits=None)
    np.testing.assert_allclose(compiled(x), np.sin(x), atol=1e-6)


def test_a_step_that_is_left_exact_compiles_as_the_exact_one():
    """The gradient of this pooling has a form for kernels where the winners are stored."""

    def loss(w, x):
        pooled = jax.lax.reduce_window(
            w * x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"
        )
        return jnp.sum(pooled)

    step = jax.value_and_grad(loss)
    w, x = np.float32(2), np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1)
    with pytest.warns(approx_act.ApproxActWarning, match="left exact"):
        compiled = approx_act.compile(step, w, x, bits=4, min_fraction=1.0)
    np.testing.assert_allclose(compiled(w, x), step(w, x), rtol=1e-6)
