//===- Device.cpp - The choice of the device ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Support.h"
#include "llvm/BinaryFormat/Magic.h"
#include <mutex>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

Device::~Device() = default;

namespace {
/// The device of the program, and whether it is the CPU.
struct Chosen {
  std::mutex mutex;
  std::unique_ptr<Device> device;
  bool isCPU = false;
};
} // namespace

/// Never destroyed: compiled programs unload their modules when the program
/// ends, in an order we do not know.
static Chosen &getChosen() {
  static Chosen *chosen = new Chosen;
  return *chosen;
}

/// What a module for a CUDA device is, for people.
static StringRef getKind(StringRef object) {
  constexpr StringLiteral fatbinMagic("\x50\xED\x55\xBA");
  if (object.starts_with(fatbinMagic))
    return "a fatbin";
  if (object.starts_with("\x7F"
                         "ELF"))
    return "a cubin";
  return "PTX";
}

Device &runtime::getDeviceFor(StringRef object) {
  bool isCPU = identify_magic(object) == file_magic::bitcode;
  Chosen &chosen = getChosen();
  std::lock_guard<std::mutex> lock(chosen.mutex);
  if (chosen.device && chosen.isCPU != isCPU)
    fail("one program has modules for the CPU (LLVM bitcode) and for CUDA "
         "devices (" +
         getKind(object) + ")");
  if (!chosen.device) {
    chosen.isCPU = isCPU;
    chosen.device =
        isCPU ? createNVVMExecutor() : createCUDADevice(getKind(object));
  }
  return *chosen.device;
}

Device &runtime::getDevice() {
  Chosen &chosen = getChosen();
  std::lock_guard<std::mutex> lock(chosen.mutex);
  if (!chosen.device) {
    chosen.isCPU = true;
    chosen.device = createNVVMExecutor();
  }
  return *chosen.device;
}
