# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Memory of steps whose layers are a scan."""

import jax
import jax.numpy as jnp
import pytest

import approx_act

BATCH, WIDTH = 256, 64


def layer(x, w):
    normal = x - x.mean(-1, keepdims=True)
    normal = normal * jax.lax.rsqrt((normal**2).mean(-1, keepdims=True) + 1e-5)
    return x + jax.nn.gelu(normal @ w), None


def scanned(weights, x):
    return jnp.mean(jax.lax.scan(layer, x, weights)[0] ** 2)


def unrolled(weights, x):
    for w in weights:
        x, _ = layer(x, w)
    return jnp.mean(x**2)


def temp_bytes(loss, layers, bits=None):
    step = jax.value_and_grad(loss)
    jitted = approx_act.jit(step, bits=bits) if bits else jax.jit(step)
    shapes = (
        jax.ShapeDtypeStruct((layers, WIDTH, WIDTH), jnp.float32),
        jax.ShapeDtypeStruct((BATCH, WIDTH), jnp.float32),
    )
    return jitted.lower(*shapes).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("bits", [8, 4])
def test_a_scan_over_layers_grows_by_what_is_stored(bits):
    added = (temp_bytes(scanned, 24, bits) - temp_bytes(scanned, 8, bits)) / 16
    # The normalised input and the argument of the GELU, and two statistics per row.
    stored = 2 * BATCH * WIDTH * bits / 8 + 2 * BATCH * 4
    assert added <= 1.1 * stored


def test_a_scan_needs_no_more_than_the_same_layers_unrolled():
    added = {loss: temp_bytes(loss, 24, 4) - temp_bytes(loss, 8, 4) for loss in (scanned, unrolled)}
    assert added[scanned] <= 1.1 * added[unrolled]


def test_a_scan_takes_a_fraction_of_the_exact_memory():
    assert temp_bytes(scanned, 24, 4) < temp_bytes(scanned, 24) / 8
