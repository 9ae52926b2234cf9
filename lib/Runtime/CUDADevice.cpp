//===- CUDADevice.cpp - Runs modules on a CUDA device ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The driver is loaded when there is something for it to run, so that programs
/// start where there is none, and nothing of CUDA is needed to build this.
///
//===----------------------------------------------------------------------===//

#include "Contractions/ContractionLibrary.h"
#include "Device.h"
#include "Profile.h"
#include "SharedLibrary.h"
#include "Support.h"
#include "llvm/ADT/DenseMap.h"
#include <cstring>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

namespace {
/// The part of the driver's interface that we use. Its types are handles, and
/// numbers of the sizes given here.
using Result = int;
using DeviceIndex = int;
using DevicePointer = unsigned long long;
using Handle = void *;

/// Functions of the driver, under the names that its header's macros give them.
struct Driver {
  Result (*cuInit)(unsigned);
  Result (*cuGetErrorString)(Result, const char **);
  Result (*cuDeviceGet)(DeviceIndex *, int);
  Result (*cuDeviceGetAttribute)(int *, int, DeviceIndex);
  Result (*cuDeviceGetCount)(int *);
  Result (*cuDevicePrimaryCtxRetain)(Handle *, DeviceIndex);
  Result (*cuCtxSetCurrent)(Handle);
  Result (*cuModuleLoadData)(Handle *, const void *);
  Result (*cuModuleLoadDataEx)(Handle *, const void *, unsigned, int *,
                               void **);
  Result (*cuModuleUnload)(Handle);
  Result (*cuModuleGetFunction)(Handle *, Handle, const char *);
  Result (*cuFuncSetAttribute)(Handle, int, int);
  Result (*cuLaunchKernel)(Handle, unsigned, unsigned, unsigned, unsigned,
                           unsigned, unsigned, unsigned, Handle, void **,
                           void **);
  Result (*cuStreamCreate)(Handle *, unsigned);
  Result (*cuStreamDestroy)(Handle);
  Result (*cuStreamSynchronize)(Handle);
  Result (*cuStreamWaitEvent)(Handle, Handle, unsigned);
  Result (*cuEventCreate)(Handle *, unsigned);
  Result (*cuEventDestroy)(Handle);
  Result (*cuEventSynchronize)(Handle);
  Result (*cuEventRecord)(Handle, Handle);
  Result (*cuMemAlloc)(DevicePointer *, size_t);
  Result (*cuMemAllocManaged)(DevicePointer *, size_t, unsigned);
  Result (*cuMemFree)(DevicePointer);
  Result (*cuMemcpyAsync)(DevicePointer, DevicePointer, size_t, Handle);
  Result (*cuMemsetD32Async)(DevicePointer, unsigned, size_t, Handle);
  Result (*cuMemsetD16Async)(DevicePointer, unsigned short, size_t, Handle);
  Result (*cuMemHostRegister)(void *, size_t, unsigned);
  Result (*cuMemHostUnregister)(void *);
};

// Values of the driver's enumerations.
constexpr unsigned streamNonBlocking = 1;
constexpr unsigned eventDisableTiming = 2;
constexpr unsigned attachGlobal = 1;
constexpr int jitOptimizationLevel = 7;
constexpr int computeCapabilityMajor = 75;
constexpr int computeCapabilityMinor = 76;
constexpr Result errorOutOfMemory = 2;
/// There is no image for the device, or the driver cannot compile the PTX.
constexpr Result errorNoBinaryForGPU = 209;
constexpr Result errorInvalidPTX = 218;
constexpr Result errorUnsupportedPTXVersion = 222;
constexpr int maxDynamicSharedBytes = 8;
/// Dynamic shared memory that a kernel gets without asking for more.
constexpr int32_t defaultSharedBytes = 48 * 1024;

class CUDADevice : public Device {
public:
  explicit CUDADevice(const Twine &reason);

  void *loadModule(StringRef object, int optLevel) override;
  void unloadModule(void *module) override;
  void *getFunction(void *module, StringRef name) override;
  void launch(const Launch &launch) override;

  void *createStream() override;
  void destroyStream(void *stream) override;
  void synchronizeStream(void *stream) override;
  void waitForEvent(void *stream, void *event) override;
  void *createEvent() override;
  void destroyEvent(void *event) override;
  void synchronizeEvent(void *event) override;
  void recordEvent(void *event, void *stream) override;

