# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# REQUIRES: cuda-toolkit
# RUN: mkdir -p %t
# RUN: %clang -shared -fPIC %source_dir/test/Runtime/Inputs/cuda_driver.c -o %t/libcuda.so.1
# RUN: env LD_LIBRARY_PATH=%t %python %s | FileCheck %s
# RUN: env LD_LIBRARY_PATH=%t FAKE_CUDA=no-binary %python %s | FileCheck %s --check-prefix=BINARY
# RUN: env LD_LIBRARY_PATH=%t FAKE_CUDA=no-memory %python %s | FileCheck %s --check-prefix=MEMORY
# BINARY: the kernels cannot run on this device; compile them with chip=sm_87
# MEMORY: out of device memory: cannot allocate {{[0-9]+}} bytes
"""Arrays in and out of a step on a CUDA device, with a stand-in for the driver.

It runs no kernels, but moves memory, which is all that the step asks for beside the
kernel that makes the module one for CUDA.
"""

from __future__ import annotations

import concurrent.futures
import gc

import jax
import jax.numpy as jnp
import numpy as np

import approx_act
from approx_act import DeviceArray

SHAPE = (16, 40)


def step(x: jax.Array, scale: jax.Array) -> tuple[jax.Array, jax.Array]:
    return x, x * scale


def main() -> None:
    aval = jax.ShapeDtypeStruct(SHAPE, jnp.float32)
    compiled = approx_act.compile(step, aval, 2.0, bits=None, target=["sm_80", "sm_90"])
    host = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    try:
        same, _ = compiled(host, 2.0)
    except approx_act.ApproxActError as error:
        print(error)
        return

    # JAX cannot use the device: the result stays there, until it is asked for.
    assert isinstance(same, DeviceArray) and same.shape == SHAPE and same.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(same), host)
    # CHECK: host to device: 2564 bytes
    print("host to device:", compiled.statistics.peak_bytes - compiled.report.result_bytes, "bytes")

    # From device to device nothing is copied.
    again, _ = compiled(same, 2.0)
    np.testing.assert_array_equal(np.asarray(again), host)
    foreign = Foreign(same)
    np.testing.assert_array_equal(np.asarray(compiled(foreign, 2.0)[0]), host)
    # CHECK: asked to wait on stream 1
    print("asked to wait on stream", foreign.stream)

    # A DeviceArray can be shared, and outlives what it is shared from.
    shared = Foreign(again)
    capsule = again.__dlpack__()
    del again, capsule
    gc.collect()
    np.testing.assert_array_equal(np.asarray(compiled(shared, 2.0)[0]), host)

    # JAX's arrays come from the host, and calls from any thread.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for result, _ in pool.map(lambda i: compiled(jnp.asarray(host + i), 2.0), range(4)):
            assert isinstance(result, DeviceArray)
    # CHECK: done
    print("done")


class Foreign:
    """An array of another library on the device."""

    def __init__(self, array: DeviceArray):
        self.array = array
        self.stream = None

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __dlpack__(self, stream: int | None = None) -> object:
        self.stream = stream
        return self.array.__dlpack__(stream=stream)


if __name__ == "__main__":
    main()
