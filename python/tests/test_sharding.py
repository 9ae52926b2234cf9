# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Approximated steps run over several devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import approx_act


def loss(w, x):
    return jnp.mean(jnp.tanh(x @ w) ** 2)


def step(w, x):
    value, grad = jax.value_and_grad(loss)(w, x)
    return value, w - 0.1 * grad


W = jnp.asarray(np.random.default_rng(0).standard_normal((8, 8)), jnp.float32)
X = jnp.asarray(np.random.default_rng(1).standard_normal((16, 8)), jnp.float32)


def make_mesh(kind=AxisType.Auto):
    return jax.make_mesh((4, 2), ("data", "model"), axis_types=(kind, kind))


def assert_close(actual, expected):
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5), actual, expected)


def tolerance(kind):
    return {"rtol": 1e-5} if kind == "fake" else {"rtol": 0, "atol": 2e-3}


def jit_of_approximate(fun, **options):
    return jax.jit(approx_act.approximate(fun, **options))


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
@pytest.mark.parametrize("make", [approx_act.jit, jit_of_approximate])
def test_sharded_arguments(any_compiler, kind, make):
    mesh = make_mesh(kind)
    w = jax.device_put(W, NamedSharding(mesh, P(None, "model")))
    x = jax.device_put(X, NamedSharding(mesh, P("data", None)))
    value, new = make(step, bits=8)(w, x)
    expected_value, expected = jax.jit(step)(w, x)
    np.testing.assert_allclose(value, expected_value, rtol=1e-6)
    np.testing.assert_allclose(new, expected, **tolerance(any_compiler))
    assert new.sharding.is_equivalent_to(expected.sharding, 2)


def test_out_shardings(any_compiler):
    mesh = make_mesh()
    out = NamedSharding(mesh, P()), NamedSharding(mesh, P("data"))
    _, new = approx_act.jit(step, bits=8, out_shardings=out)(W, X)
    assert new.sharding.is_equivalent_to(out[1], 2)


def test_constraints_inside(any_compiler):
    mesh = make_mesh()

    def constrained(w, x):
        x = jax.lax.with_sharding_constraint(x, NamedSharding(mesh, P("data")))
        value, new = step(w, x)
        return value, jax.lax.with_sharding_constraint(new, NamedSharding(mesh, P("model")))

    value, new = approx_act.jit(constrained, bits=8)(W, X)
    np.testing.assert_allclose(value, step(W, X)[0], rtol=1e-6)
    assert new.sharding.is_equivalent_to(NamedSharding(mesh, P("model")), 2)


def test_ambient_mesh(fake):
    with jax.set_mesh(make_mesh()):

        def constrained(w, x):
            return step(w, jax.lax.with_sharding_constraint(x, P("data")))

        assert_close(approx_act.jit(constrained)(W, X), step(W, X))


def data_parallel_step(w, x):
    value, grad = jax.value_and_grad(loss)(jax.lax.pcast(w, "data", to="varying"), x)
    return jax.lax.pmean(value, "data"), w - 0.1 * jax.lax.pmean(grad, "data")


def shard(fun):
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
    return jax.shard_map(fun, mesh=mesh, in_specs=(P(), P("data")), out_specs=(P(), P()))


def test_inside_shard_map(any_compiler):
    sharded = shard(approx_act.approximate(data_parallel_step, bits=8))
    value, new = jax.jit(sharded)(W, X)
    expected_value, expected = step(W, X)
    np.testing.assert_allclose(value, expected_value, rtol=1e-6)
    np.testing.assert_allclose(new, expected, **tolerance(any_compiler))


def test_around_shard_map(fake):
    assert_close(approx_act.jit(shard(data_parallel_step))(W, X), step(W, X))


def test_vmap_with_collectives(any_compiler):
    def averaged(w, x):
        value, grad = jax.value_and_grad(loss)(w, x)
        return jax.lax.pmean(value, "data"), w - 0.1 * jax.lax.pmean(grad, "data")

    xs = jnp.stack([X, X + 1])
    value, new = jax.vmap(approx_act.jit(averaged, bits=8), in_axes=(None, 0), axis_name="data")(
        W, xs
    )
    expected_value, expected = jax.vmap(averaged, in_axes=(None, 0), axis_name="data")(W, xs)
    np.testing.assert_allclose(value, expected_value, rtol=1e-6)
    np.testing.assert_allclose(new, expected, **tolerance(any_compiler))


def test_exported_sharded_function(fake):
    """Its mesh is a symbol that has to survive two merges of modules."""
    mesh = make_mesh()
    w = jax.device_put(W, NamedSharding(mesh, P(None, "model")))
    x = jax.device_put(X, NamedSharding(mesh, P("data", None)))
    exported = jax.export.export(jax.jit(step))(w, x)
    value, new = approx_act.jit(exported.call)(w, x)
    assert_close((value, new), step(W, X))
    assert new.sharding.is_equivalent_to(w.sharding, 2)


@pytest.mark.parametrize("bits", [8, 4])
def test_no_added_collectives(bits):
    """Codes are of blocks within a device, and all gradients are exchanged at once."""

    def normalised(params, x):
        for w, b in params:
            x = jnp.einsum("nhwc,cd->nhwd", x, w)
            centred = x - x.mean((0, 1, 2))
            x = jax.nn.relu(centred * jax.lax.rsqrt(jnp.mean(centred**2, (0, 1, 2)) + 1e-5) + b)
        return jnp.mean(x**2)

    params = [(jnp.eye(16) + 0.1 * i, jnp.full(16, 0.1)) for i in range(3)]
    x = jax.random.normal(jax.random.key(0), (16, 16, 16, 16))
    x = jax.device_put(x, NamedSharding(make_mesh(), P("data")))

    def count(fun):
        return fun.lower(params, x).compile().as_text().count(" all-reduce(")

    fun = jax.value_and_grad(normalised)
    assert count(approx_act.jit(fun, bits=bits, strict=True)) <= count(jax.jit(fun))
