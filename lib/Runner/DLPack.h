//===- DLPack.h - Arrays for other libraries --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The structures of DLPack's interface, as far as they are needed to give an
/// array away, in the layout that its specification fixes.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNNER_DLPACK_H
#define APPROX_ACT_LIB_RUNNER_DLPACK_H

#include "approx-act/Runner/Signature.h"
#include <memory>

namespace mlir::approx_act::dlpack {

struct Device {
  /// 1 is the CPU, 2 CUDA.
  int32_t type;
  int32_t index;
};

struct DataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

struct Tensor {
  void *data;
  Device device;
  int32_t rank;
  DataType type;
  int64_t *shape;
  int64_t *strides;
  uint64_t byteOffset;
};

struct ManagedTensor {
  Tensor tensor;
  void *context;
  void (*deleter)(ManagedTensor *self);
};

/// Makes a tensor of `data`, which is laid out like `parameter` and lives as
/// long as `owner` is held. Gives null if DLPack has no such element type.
ManagedTensor *makeTensor(const Parameter &parameter, void *data, bool isCPU,
                          std::shared_ptr<void> owner);

} // namespace mlir::approx_act::dlpack

#endif // APPROX_ACT_LIB_RUNNER_DLPACK_H
