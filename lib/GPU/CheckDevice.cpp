//===- CheckDevice.cpp - What no device or toolkit has --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Target/LLVM/NVVM/Utils.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_CHECKDEVICE
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// The most blocks of a launch in x, and in y and z.
static constexpr int64_t kMaxBlocks[] = {INT32_MAX, 65535, 65535};
/// The most bytes of what a launch hands to a kernel.
static constexpr uint64_t kMaxParameterBytes = 4096;

static LogicalResult checkLaunch(gpu::LaunchFuncOp launch) {
  gpu::KernelDim3 grid = launch.getGridSizeOperandValues();
  const Value sizes[] = {grid.x, grid.y, grid.z};
  for (auto [size, limit] : llvm::zip_equal(sizes, kMaxBlocks)) {
    llvm::APInt value;
    if (matchPattern(size, m_ConstantInt(&value)) &&
        value.getSExtValue() > limit)
      return launch.emitError("kernel '")
             << launch.getKernelName().getValue() << "' needs "
             << value.getSExtValue() << " blocks; a launch has at most "
             << limit;
  }
  auto layout = DataLayout::closest(launch);
  uint64_t bytes = 0;
  for (Type type : launch.getKernelOperands().getTypes()) {
    bytes = llvm::alignTo(bytes, layout.getTypeABIAlignment(type));
    bytes += layout.getTypeSize(type).getFixedValue();
  }
  if (bytes > kMaxParameterBytes)
    return launch.emitError("kernel '")
           << launch.getKernelName().getValue() << "' takes " << bytes
           << " bytes of pointers and numbers; a launch hands over at most "
           << kMaxParameterBytes;
  return success();
}

/// Fails if a kernel computes with a type that NVVM has no form for, which
/// upstream's conversion leaves as a cast. One error for each kernel is enough.
static LogicalResult checkTypes(LLVM::LLVMFuncOp kernel) {
  WalkResult result = kernel.walk([](UnrealizedConversionCastOp cast) {
    auto isForeign = [](Type type) { return !LLVM::isCompatibleType(type); };
    SmallVector<Type> types = llvm::to_vector(cast.getOperandTypes());
    llvm::append_range(types, cast.getResultTypes());
    auto *it = llvm::find_if(types, isForeign);
    if (it == types.end())
      return WalkResult::advance();
    cast.emitError("kernels cannot compute with elements of type ")
        << getElementTypeOrSelf(*it);
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// Where upstream's serialization looks for libdevice.
static std::string getLibDevice(StringRef toolkit) {
  llvm::SmallString<128> path(toolkit.empty() ? NVVM::getCUDAToolkitPath()
                                              : toolkit);
  if (path.empty())
    return "";
  llvm::sys::path::append(path, "nvvm", "libdevice", "libdevice.10.bc");
  return path.str().str();
}

namespace {
struct CheckDevice : approx_act::impl::CheckDeviceBase<CheckDevice> {
  using CheckDeviceBase::CheckDeviceBase;

  void runOnOperation() override {
    bool isFine = true;
    getOperation().walk([&](gpu::LaunchFuncOp launch) {
      isFine &= succeeded(checkLaunch(launch));
    });
    getOperation().walk([&](LLVM::LLVMFuncOp kernel) {
      isFine &= succeeded(checkTypes(kernel));
    });
    if (!toolkit.empty() && !llvm::sys::fs::is_directory(toolkit)) {
      getOperation().emitError("the CUDA toolkit '")
          << toolkit << "' is not a directory";
      isFine = false;
    } else if (needsToolkit) {
      std::string libDevice = getLibDevice(toolkit);
      if (libDevice.empty() || !llvm::sys::fs::exists(libDevice))
        isFine &= succeeded(checkCalls(libDevice));
    }
    if (!isFine)
      signalPassFailure();
  }

private:
  /// Fails if kernels call functions of libdevice, which is missing.
  LogicalResult checkCalls(StringRef libDevice) {
    WalkResult result = getOperation().walk([&](LLVM::CallOp call) {
      StringRef callee = call.getCallee().value_or("");
      if (!callee.starts_with("__nv_"))
        return WalkResult::advance();
      InFlightDiagnostic error = call.emitError("needs '")
                                 << callee << "' of libdevice, ";
      if (libDevice.empty())
        error << "and there is no CUDA toolkit; name one with the option "
                 "toolkit or the variable CUDA_ROOT, or take format=llvm";
      else
        error << "and there is no file " << libDevice;
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }
};
} // namespace
