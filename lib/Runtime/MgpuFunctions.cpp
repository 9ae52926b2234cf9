//===- MgpuFunctions.cpp - What lowered programs call ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The C functions that `gpu-to-llvm` and the translation of `gpu.launch_func`
/// call, with MLIR's signatures, handed to the device of the program.
///
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Profile.h"
#include "Session.h"
#include "Support.h"
#include "approx-act/Runtime/Mgpu.h"

using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// Runs `body` as a recorded call of the runtime.
template <typename Body>
static void recordCall(llvm::StringRef name, Body body) {
  uint64_t begin = now();
  body();
  Profile::get().addCall(name, begin, now());
}

void *mgpuModuleLoad(void *data, size_t size) {
  llvm::StringRef object(static_cast<const char *>(data), size);
  return getDeviceFor(object).loadModule(object, /*optLevel=*/-1);
}

void *mgpuModuleLoadJIT(void *data, int optLevel) {
  llvm::StringRef object(static_cast<const char *>(data));
  return getDeviceFor(object).loadModule(object, optLevel);
}

void mgpuModuleUnload(void *module) { getDevice().unloadModule(module); }

void *mgpuModuleGetFunction(void *module, const char *name) {
  return getDevice().getFunction(module, name);
}

void mgpuLaunchKernel(void *function, intptr_t gridX, intptr_t gridY,
                      intptr_t gridZ, intptr_t blockX, intptr_t blockY,
                      intptr_t blockZ, int32_t sharedBytes, void *stream,
                      void **params, void **extra, size_t numParams) {
  getDevice().launch({function,
                      {gridX, gridY, gridZ},
                      {blockX, blockY, blockZ},
                      sharedBytes,
                      stream,
                      params,
                      numParams});
}

void *mgpuStreamCreate() { return getDevice().createStream(); }

void mgpuStreamDestroy(void *stream) { getDevice().destroyStream(stream); }

void mgpuStreamSynchronize(void *stream) {
  getDevice().synchronizeStream(stream);
}

void mgpuStreamWaitEvent(void *stream, void *event) {
  getDevice().waitForEvent(stream, event);
}

void *mgpuEventCreate() { return getDevice().createEvent(); }

void mgpuEventDestroy(void *event) { getDevice().destroyEvent(event); }

void mgpuEventSynchronize(void *event) { getDevice().synchronizeEvent(event); }

void mgpuEventRecord(void *event, void *stream) {
  getDevice().recordEvent(event, stream);
}

void *mgpuMemAlloc(uint64_t sizeBytes, void *stream, bool isHostShared) {
  void *pointer = getDevice().allocate(sizeBytes, isHostShared);
  Profile::get().addAllocation(pointer, sizeBytes);
  noteAllocation(pointer);
  return pointer;
}

void mgpuMemFree(void *pointer, void *stream) {
  forgetAllocation(pointer);
  Profile::get().removeAllocation(pointer);
  getDevice().free(pointer, stream);
}

void mgpuMemcpy(void *to, void *from, size_t sizeBytes, void *stream) {
  recordCall("memcpy", [&] { getDevice().copy(to, from, sizeBytes, stream); });
}

void mgpuMemset32(void *to, uint32_t value, size_t count, void *stream) {
  recordCall("memset32", [&] { getDevice().fill32(to, value, count, stream); });
}

void mgpuMemset16(void *to, uint16_t value, size_t count, void *stream) {
  recordCall("memset16", [&] { getDevice().fill16(to, value, count, stream); });
}

void mgpuMemHostRegister(void *pointer, uint64_t sizeBytes) {
  getDevice().registerHost(pointer, sizeBytes);
}

void mgpuMemHostUnregister(void *pointer) {
  getDevice().unregisterHost(pointer);
}

void mgpuMemHostRegisterMemRef(int64_t rank, MgpuMemRefDescriptor *descriptor,
                               int64_t elementSizeBytes) {
  int64_t bytes = elementSizeBytes;
  for (int64_t dim = 0; dim < rank; ++dim)
    bytes *= descriptor->sizes[dim];
  mgpuMemHostRegister(
      descriptor->aligned + descriptor->offset * elementSizeBytes, bytes);
}

void mgpuMemHostUnregisterMemRef(int64_t rank, MgpuMemRefDescriptor *descriptor,
                                 int64_t elementSizeBytes) {
  mgpuMemHostUnregister(descriptor->aligned +
                        descriptor->offset * elementSizeBytes);
}

void mgpuSetDefaultDevice(int32_t device) {
  getDevice().setDefaultDevice(device);
}
