//===- Session.cpp - Programs in one process ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// An error may jump from the stack of a fiber, wherever that lies; glibc's
// check of jumps knows one stack.
#undef _FORTIFY_SOURCE

#include "Session.h"
#include "Support.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/SaveAndRestore.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <csetjmp>
#include <cstdlib>
#include <mutex>
#include <pthread.h>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

namespace {
/// Where an error goes on.
struct Guard {
  std::jmp_buf target;
  std::string message;
  /// Live memory that was allocated under the guard.
  SmallPtrSet<void *, 8> allocations;
};
} // namespace

static thread_local Guard *guard = nullptr;
static thread_local Session::State *current = nullptr;

Session::State &runtime::getSession() {
  if (current)
    return *current;
  // Never destroyed: programs unload their modules when they end.
  static auto *process = new Session::State(
      [] {
        Expected<Options> options = parseEnvironment();
        if (!options)
          fail(toString(options.takeError()));
        return *options;
      }(),
      /*isCPU=*/true);
  return *process;
}

void runtime::noteAllocation(void *pointer) {
  if (guard)
    guard->allocations.insert(pointer);
}

void runtime::forgetAllocation(void *pointer) {
  if (guard)
    guard->allocations.erase(pointer);
}

void runtime::fail(const Twine &message) {
  if (guard) {
    guard->message = message.str();
    // Past frames of compiled code, which cannot be unwound; none of the
    // runtime holds a lock or owns more than memory here.
    std::longjmp(guard->target, 1); // NOLINT(modernize-avoid-setjmp-longjmp)
  }
  outs().flush();
  WithColor::error() << message << "\n";
  errs().flush();
  // Without destructors: the error may have happened on the stack of a fiber,
  // with other parts of the program halfway through their work.
  std::_Exit(EXIT_FAILURE);
}

/// Runs `body`; whether it came to its end. In a frame of its own, of which
/// nothing is used after the jump.
[[gnu::noinline]] static bool runGuarded(Guard &newGuard,
                                         function_ref<void()> body) {
  Guard *volatile outer = guard;
  guard = &newGuard;
  volatile bool isDone = false;
  if (!setjmp(newGuard.target)) { // NOLINT(modernize-avoid-setjmp-longjmp)
    body();
    isDone = true;
  }
  guard = outer;
  return isDone;
}

Session::Session(const Options &options, bool isCPU)
    : state(std::make_unique<State>(options, isCPU)) {}

Session::~Session() = default;

/// Whether the process is a copy of one in which programs ran. It has their
/// locks as they were, and none of the threads that libraries started.
static std::atomic<bool> isForked = false;

Error Session::run(function_ref<void()> body) {
  [[maybe_unused]] static const int registered =
      pthread_atfork(nullptr, nullptr, [] { isForked = true; });
  if (isForked)
    return createStringError(
        "programs cannot run in a process that was forked from one in which "
        "they ran; start processes anew (in Python, with the method 'spawn')");
  // The CPU runs one kernel at a time.
  static auto *mutex = new std::recursive_mutex;
  std::lock_guard<std::recursive_mutex> lock(*mutex);
  llvm::SaveAndRestore restore(current, state.get());
  Guard frame;
  if (runGuarded(frame, [&] {
        if (state->device)
          state->device->enter();
        body();
      })) {
    // An error further out frees them.
    for (void *pointer : frame.allocations)
      noteAllocation(pointer);
    return Error::success();
  }
  if (state->device)
    state->device->recover();
  for (void *pointer : frame.allocations) {
    state->profile.removeAllocation(pointer);
    // A second error, of the same memory, tells nothing new.
    Guard ignored;
    runGuarded(ignored,
               [&] { state->device->free(pointer, /*stream=*/nullptr); });
  }
  return createStringError(frame.message);
}
