//===- NVVMExecutor.cpp - Runs NVVM modules on the CPU --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The device that is the CPU. It does everything at once, so that streams and
/// events are nothing.
///
//===----------------------------------------------------------------------===//

#include "../Contractions/ContractionLibrary.h"
#include "../Device.h"
#include "../Profile.h"
#include "../Support.h"
#include "BlockScheduler.h"
#include "DeviceMemory.h"
#include "KernelCompiler.h"
#include "KernelRun.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>
#include <map>
#include <memory>
#include <sys/mman.h>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// What every CUDA device allows.
static constexpr int64_t maxThreads = 1024;
static constexpr Dim3 maxBlock = {1024, 1024, 64};
static constexpr Dim3 maxGrid = {INT32_MAX, 65535, 65535};
/// The most shared memory of a block that any architecture has.
static constexpr uint64_t maxSharedBytes = uint64_t(227) * 1024;

namespace {
/// A kernel of a loaded module.
struct Kernel {
  std::string name;
  StringRef object;
  size_t numArguments = 0;
  /// `nvvm.maxntid` and `nvvm.reqntid`, empty when there are none.
  SmallVector<int64_t> maxBlock;
  SmallVector<int64_t> requiredBlock;
  std::map<Dim3, CompiledKernel> compiled;
};

struct LoadedModule {
  std::string object;
  StringMap<std::unique_ptr<Kernel>> kernels;
};

class NVVMExecutor : public Device {
public:
  NVVMExecutor();

  void *loadModule(StringRef object, int optLevel) override;
  void unloadModule(void *module) override;
  void *getFunction(void *module, StringRef name) override;
  void launch(const Launch &launch) override;

  void *createStream() override { return &numHandles; }
  void destroyStream(void *stream) override {}
  void synchronizeStream(void *stream) override {}
  void waitForEvent(void *stream, void *event) override {}
  void *createEvent() override { return &numHandles; }
  void destroyEvent(void *event) override {}
  void synchronizeEvent(void *event) override {}
  void recordEvent(void *event, void *stream) override {}

  void *allocate(uint64_t bytes, bool isHostShared) override;
  void free(void *pointer, void *stream) override;
  void copy(void *to, const void *from, uint64_t bytes, void *stream) override;
  void fill32(void *to, uint32_t value, uint64_t count, void *stream) override;
  void fill16(void *to, uint16_t value, uint64_t count, void *stream) override;
  void registerHost(void *pointer, uint64_t bytes) override;
  void unregisterHost(void *pointer) override;
  void setDefaultDevice(int32_t index) override;
  void contract(void *stream,
                function_ref<void(ContractionLibrary &)> body) override;
  void recover() override;
  bool isAccessible(const void *pointer, uint64_t bytes) override;

private:
  CompiledKernel &getCompiled(Kernel &kernel, const Dim3 &block);
  void runBlocks(const Kernel &kernel, const CompiledKernel &compiled,
                 const Launch &launch);

  /// Made for the first contraction.
  std::unique_ptr<ContractionLibrary> contractions;
  /// Any address that is not null is a stream.
  char numHandles = 0;
  /// Memory of the block that runs.
  char *shared = nullptr;
};
} // namespace

NVVMExecutor::NVVMExecutor() {
  // Below 4 GB, where kernels that keep shared addresses in 32 bits find it.
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#if defined(MAP_32BIT)
  flags |= MAP_32BIT;
#endif
  void *memory =
      mmap(nullptr, maxSharedBytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED)
    fail("out of memory for the shared memory of a block");
  shared = static_cast<char *>(memory);
  KernelRun::installFaultHandler();
}

/// The numbers of an attribute like "128,1,1".
static SmallVector<int64_t> parseSizes(const Function &function,
                                       StringRef name) {
  SmallVector<int64_t> sizes;
  SmallVector<StringRef> parts;
  function.getFnAttribute(name).getValueAsString().split(
      parts, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    int64_t size;
    if (!part.trim().getAsInteger(10, size))
      sizes.push_back(size);
  }
  return sizes;
}

