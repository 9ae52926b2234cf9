//===- Mgpu.h - The functions that lowered programs call --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// MLIR's C interface to GPUs, with the signatures that `gpu-to-llvm` and the
/// translation of `gpu.launch_func` use. Handles are opaque, sizes are in bytes
/// and counts in elements. An error ends the program with a message,
/// or the `Session::run` in which it happens.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_RUNTIME_MGPU_H
#define APPROX_ACT_RUNTIME_MGPU_H

#include "approx-act/Runtime/Runtime.h"

extern "C" {

/// The descriptor of a memref as far as its first size; more sizes and the
/// strides follow.
struct MgpuMemRefDescriptor {
  char *base;
  char *aligned;
  int64_t offset;
  int64_t sizes[1];
};

/// Loads LLVM bitcode for NVPTX, which runs on the CPU, or a cubin, a fatbin or
/// PTX, which run on a CUDA device.
APPROX_ACT_RUNTIME_EXPORT void *mgpuModuleLoad(void *data, size_t size);
/// The same of PTX that ends with a null character.
APPROX_ACT_RUNTIME_EXPORT void *mgpuModuleLoadJIT(void *data, int optLevel);
APPROX_ACT_RUNTIME_EXPORT void mgpuModuleUnload(void *module);
APPROX_ACT_RUNTIME_EXPORT void *mgpuModuleGetFunction(void *module,
                                                      const char *name);
APPROX_ACT_RUNTIME_EXPORT void
mgpuLaunchKernel(void *function, intptr_t gridX, intptr_t gridY, intptr_t gridZ,
                 intptr_t blockX, intptr_t blockY, intptr_t blockZ,
                 int32_t sharedBytes, void *stream, void **params, void **extra,
                 size_t numParams);

APPROX_ACT_RUNTIME_EXPORT void *mgpuStreamCreate();
APPROX_ACT_RUNTIME_EXPORT void mgpuStreamDestroy(void *stream);
APPROX_ACT_RUNTIME_EXPORT void mgpuStreamSynchronize(void *stream);
APPROX_ACT_RUNTIME_EXPORT void mgpuStreamWaitEvent(void *stream, void *event);
APPROX_ACT_RUNTIME_EXPORT void *mgpuEventCreate();
APPROX_ACT_RUNTIME_EXPORT void mgpuEventDestroy(void *event);
APPROX_ACT_RUNTIME_EXPORT void mgpuEventSynchronize(void *event);
APPROX_ACT_RUNTIME_EXPORT void mgpuEventRecord(void *event, void *stream);

APPROX_ACT_RUNTIME_EXPORT void *mgpuMemAlloc(uint64_t bytes, void *stream,
                                             bool isHostShared);
APPROX_ACT_RUNTIME_EXPORT void mgpuMemFree(void *pointer, void *stream);
APPROX_ACT_RUNTIME_EXPORT void mgpuMemcpy(void *to, void *from, size_t bytes,
                                          void *stream);
APPROX_ACT_RUNTIME_EXPORT void mgpuMemset32(void *to, uint32_t value,
                                            size_t count, void *stream);
APPROX_ACT_RUNTIME_EXPORT void mgpuMemset16(void *to, uint16_t value,
                                            size_t count, void *stream);
APPROX_ACT_RUNTIME_EXPORT void mgpuMemHostRegister(void *pointer,
                                                   uint64_t bytes);
APPROX_ACT_RUNTIME_EXPORT void mgpuMemHostUnregister(void *pointer);
APPROX_ACT_RUNTIME_EXPORT void
mgpuMemHostRegisterMemRef(int64_t rank, MgpuMemRefDescriptor *descriptor,
                          int64_t elementBytes);
APPROX_ACT_RUNTIME_EXPORT void
mgpuMemHostUnregisterMemRef(int64_t rank, MgpuMemRefDescriptor *descriptor,
                            int64_t elementBytes);
APPROX_ACT_RUNTIME_EXPORT void mgpuSetDefaultDevice(int32_t device);

} // extern "C"

#endif // APPROX_ACT_RUNTIME_MGPU_H
