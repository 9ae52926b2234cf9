/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * A stand-in for the CUDA driver, for what the runtime does around kernels:
 * memory of the host is the device's, launches do nothing. FAKE_CUDA in the
 * environment says what goes wrong: no-device, no-binary, no-memory. A call from
 * a thread without a context is an error, as with the driver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *Handle;
typedef unsigned long long Pointer;

enum { OutOfMemory = 2, InvalidContext = 201, NoBinary = 209 };

static __thread int hasContext;
static char anything;

static int wants(const char *fault) {
  const char *text = getenv("FAKE_CUDA");
  return text && !strcmp(text, fault);
}

#define IN_CONTEXT                                                             \
  if (!hasContext)                                                             \
    return InvalidContext

int cuInit(unsigned flags) { return 0; }
int cuGetErrorString(int result, const char **text) {
  *text = result == NoBinary         ? "no image"
          : result == InvalidContext ? "invalid context"
                                     : "other error";
  return 0;
}
int cuDeviceGet(int *device, int index) { return *device = index, 0; }
int cuDeviceGetCount(int *count) { return *count = !wants("no-device"), 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  return *value = attribute == 75 ? 8 : attribute == 76 ? 7 : 0, 0;
}
int cuDevicePrimaryCtxRetain(Handle *context, int device) {
  return *context = &anything, 0;
}
int cuCtxSetCurrent(Handle context) { return hasContext = context != 0, 0; }
int cuModuleLoadData(Handle *module, const void *image) {
  IN_CONTEXT;
  return *module = &anything, wants("no-binary") ? NoBinary : 0;
}
int cuModuleLoadDataEx(Handle *module, const void *image, unsigned count,
                       int *options, void **values) {
  return cuModuleLoadData(module, image);
}
int cuModuleUnload(Handle module) { return 0; }
int cuModuleGetFunction(Handle *function, Handle module, const char *name) {
  IN_CONTEXT;
  return *function = &anything, 0;
}
int cuFuncSetAttribute(Handle function, int attribute, int value) { return 0; }
int cuLaunchKernel(Handle function, unsigned gridX, unsigned gridY,
                   unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned sharedBytes, Handle stream,
                   void **arguments, void **extra) {
  IN_CONTEXT;
  return 0;
}
int cuStreamCreate(Handle *stream, unsigned flags) {
  IN_CONTEXT;
  return *stream = &anything, 0;
}
int cuStreamDestroy_v2(Handle stream) { return 0; }
int cuStreamSynchronize(Handle stream) {
  IN_CONTEXT;
  return 0;
}
int cuStreamWaitEvent(Handle stream, Handle event, unsigned flags) { return 0; }
int cuEventCreate(Handle *event, unsigned flags) {
  return *event = &anything, 0;
}
int cuEventDestroy_v2(Handle event) { return 0; }
int cuEventSynchronize(Handle event) { return 0; }
int cuEventRecord(Handle event, Handle stream) { return 0; }
int cuMemAlloc_v2(Pointer *pointer, size_t bytes) {
  IN_CONTEXT;
  if (wants("no-memory") && bytes > 1024)
    return OutOfMemory;
  *pointer = (Pointer)aligned_alloc(256, (bytes + 255) / 256 * 256);
  return 0;
}
int cuMemAllocManaged(Pointer *pointer, size_t bytes, unsigned flags) {
  return cuMemAlloc_v2(pointer, bytes);
}
int cuMemFree_v2(Pointer pointer) {
  IN_CONTEXT;
  return free((void *)pointer), 0;
}
int cuMemcpyAsync(Pointer to, Pointer from, size_t bytes, Handle stream) {
  IN_CONTEXT;
  return memcpy((void *)to, (void *)from, bytes), 0;
}
int cuMemsetD32Async(Pointer to, unsigned value, size_t count, Handle stream) {
  for (size_t i = 0; i < count; ++i)
    ((unsigned *)to)[i] = value;
  return 0;
}
int cuMemsetD16Async(Pointer to, unsigned short value, size_t count,
                     Handle stream) {
  for (size_t i = 0; i < count; ++i)
    ((unsigned short *)to)[i] = value;
  return 0;
}
int cuMemHostRegister_v2(void *pointer, size_t bytes, unsigned flags) {
  return 0;
}
int cuMemHostUnregister(void *pointer) { return 0; }