void *NVVMExecutor::loadModule(StringRef object, int optLevel) {
  auto loaded = std::make_unique<LoadedModule>();
  loaded->object = object.str();
  LLVMContext context;
  Expected<std::unique_ptr<Module>> module =
      getLazyBitcodeModule(MemoryBufferRef(loaded->object, "module"), context,
                           /*ShouldLazyLoadMetadata=*/true);
  if (!module)
    fail("a module of kernels is not bitcode of this LLVM: " +
         toString(module.takeError()));
  if (!(*module)->getTargetTriple().isNVPTX())
    fail("a module of kernels is for '" + (*module)->getTargetTriple().str() +
         "', not for nvptx64");
  for (const Function &function : **module) {
    if (function.getCallingConv() != CallingConv::PTX_Kernel)
      continue;
    auto kernel = std::make_unique<Kernel>();
    kernel->name = function.getName().str();
    kernel->object = loaded->object;
    kernel->numArguments = function.arg_size();
    kernel->maxBlock = parseSizes(function, "nvvm.maxntid");
    kernel->requiredBlock = parseSizes(function, "nvvm.reqntid");
    loaded->kernels[function.getName()] = std::move(kernel);
  }
  return loaded.release();
}

void NVVMExecutor::unloadModule(void *module) {
  delete static_cast<LoadedModule *>(module);
}

void *NVVMExecutor::getFunction(void *module, StringRef name) {
  auto *loaded = static_cast<LoadedModule *>(module);
  auto it = loaded->kernels.find(name);
  if (it == loaded->kernels.end())
    fail("the module has no kernel '" + name + "'");
  return it->second.get();
}

static std::string toString(const Dim3 &sizes) {
  return formatv("({0}, {1}, {2})", sizes[0], sizes[1], sizes[2]);
}

/// Fails when no device would take the launch.
static void checkLaunch(const Kernel &kernel, const Launch &launch) {
  auto reject = [&](const Twine &message) {
    fail("launch of kernel '" + kernel.name + "': " + message);
  };
  for (unsigned i = 0; i < 3; ++i) {
    if (launch.grid[i] < 1 || launch.grid[i] > maxGrid[i])
      reject("a grid of " + toString(launch.grid) +
             " blocks; sizes are from 1 to " + toString(maxGrid));
    if (launch.block[i] < 1 || launch.block[i] > maxBlock[i])
      reject("a block of " + toString(launch.block) +
             " threads; sizes are from 1 to " + toString(maxBlock));
  }
  const auto &[x, y, z] = launch.block;
  int64_t threads = x * y * z;
  if (threads > maxThreads)
    reject("a block of " + Twine(threads) + " threads; there can be " +
           Twine(maxThreads));
  if (!kernel.maxBlock.empty()) {
    int64_t limit = 1;
    for (int64_t size : kernel.maxBlock)
      limit *= size;
    if (threads > limit)
      reject("a block of " + toString(launch.block) +
             " threads; the kernel is compiled for at most " + Twine(limit) +
             " (maxntid)");
  }
  for (auto [required, size] : zip(kernel.requiredBlock, launch.block))
    if (required != size)
      reject("a block of " + toString(launch.block) +
             " threads; the kernel is compiled for others (reqntid)");
  if (launch.numArguments != kernel.numArguments)
    reject(Twine(launch.numArguments) + " arguments; the kernel has " +
           Twine(kernel.numArguments));
  if (launch.sharedBytes < 0)
    reject("a negative size of shared memory");
}

CompiledKernel &NVVMExecutor::getCompiled(Kernel &kernel, const Dim3 &block) {
  if (auto it = kernel.compiled.find(block); it != kernel.compiled.end())
    return it->second;
  uint64_t begin = now();
  Expected<CompiledKernel> compiled =
      KernelCompiler::get().compile(kernel.object, kernel.name, block);
  if (!compiled)
    fail("kernel '" + kernel.name + "': " + toString(compiled.takeError()));
  Profile::get().addCompilation(kernel.name, begin, now());
  return kernel.compiled.try_emplace(block, std::move(*compiled)).first->second;
}

/// Fails when an argument points to memory of the host.
static void checkPointers(const Kernel &kernel, const CompiledKernel &compiled,
                          const Launch &launch) {
  for (auto [index, isPointer] : enumerate(compiled.isPointer)) {
    if (!isPointer)
      continue;
    void *pointer;
    std::memcpy(static_cast<void *>(&pointer), launch.arguments[index],
                sizeof(pointer));
    if (pointer && !DeviceMemory::get().isUsable(pointer))
      fail("launch of kernel '" + kernel.name + "': argument " + Twine(index) +
           " does not point to device memory");
  }
}

