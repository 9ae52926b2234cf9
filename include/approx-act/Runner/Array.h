//===- Array.h - Arrays in files --------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Reads and writes the files of NumPy: one array (.npy), or several with names
/// (.npz, a zip archive of the former, without compression).
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_RUNNER_ARRAY_H
#define APPROX_ACT_RUNNER_ARRAY_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <string>
#include <vector>

namespace mlir::approx_act {

/// An array in row-major order and little-endian bytes.
struct Array {
  /// NumPy's name of the element type, like `<f4` or `|u1`.
  std::string elementType;
  SmallVector<int64_t> shape;
  std::vector<char> data;
};

/// Like `<f4[2, 3]`.
std::string describeArray(StringRef elementType, ArrayRef<int64_t> shape);

/// Reads the text of a .npy file. Big-endian arrays, arrays in Fortran's order
/// of more than one dimension and arrays of objects are errors.
llvm::Expected<Array> readNpy(StringRef text);
void writeNpy(raw_ostream &os, const Array &array);

/// An array and its name in an archive.
using NamedArray = std::pair<std::string, Array>;

/// Reads the text of a .npz file. Compressed archives are an error.
llvm::Expected<std::vector<NamedArray>> readNpz(StringRef text);
/// Writes an archive; an error when it is larger than 4 GB or has more than
/// 65535 arrays.
llvm::Error writeNpz(raw_ostream &os, ArrayRef<NamedArray> arrays);

} // namespace mlir::approx_act

#endif // APPROX_ACT_RUNNER_ARRAY_H
