//===- Device.h - What runs kernels -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The interface behind the `mgpu*` functions, and the choice of the device.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_DEVICE_H
#define APPROX_ACT_LIB_RUNTIME_DEVICE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include <array>
#include <cstdint>
#include <memory>

namespace mlir::approx_act::runtime {

class ContractionLibrary;

/// Sizes in x, y and z.
using Dim3 = std::array<int64_t, 3>;

/// One launch of a kernel.
struct Launch {
  /// As `Device::getFunction` gave it.
  void *function;
  Dim3 grid;
  Dim3 block;
  /// Dynamic shared memory.
  int32_t sharedBytes;
  void *stream;
  /// A pointer to each argument.
  void **arguments;
  size_t numArguments;
};

/// A place for memory and kernels. Modules, functions, streams and events are
/// handles that only the device understands. An error ends the call; see
/// `fail`.
class Device {
public:
  virtual ~Device();

  /// Takes a module as `gpu-module-to-binary` wrote it. `optLevel` is that of
  /// the driver's compiler, for PTX.
  virtual void *loadModule(llvm::StringRef object, int optLevel) = 0;
  virtual void unloadModule(void *module) = 0;
  virtual void *getFunction(void *module, llvm::StringRef name) = 0;
  virtual void launch(const Launch &launch) = 0;

  virtual void *createStream() = 0;
  virtual void destroyStream(void *stream) = 0;
  virtual void synchronizeStream(void *stream) = 0;
  virtual void waitForEvent(void *stream, void *event) = 0;
  virtual void *createEvent() = 0;
  virtual void destroyEvent(void *event) = 0;
  virtual void synchronizeEvent(void *event) = 0;
  virtual void recordEvent(void *event, void *stream) = 0;

  /// Memory that kernels can use, and the host too when `isHostShared`. Also of
  /// size 0 the pointer is not null.
  virtual void *allocate(uint64_t bytes, bool isHostShared) = 0;
  virtual void free(void *pointer, void *stream) = 0;
  /// Copies between device and host in any direction.
  virtual void copy(void *to, const void *from, uint64_t bytes,
                    void *stream) = 0;
  virtual void fill32(void *to, uint32_t value, uint64_t count,
                      void *stream) = 0;
  virtual void fill16(void *to, uint16_t value, uint64_t count,
                      void *stream) = 0;
  /// Makes host memory usable by kernels.
  virtual void registerHost(void *pointer, uint64_t bytes) = 0;
  virtual void unregisterHost(void *pointer) = 0;
  virtual void setDefaultDevice(int32_t index) = 0;

  /// Runs work of the device's library for contractions on a stream.
  virtual void
  contract(void *stream,
           llvm::function_ref<void(ContractionLibrary &)> body) = 0;
  /// Makes the device that of the calling thread, which may have none or
  /// another.
  virtual void enter() {}
  /// Makes the device ready for more work after an error left a call of it
  /// halfway.
  virtual void recover() {}
  /// Whether the bytes are memory of the device, as far as it knows.
  virtual bool isAccessible(const void *pointer, uint64_t bytes) = 0;
};

/// The device that runs `object`, by its first bytes: LLVM bitcode runs on the
/// CPU, everything else is for CUDA. A program has one device; the first module
/// decides.
Device &getDeviceFor(llvm::StringRef object);

/// The device of the program. Without a module it is what the session says.
Device &getDevice();

/// The CPU, which compiles NVVM modules for itself.
std::unique_ptr<Device> createNVVMExecutor();

/// A CUDA device; fails when there is no driver. `reason` says why it is
/// wanted.
std::unique_ptr<Device> createCUDADevice(const llvm::Twine &reason);

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_DEVICE_H