void NVVMExecutor::runBlocks(const Kernel &kernel,
                             const CompiledKernel &compiled,
                             const Launch &launch) {
  const Options &options = getOptions();
  uint64_t sharedBytes = compiled.sharedBytes + launch.sharedBytes;
  if (sharedBytes > maxSharedBytes)
    fail("launch of kernel '" + kernel.name + "': " + Twine(sharedBytes) +
         " bytes of shared memory; a block can have " + Twine(maxSharedBytes));
  BlockState state = {};
  state.shared = shared;
  state.dynamicSharedBytes = launch.sharedBytes;
  for (unsigned i = 0; i < 3; ++i)
    state.gridDim[i] = launch.grid[i];

  DeviceMemory::Access access;
  KernelRun run(kernel.name, state, compiled.runThread);
  uint64_t begin = now();
  int64_t numBlocks = launch.grid[0] * launch.grid[1] * launch.grid[2];
  for (int64_t i = 0; i < numBlocks; ++i) {
    int64_t index = options.reverseThreads ? numBlocks - 1 - i : i;
    state.blockId[0] = index % launch.grid[0];
    state.blockId[1] = index / launch.grid[0] % launch.grid[1];
    state.blockId[2] = index / (launch.grid[0] * launch.grid[1]);
    if (options.poison)
      std::memset(shared, 0xFF, sharedBytes);
    if (compiled.runBlock)
      compiled.runBlock(&state, launch.arguments);
    else
      BlockScheduler::get().run(compiled.runThread, state, launch.arguments,
                                launch.block, compiled.stackBytes);
    if (options.strict)
      KernelRun::checkAlignments();
  }
  Profile::get().addLaunch(kernel.name, begin, now(),
                           state.counters[BytesLoaded],
                           state.counters[BytesStored]);
}

void NVVMExecutor::launch(const Launch &launch) {
  auto &kernel = *static_cast<Kernel *>(launch.function);
  checkLaunch(kernel, launch);
  CompiledKernel &compiled = getCompiled(kernel, launch.block);
  if (getOptions().strict)
    checkPointers(kernel, compiled, launch);
  runBlocks(kernel, compiled, launch);
}

void *NVVMExecutor::allocate(uint64_t bytes, bool isHostShared) {
  return DeviceMemory::get().allocate(bytes, isHostShared);
}

void NVVMExecutor::free(void *pointer, void *stream) {
  DeviceMemory::get().free(pointer);
}

void NVVMExecutor::copy(void *to, const void *from, uint64_t bytes,
                        void *stream) {
  DeviceMemory::Access access;
  std::memmove(to, from, bytes);
}

void NVVMExecutor::fill32(void *to, uint32_t value, uint64_t count,
                          void *stream) {
  DeviceMemory::Access access;
  std::fill_n(static_cast<uint32_t *>(to), count, value);
}

void NVVMExecutor::fill16(void *to, uint16_t value, uint64_t count,
                          void *stream) {
  DeviceMemory::Access access;
  std::fill_n(static_cast<uint16_t *>(to), count, value);
}

void NVVMExecutor::registerHost(void *pointer, uint64_t bytes) {
  DeviceMemory::get().registerHost(pointer, bytes);
}

void NVVMExecutor::unregisterHost(void *pointer) {
  DeviceMemory::get().unregisterHost(pointer);
}

void NVVMExecutor::setDefaultDevice(int32_t index) {
  if (index != 0)
    fail("there is no device " + Twine(index) + "; the CPU is device 0");
}

void NVVMExecutor::contract(void *stream,
                            function_ref<void(ContractionLibrary &)> body) {
  if (!contractions)
    contractions = createOneDNN();
  DeviceMemory::Access access;
  body(*contractions);
}

void NVVMExecutor::recover() {
  KernelRun::abandon();
  DeviceMemory::get().closeAll();
}

bool NVVMExecutor::isAccessible(const void *pointer, uint64_t bytes) {
  return !getOptions().strict || bytes == 0 ||
         DeviceMemory::get().isUsable(pointer, bytes);
}

std::unique_ptr<Device> runtime::createNVVMExecutor() {
  return std::make_unique<NVVMExecutor>();
}
