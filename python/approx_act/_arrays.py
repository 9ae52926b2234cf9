# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays on their way into a program with kernels, and out of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from approx_act import _dlpack, _library
from approx_act.tool import ApproxActError

# What kernels take for granted of their pointers.
_ALIGNMENT = 16


def _is_key(dtype: Any) -> bool:
    return jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)


def physical(aval: Any) -> Any:
    """Returns the shape and element type in memory: of keys, those of their data."""
    if not _is_key(aval.dtype):
        return aval
    return jax.eval_shape(jax.random.key_data, jax.ShapeDtypeStruct(aval.shape, aval.dtype))


def logical(array: Any, aval: Any) -> Any:
    """Returns the array of JAX's that has ``array`` in memory."""
    if not _is_key(aval.dtype) or not isinstance(array, jax.Array):
        return array
    impl = jax.random.key_impl(jax.numpy.empty((), aval.dtype))
    return jax.random.wrap_key_data(array, impl=impl)


@dataclasses.dataclass(frozen=True)
class Argument:
    """A leaf of a step's arguments.

    Attributes:
      name: how errors call it.
      aval: its shape and element type.

    Raises:
      ApproxActError: kernels know no such element type.
    """

    name: str
    aval: jax.core.ShapedArray

    def __post_init__(self) -> None:
        if not isinstance(self.aval.dtype, np.dtype) and not _is_key(self.aval.dtype):
            raise ApproxActError(
                f"{self.name} has elements of type {self.aval.dtype}, which kernels do not know"
            )

    def check(self, value: Any, device: int) -> np.ndarray | _dlpack.View:
        """Returns where an array is, if it is what the step was compiled for.

        Args:
          value: the array, or a number.
          device: DLPack's type of the device that it is for.

        Returns:
          An array of the host, or a view of a contiguous one on the device.

        Raises:
          TypeError: it is not an array, or of another shape or element type.
        """
        if _is_key(self.aval.dtype):
            if getattr(value, "dtype", None) != self.aval.dtype:
                raise TypeError(f"{self.name} must be {_describe(self.aval)}, not {value!r}")
            if value.shape == self.aval.shape:
                data = Argument(self.name, physical(self.aval))
                return data.check(jax.random.key_data(value), device)
            found = value
        else:
            found = self._find(value, device)
        if found.dtype != self.aval.dtype and isinstance(found, np.ndarray):
            # As jax.jit does with what NumPy makes wider than asked for.
            narrow = jax.dtypes.canonicalize_dtype(found.dtype)
            if narrow == self.aval.dtype:
                found = found.astype(narrow)
        if found.dtype != self.aval.dtype or found.shape != self.aval.shape:
            raise TypeError(
                f"{self.name} must be {_describe(self.aval)}, as the step was compiled, not "
                f"{_describe(found)}"
            )
        return found

    def _find(self, value: Any, device: int) -> np.ndarray | _dlpack.View:
        if isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic):
            try:
                return np.asarray(value, _scalar_type(value, self.aval.dtype))
            except OverflowError as error:
                raise TypeError(f"{self.name} must be {_describe(self.aval)}: {error}") from None
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"{self.name} has a mask, which kernels do not know; fill it")
        if isinstance(value, DeviceArray):
            view = value.view()
        elif not isinstance(value, (np.ndarray, np.generic)) and hasattr(value, "__dlpack__"):
            try:
                view = _dlpack.view(value)
            except (BufferError, RuntimeError, TypeError, ValueError):
                view = None  # Of many devices, or a type that DLPack does not know.
        else:
            view = None
        if view is not None and view.dtype is not None and view.device == device:
            if view.index != 0 and device != _dlpack.CPU:
                raise TypeError(f"{self.name} is on device {view.index}, and the step runs on 0")
            if view.contiguous:
                return view
            if device != _dlpack.CPU:
                raise TypeError(f"{self.name} must be contiguous on the device")
        try:
            array = np.asarray(value)
        except Exception as error:
            raise TypeError(f"{self.name} cannot be read as an array: {error}") from error
        if array.dtype.kind in "OUSmM":
            raise TypeError(f"{self.name} must be an array of numbers, not {value!r}")
        return array.astype(array.dtype.newbyteorder("="), copy=False)


def _describe(array: Any) -> str:
    return f"{array.dtype}[{','.join(map(str, array.shape))}]"


