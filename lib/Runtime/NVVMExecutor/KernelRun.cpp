//===- KernelRun.cpp - The kernel that runs now ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"
#include "../Support.h"
#include "BlockScheduler.h"
#include "DeviceMemory.h"
#include "approx-act/Runtime/Runtime.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <array>
#include <csignal>
#include <pthread.h>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

namespace {
/// What runs now.
struct Current {
  StringRef kernel;
  const BlockState *state = nullptr;
  bool hasCollectives = false;
  /// The thread of the host in which it runs.
  pthread_t thread = {};
  /// Where that thread handles signals otherwise.
  stack_t signalStack = {};
};
} // namespace

static Current current;

KernelRun::KernelRun(StringRef kernel, const BlockState &state,
                     bool hasCollectives) {
  current = {kernel, &state, hasCollectives, pthread_self(), {}};
  // Faults have a stack of their own, for that of a kernel's thread may be what
  // overflowed. One will do: one kernel runs at a time.
  static auto *bytes = new std::array<char, size_t(256) * 1024>;
  stack_t stack = {};
  stack.ss_sp = bytes->data();
  stack.ss_size = bytes->size();
  sigaltstack(&stack, &current.signalStack);
}

KernelRun::~KernelRun() { abandon(); }

void KernelRun::abandon() {
  if (current.state)
    sigaltstack(&current.signalStack, nullptr);
  current = Current();
}

/// Like `kernel 'k', block (0, 0, 0), thread (1, 0, 0)`.
static std::string getPosition() {
  const uint32_t *block = current.state->blockId;
  std::string result = formatv("kernel '{0}', block ({1}, {2}, {3})",
                               current.kernel, block[0], block[1], block[2]);
  // Threads in a loop have no numbers once it is optimised.
  if (current.hasCollectives)
    result += ", " + BlockScheduler::get().getPosition();
  return result;
}

void KernelRun::fail(const Twine &message) {
  runtime::fail(getPosition() + ": " + message);
}

void KernelRun::checkAlignments() {
  for (unsigned i = MisalignedBy2; i <= MisalignedBy32; ++i)
    if (uint64_t bits = current.state->counters[i])
      fail("misaligned access: an address that must be a multiple of " +
           Twine(1U << (i - MisalignedBy2 + 1)) +
           (i == MisalignedBy32 ? " or more" : "") + " is only one of " +
           Twine(1ULL << countr_zero(bits)));
}

void runtime::approxActTrap(const char *message, const char *file,
                            uint32_t line, const char *function,
                            uint64_t charSize) {
  if (!message)
    KernelRun::fail("the kernel trapped");
  KernelRun::fail("assertion failed: " + StringRef(message) + " at " +
                  StringRef(file ? file : "?") + ":" + Twine(line));
}

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

/// What handled a signal before us.
static struct sigaction previousActions[NSIG];

static void handleFault(int signal, siginfo_t *info, void *context) {
  char text[256];
  const void *address = info->si_addr;
  bool isHost =
      !current.state || !pthread_equal(current.thread, pthread_self());
  const DeviceMemory &memory = DeviceMemory::get();
  // What was interrupted does not go on: what the handler calls need not be
  // reentrant beyond code of kernels and of the host, neither of which runs
  // inside of it.
  if (!isHost && BlockScheduler::get().isStackOverflow(address))
    KernelRun::fail("the local variables of the thread need more than its "
                    "stack");
  if (memory.explainFault(address, isHost, text, sizeof(text))) {
    if (isHost)
      runtime::fail(Twine("code of the host ") + text);
    KernelRun::fail(text);
  }
  if (!isHost)
    KernelRun::fail(getOptions().strict
                        ? Twine("accesses memory that is not the device's")
                        : Twine("accesses memory that is not the device's, or "
                                "that is misaligned; strict mode tells more"));
  // Not ours: happens again, with who was there before.
  sigaction(signal, &previousActions[signal], nullptr);
}

void KernelRun::installFaultHandler() {
  static bool isInstalled = false;
  if (isInstalled)
    return;
  isInstalled = true;
  struct sigaction action = {};
  action.sa_sigaction = handleFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGSEGV, SIGBUS})
    sigaction(signal, &action, &previousActions[signal]);
}
