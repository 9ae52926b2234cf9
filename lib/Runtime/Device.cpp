//===- Device.cpp - The choice of the device ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Session.h"
#include "Support.h"
#include "llvm/BinaryFormat/Magic.h"
#include <mutex>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

Device::~Device() = default;

/// Never destroyed: compiled programs unload their modules when the program
/// ends, in an order we do not know.
static std::unique_ptr<Device> &getStored(bool isCPU) {
  static auto *devices = new std::array<std::unique_ptr<Device>, 2>;
  return (*devices)[isCPU ? 1 : 0];
}

/// The only device of its kind in the process. `reason` says why it is wanted.
static Device &getOnly(bool isCPU, const Twine &reason) {
  static auto *mutex = new std::mutex;
  {
    std::lock_guard<std::mutex> lock(*mutex);
    if (getStored(isCPU))
      return *getStored(isCPU);
  }
  // Without the lock, for there may be none.
  std::unique_ptr<Device> device =
      isCPU ? createNVVMExecutor() : createCUDADevice(reason);
  std::lock_guard<std::mutex> lock(*mutex);
  if (!getStored(isCPU))
    getStored(isCPU) = std::move(device);
  return *getStored(isCPU);
}

/// Makes a device that of the program.
static void choose(Session::State &session, bool isCPU, const Twine &reason) {
  session.device = &getOnly(isCPU, reason);
  session.isCPU = isCPU;
  session.device->enter();
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
  Session::State &session = getSession();
  if (session.device && session.isCPU != isCPU)
    fail("one program has modules for the CPU (LLVM bitcode) and for CUDA "
         "devices (" +
         getKind(object) + ")");
  if (!session.device)
    choose(session, isCPU, "the program has kernels in " + getKind(object));
  return *session.device;
}

Device &runtime::getDevice() {
  Session::State &session = getSession();
  if (!session.device)
    choose(session, session.isCPU, "the program is compiled for CUDA devices");
  return *session.device;
}
