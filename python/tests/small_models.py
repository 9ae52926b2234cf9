# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small training steps in plain JAX.

Each maker returns ``step, params, batch``; a step returns ``loss, grads``.
"""

import jax
import jax.numpy as jnp
import numpy as np


def _normal(rng, *shape, scale=1.0):
    return jnp.asarray(scale * rng.standard_normal(shape), jnp.float32)


def mlp(activation, width=64, batch=32, layers=4):
    """A perceptron with squared loss."""
    rng = np.random.default_rng(0)
    params = [_normal(rng, width, width, scale=width**-0.5) for _ in range(layers)]
    data = _normal(rng, batch, width), _normal(rng, batch, width)

    def loss(params, batch):
        x, y = batch
        for w in params:
            x = activation(x @ w)
        return jnp.mean((x - y) ** 2)

    return jax.value_and_grad(loss), params, data


def conv_bn(channels=8, batch=8, size=16, layers=3):
    """Convolution, batch normalisation, ReLU, repeated; cross-entropy loss."""
    rng = np.random.default_rng(0)
    params = [
        {
            "w": _normal(rng, 3, 3, channels, channels, scale=(9 * channels) ** -0.5),
            "gamma": 1 + _normal(rng, channels, scale=0.3),
            "beta": _normal(rng, channels, scale=0.3),
        }
        for _ in range(layers)
    ]
    data = (
        _normal(rng, batch, size, size, channels),
        jnp.asarray(rng.integers(0, channels, batch), jnp.int32),
    )

    def loss(params, batch):
        x, labels = batch
        for p in params:
            x = jax.lax.conv_general_dilated(
                x, p["w"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            mean = x.mean((0, 1, 2))
            variance = ((x - mean) ** 2).mean((0, 1, 2))
            x = (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p["gamma"] + p["beta"]
            x = jax.nn.relu(x)
        logits = jax.nn.log_softmax(x.mean((1, 2)))
        return -jnp.take_along_axis(logits, labels[:, None], axis=1).mean()

    return jax.value_and_grad(loss), params, data
