# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays of other libraries, by DLPack and without copies."""

from __future__ import annotations

import ctypes
import dataclasses
import math
from typing import Any

import ml_dtypes
import numpy as np

CPU, CUDA = 1, 2

# Kinds of NumPy, by DLPack's codes of types.
_KINDS = {0: "i", 1: "u", 2: "f", 5: "c"}
_BFLOAT, _BOOL = 4, 6


class _Tensor(ctypes.Structure):
    """The start of a ``DLManagedTensor``."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_index", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_NAME = b"dltensor"


def _python(name: str, result: Any, *arguments: Any) -> Any:
    """A function of Python's, whose types, unlike those of `pythonapi`, no other module sets."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_get_pointer = _python("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_new = _python("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
# For a capsule that is being deleted, of which there is no Python object any more.
_is_valid = _python("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_get_pointer_at = _python("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)


@dataclasses.dataclass(frozen=True)
class View:
    """Where an array of another library is.

    Attributes:
      pointer: address of the first element.
      shape: its sizes.
      dtype: its element type, or ``None`` for one that is not known here.
      device: DLPack's type of the device.
      index: its number among those of the type.
      contiguous: whether elements lie in row-major order without gaps.
      owner: what must live as long as the address is used.
    """

    pointer: int
    shape: tuple[int, ...]
    dtype: np.dtype | None
    device: int
    index: int
    contiguous: bool
    owner: Any

    @property
    def bytes(self) -> int:
        """Its size, without gaps."""
        return math.prod(self.shape) * self.dtype.itemsize


def view(array: Any) -> View:
    """Returns where an array with ``__dlpack__`` is.

    What the other library does with the array on the default stream of a CUDA
    device is ordered before what that stream does next.

    Raises:
      BufferError, TypeError, ...: whatever the other library raises where it cannot
        give the array away.
    """
    device, _ = array.__dlpack_device__()
    # 1 is the default stream, to whoever uses it without asking for another.
    capsule = array.__dlpack__(stream=1) if device == CUDA else array.__dlpack__()
    tensor = _Tensor.from_address(_get_pointer(capsule, _NAME))
    shape = tuple(tensor.shape[: tensor.rank])
    strides = tensor.strides[: tensor.rank] if tensor.strides else None
    # The capsule, which is not consumed, keeps the array.
    return View(
        (tensor.data or 0) + tensor.byte_offset,
        shape,
        _dtype(tensor),
        tensor.device_type,
        tensor.device_index,
        strides is None or _is_contiguous(shape, strides),
        capsule,
    )


def _dtype(tensor: _Tensor) -> np.dtype | None:
    if tensor.lanes != 1:
        return None
    if (tensor.code, tensor.bits) == (_BOOL, 8):
        return np.dtype(bool)
    if (tensor.code, tensor.bits) == (_BFLOAT, 16):
        return np.dtype(ml_dtypes.bfloat16)
    if tensor.code not in _KINDS or tensor.bits % 8 != 0:
        return None
    try:
        return np.dtype(f"{_KINDS[tensor.code]}{tensor.bits // 8}")
    except TypeError:
        return None


def _is_contiguous(shape: tuple[int, ...], strides: list[int]) -> bool:
    if math.prod(shape) == 0:
        return True
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


@ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
def _discard(capsule: int) -> None:
    """Deletes the tensor of a capsule that nobody took it from."""
    if not _is_valid(capsule, _NAME):
        return
    address = _get_pointer_at(capsule, _NAME)
    # After the tensor come a context and the deleter.
    deleter = ctypes.c_void_p.from_address(
        address + ctypes.sizeof(_Tensor) + ctypes.sizeof(ctypes.c_void_p)
    )
    if deleter.value:
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(deleter.value)(address)


def capsule(tensor: int, dtype: np.dtype) -> Any:
    """Returns a capsule with a ``DLManagedTensor``.

    Args:
      tensor: its address.
      dtype: its element type, which says more than what compiled programs know:
        their integers have no sign.
    """
    if dtype.kind == "u":
        _Tensor.from_address(tensor).code = 1
    return _new(tensor, _NAME, ctypes.cast(_discard, ctypes.c_void_p))