def _scalar_type(value: bool | int | float | complex, dtype: np.dtype) -> np.dtype | None:
    """The type of a number of Python, which takes that of the argument if it fits."""
    kinds = [jax.numpy.bool_, jax.numpy.integer, jax.numpy.floating, jax.numpy.complexfloating]
    rank = next(i for i, kind in enumerate(kinds) if jax.numpy.issubdtype(dtype, kind))
    # Of a subclass, such as an IntEnum, what it is.
    found = next(i for i, t in enumerate([bool, int, float, complex]) if isinstance(value, t))
    return dtype if found <= rank else None


@dataclasses.dataclass
class Placed:
    """An argument where kernels can read it.

    Attributes:
      pointer: its address on the device.
      bytes: its size.
      memory: the program's own memory that it is in, if it was copied.
      owner: what must live as long as it is used, if it was not.
    """

    pointer: int
    bytes: int
    memory: _library.Memory | None
    owner: Any

    def release(self) -> None:
        """Frees the copy; see :meth:`_library.Memory.release`."""
        if self.memory is not None:
            self.memory.release()


def place(value: Any, program: _library.Program, *, on_host: bool, strict: bool) -> Placed:
    """Returns an array on the device of a program, copied only if it must be.

    Args:
      value: an array of the host, or a view of one on the device.
      program: where it goes.
      on_host: whether the device is the CPU.
      strict: whether kernels may read the program's own memory alone.
    """
    if isinstance(value, _dlpack.View):
        pointer, size, is_here = value.pointer, value.bytes, True
    else:
        value = np.ascontiguousarray(value)
        pointer, size, is_here = value.ctypes.data, value.nbytes, on_host
    if is_here and pointer % _ALIGNMENT == 0 and not strict:
        return Placed(pointer, size, None, value)
    memory = program.allocate(size)
    program.copy(memory.pointer, pointer, size)
    return Placed(memory.pointer, size, memory, None)


class DeviceArray:
    """A result in the memory of a device, for libraries that speak DLPack.

    ``np.asarray`` copies it to the host; a step compiled for the device takes it as
    an argument where it is.

    Attributes:
      shape: its sizes.
      dtype: its element type.
    """

    def __init__(
        self,
        program: _library.Program,
        memory: _library.Memory,
        result: int,
        aval: jax.core.ShapedArray,
        on_host: bool,
    ):
        self.shape: tuple[int, ...] = aval.shape
        self.dtype: np.dtype = aval.dtype
        self._program = program
        self._memory = memory
        self._result = result
        self._device = _dlpack.CPU if on_host else _dlpack.CUDA
        self._bytes = program.results[result].bytes

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device, 0

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        if dl_device not in (None, self.__dlpack_device__()):
            raise BufferError("an array on a device is given away there alone")
        memory = self._memory
        if copy:
            memory = self._program.allocate(self._bytes)
            self._program.copy(memory.pointer, self._memory.pointer, self._bytes)
        # A run has ended when its results are there: no stream has to wait.
        tensor = memory.export(self._result)
        if tensor is None:
            raise BufferError(f"DLPack has no elements of type {self.dtype}")
        return _dlpack.capsule(tensor, self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("an array on a device is copied to the host")
        array = np.empty(self.shape, self.dtype)
        self._program.copy(array.ctypes.data, self._memory.pointer, self._bytes)
        return array if dtype is None else array.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype})"

    def view(self) -> _dlpack.View:
        """Returns where it is."""
        return _dlpack.View(
            self._memory.pointer, self.shape, self.dtype, self._device, 0, True, self._memory
        )

    def to_jax(self, *, copy: bool = False) -> jax.Array | DeviceArray:
        """Returns the array as JAX's, by default without a copy where DLPack has the type.

        On a CUDA device that JAX cannot use, returns the array itself, if not copied.
        """
        if not copy and self._device == _dlpack.CUDA and not _jax_has_cuda():
            return self
        # As from other compiled functions, the type is that of the result also where
        # JAX itself would make no such array.
        with jax.enable_x64(self.dtype.itemsize >= 8 or jax.config.jax_enable_x64):
            if not copy:
                try:
                    return jax.dlpack.from_dlpack(self)
                except BufferError:
                    pass
            return jax.numpy.asarray(np.asarray(self))


def _jax_has_cuda() -> bool:
    try:
        return bool(jax.devices("cuda"))
    except RuntimeError:
        return False