  void *allocate(uint64_t bytes, bool isHostShared) override;
  void free(void *pointer, void *stream) override;
  void copy(void *to, const void *from, uint64_t bytes, void *stream) override;
  void fill32(void *to, uint32_t value, uint64_t count, void *stream) override;
  void fill16(void *to, uint16_t value, uint64_t count, void *stream) override;
  void registerHost(void *pointer, uint64_t bytes) override;
  void unregisterHost(void *pointer) override;
  void setDefaultDevice(int32_t index) override;
  void enter() override;
  void contract(void *stream,
                function_ref<void(ContractionLibrary &)> body) override;
  bool isAccessible(const void *pointer, uint64_t bytes) override {
    return true;
  }

private:
  void check(Result result, StringRef call) const;
  void checkModule(Result result, StringRef call) const;

  Driver driver;
  DeviceIndex device = 0;
  Handle context = nullptr;
  /// Made for the first contraction on each stream.
  DenseMap<void *, std::unique_ptr<ContractionLibrary>> contractions;
  /// Names of kernels, for the records.
  DenseMap<void *, std::string> names;
};
} // namespace

/// Calls a function of the driver, and fails when it does.
#define CHECKED(NAME, ...) check(driver.NAME(__VA_ARGS__), #NAME)

static DevicePointer asDevicePointer(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

CUDADevice::CUDADevice(const Twine &reason) {
  SharedLibrary library({"libcuda.so.1"});
  if (!library)
    fail(reason + ", and there is no CUDA driver: " + library.getLoadError() +
         "; with format=llvm it runs on the CPU");
#define LOAD(NAME) library.find(driver.NAME, #NAME)
#define LOAD_V2(NAME) library.find(driver.NAME, #NAME "_v2")
  LOAD(cuInit);
  LOAD(cuGetErrorString);
  LOAD(cuDeviceGet);
  LOAD(cuDeviceGetAttribute);
  LOAD(cuDeviceGetCount);
  LOAD(cuDevicePrimaryCtxRetain);
  LOAD(cuCtxSetCurrent);
  LOAD(cuModuleLoadData);
  LOAD(cuModuleLoadDataEx);
  LOAD(cuModuleUnload);
  LOAD(cuModuleGetFunction);
  LOAD(cuFuncSetAttribute);
  LOAD(cuLaunchKernel);
  LOAD(cuStreamCreate);
  LOAD_V2(cuStreamDestroy);
  LOAD(cuStreamSynchronize);
  LOAD(cuStreamWaitEvent);
  LOAD(cuEventCreate);
  LOAD_V2(cuEventDestroy);
  LOAD(cuEventSynchronize);
  LOAD(cuEventRecord);
  LOAD_V2(cuMemAlloc);
  LOAD(cuMemAllocManaged);
  LOAD_V2(cuMemFree);
  LOAD(cuMemcpyAsync);
  LOAD(cuMemsetD32Async);
  LOAD(cuMemsetD16Async);
  LOAD_V2(cuMemHostRegister);
  LOAD(cuMemHostUnregister);
#undef LOAD
#undef LOAD_V2
  CHECKED(cuInit, 0);
  int count = 0;
  CHECKED(cuDeviceGetCount, &count);
  if (count == 0)
    fail(reason + ", and the CUDA driver finds no device");
  setDefaultDevice(0);
}

void CUDADevice::check(Result result, StringRef call) const {
  if (result == 0)
    return;
  const char *text = nullptr;
  driver.cuGetErrorString(result, &text);
  fail(call + ": " + (text ? text : "unknown error") + " (" + Twine(result) +
       ")");
}

/// Says which chip was wanted where the kernels are for others.
void CUDADevice::checkModule(Result result, StringRef call) const {
  if (result != errorNoBinaryForGPU && result != errorInvalidPTX &&
      result != errorUnsupportedPTXVersion)
    return check(result, call);
  int major = 0;
  int minor = 0;
  CHECKED(cuDeviceGetAttribute, &major, computeCapabilityMajor, device);
  CHECKED(cuDeviceGetAttribute, &minor, computeCapabilityMinor, device);
  const char *text = nullptr;
  driver.cuGetErrorString(result, &text);
  fail("the kernels cannot run on this device; compile them with chip=sm_" +
       Twine(major) + Twine(minor) + " (" + call + ": " +
       (text ? text : "unknown error") + ")");
}

void *CUDADevice::loadModule(StringRef object, int optLevel) {
  Handle module = nullptr;
  if (optLevel < 0) {
    checkModule(driver.cuModuleLoadData(&module, object.data()),
                "cuModuleLoadData");
    return module;
  }
  int option = jitOptimizationLevel;
  // The driver wants numbers in pointers.
  void *value = nullptr;
  std::memcpy(static_cast<void *>(&value), &optLevel, sizeof(optLevel));
  checkModule(
      driver.cuModuleLoadDataEx(&module, object.data(), 1, &option, &value),
      "cuModuleLoadDataEx");
  return module;
}

void CUDADevice::unloadModule(void *module) {
  // The driver may be gone already when the program ends.
  driver.cuModuleUnload(module);
}

void *CUDADevice::getFunction(void *module, StringRef name) {
  Handle function = nullptr;
  CHECKED(cuModuleGetFunction, &function, module, name.str().c_str());
  names.try_emplace(function, name.str());
  return function;
}

void CUDADevice::launch(const Launch &launch) {
  bool isRecording = getOptions().record;
  // Times of single kernels need one at a time.
  if (isRecording)
    CHECKED(cuStreamSynchronize, launch.stream);
  uint64_t begin = now();
  if (launch.sharedBytes > defaultSharedBytes)
    CHECKED(cuFuncSetAttribute, launch.function, maxDynamicSharedBytes,
            launch.sharedBytes);
  CHECKED(cuLaunchKernel, launch.function, launch.grid[0], launch.grid[1],
          launch.grid[2], launch.block[0], launch.block[1], launch.block[2],
          launch.sharedBytes, launch.stream, launch.arguments, nullptr);
  if (!isRecording)
    return;
  CHECKED(cuStreamSynchronize, launch.stream);
  Profile::get().addLaunch(names.lookup(launch.function), begin, now());
}

void *CUDADevice::createStream() {
  Handle stream = nullptr;
  CHECKED(cuStreamCreate, &stream, streamNonBlocking);
  return stream;
}

void CUDADevice::destroyStream(void *stream) {
  contractions.erase(stream);
  CHECKED(cuStreamDestroy, stream);
}

void CUDADevice::synchronizeStream(void *stream) {
  CHECKED(cuStreamSynchronize, stream);
}

void CUDADevice::waitForEvent(void *stream, void *event) {
  CHECKED(cuStreamWaitEvent, stream, event, 0);
}

void *CUDADevice::createEvent() {
  Handle event = nullptr;
  CHECKED(cuEventCreate, &event, eventDisableTiming);
  return event;
}

void CUDADevice::destroyEvent(void *event) { CHECKED(cuEventDestroy, event); }

void CUDADevice::synchronizeEvent(void *event) {
  CHECKED(cuEventSynchronize, event);
}

void CUDADevice::recordEvent(void *event, void *stream) {
  CHECKED(cuEventRecord, event, stream);
}

void *CUDADevice::allocate(uint64_t bytes, bool isHostShared) {
  void *pointer = nullptr;
  auto *address = reinterpret_cast<DevicePointer *>(&pointer);
  uint64_t allocated = std::max<uint64_t>(bytes, 1);
  Result result =
      isHostShared ? driver.cuMemAllocManaged(address, allocated, attachGlobal)
                   : driver.cuMemAlloc(address, allocated);
  if (result == errorOutOfMemory)
    fail("out of device memory: cannot allocate " + Twine(bytes) + " bytes");
  check(result, isHostShared ? "cuMemAllocManaged" : "cuMemAlloc");
  return pointer;
}

void CUDADevice::free(void *pointer, void *stream) {
  // Kernels of the stream may still use it.
  if (stream)
    CHECKED(cuStreamSynchronize, stream);
  CHECKED(cuMemFree, asDevicePointer(pointer));
}

void CUDADevice::copy(void *to, const void *from, uint64_t bytes,
                      void *stream) {
  CHECKED(cuMemcpyAsync, asDevicePointer(to), asDevicePointer(from), bytes,
          stream);
}

void CUDADevice::fill32(void *to, uint32_t value, uint64_t count,
                        void *stream) {
  CHECKED(cuMemsetD32Async, asDevicePointer(to), value, count, stream);
}

void CUDADevice::fill16(void *to, uint16_t value, uint64_t count,
                        void *stream) {
  CHECKED(cuMemsetD16Async, asDevicePointer(to), value, count, stream);
}

void CUDADevice::registerHost(void *pointer, uint64_t bytes) {
  CHECKED(cuMemHostRegister, pointer, bytes, 0);
}

void CUDADevice::unregisterHost(void *pointer) {
  CHECKED(cuMemHostUnregister, pointer);
}

void CUDADevice::setDefaultDevice(int32_t index) {
  CHECKED(cuDeviceGet, &device, index);
  // That of other libraries, too.
  CHECKED(cuDevicePrimaryCtxRetain, &context, device);
  enter();
}

void CUDADevice::enter() { CHECKED(cuCtxSetCurrent, context); }

void CUDADevice::contract(void *stream,
                          function_ref<void(ContractionLibrary &)> body) {
  std::unique_ptr<ContractionLibrary> &library = contractions[stream];
  if (!library)
    library = createCUDALibraries(stream);
  body(*library);
  if (getOptions().record)
    CHECKED(cuStreamSynchronize, stream);
}

std::unique_ptr<Device> runtime::createCUDADevice(const Twine &reason) {
  return std::make_unique<CUDADevice>(reason);
}
