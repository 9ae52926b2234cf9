# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes files that NumPy would not write: `damaged.py PREFIX`."""

import io
import struct
import sys
import zipfile

import numpy as np

prefix = sys.argv[1]


def write(name: str, data: bytes) -> None:
    """Writes a file with the prefix."""
    with open(f"{prefix}.{name}", "wb") as file:
        file.write(data)


def npy(header: str) -> bytes:
    """An array of six numbers, with such a header."""
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + bytes(24)


write("open.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3"))
write("one.npy", npy("{'descr': '<f4', 'fortran_order': 1, 'shape': (2, 3)}\n"))

array = np.arange(6, dtype=np.float32).reshape(2, 3)
archive = io.BytesIO()
np.savez(archive, array)
damaged = bytearray(archive.getvalue())
damaged[damaged.find(np.float32(5).tobytes()) + 3] ^= 0x80
write("bit.npz", damaged)

entry = io.BytesIO()
np.save(entry, array)
for name, entries in {"folder.npz": ["sub/", "arr_0.npy"], "twice.npz": ["arr_0.npy"] * 2}.items():
    with zipfile.ZipFile(f"{prefix}.{name}", "w") as file:
        for key in entries:
            file.writestr(key, b"" if key.endswith("/") else entry.getvalue())
