//===- Fibers.cpp - Threads of a block, by turns --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fibers.h"
#include "../Support.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Process.h"
#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// The set whose fiber starts; read by its first function.
static Fibers *starting = nullptr;

#if defined(__x86_64__)

struct Fibers::Context {
  /// What the stack pointer was when the fiber stopped. The registers that a
  /// function must preserve are on the stack.
  void *stackPointer = nullptr;
};

// Saves the registers that a call preserves, and takes up another stack. The
// modes of the floating-point units are those of the whole program.
extern "C" void approxActSwitchStack(void **save, void *load);
asm(R"(
  .text
  .p2align 4
  .type approxActSwitchStack, @function
  .hidden approxActSwitchStack
approxActSwitchStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq
  .size approxActSwitchStack, .-approxActSwitchStack
)");

static void switchContext(Fibers *set, void **save, void *load) {
  starting = set;
  approxActSwitchStack(save, load);
}

#define SWITCH(FROM, TO)                                                       \
  switchContext(this, &(FROM).stackPointer, (TO).stackPointer)

#else

struct Fibers::Context {
  ucontext_t registers;
};

#define SWITCH(FROM, TO)                                                       \
  (starting = this, swapcontext(&(FROM).registers, &(TO).registers))

#endif

Fibers::Fibers() : host(std::make_unique<Context>()) {}
Fibers::~Fibers() { release(); }

void Fibers::release() {
  if (stacks)
    munmap(stacks, stride * numStacks);
  stacks = nullptr;
  stride = 0;
  numStacks = 0;
}

void Fibers::allocate(unsigned count, size_t stackBytes) {
  size_t page = sys::Process::getPageSizeEstimate();
  // One page that traps, and one for the shifts below.
  size_t needed = alignTo(stackBytes, page) + 2 * page;
  if (count <= numStacks && needed <= stride)
    return;
  size_t newStride = std::max(stride, needed);
  unsigned newCount = std::max(numStacks, count);
  release();
  void *memory =
      mmap(nullptr, newStride * newCount, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED)
    fail("out of memory for the stacks of " + Twine(newCount) + " threads");
  stacks = static_cast<char *>(memory);
  stride = newStride;
  numStacks = newCount;
  for (unsigned i = 0; i < numStacks; ++i)
    mprotect(stacks + i * stride, page, PROT_NONE);
}

void Fibers::run() {
  Fibers &set = *starting;
  set.entry(set.data, set.running);
  set.yield();
  llvm_unreachable("a fiber that is done was resumed");
}

void Fibers::start(unsigned count, size_t stackBytes, Entry newEntry,
                   void *newData) {
  allocate(count, stackBytes);
  entry = newEntry;
  data = newData;
  contexts.resize(std::max<size_t>(contexts.size(), count));
  size_t page = sys::Process::getPageSizeEstimate();
  for (unsigned i = 0; i < count; ++i) {
    // Stacks start at different places of a page, or their tops would all want
    // the same few lines of the cache.
    size_t shift = size_t(i) * 128 % page;
#if defined(__x86_64__)
    auto **top = reinterpret_cast<void **>(stacks + (i + 1) * stride - shift);
    // A return address for run, at which the stack is aligned as after a call;
    // above it six registers are taken from the stack.
    *--top = nullptr;
    *--top = reinterpret_cast<void *>(&Fibers::run);
    contexts[i].stackPointer = static_cast<void *>(top - 6);
#else
    ucontext_t &registers = contexts[i].registers;
    getcontext(&registers);
    registers.uc_stack.ss_sp = stacks + i * stride + page;
    registers.uc_stack.ss_size = stride - page - shift;
    registers.uc_link = nullptr;
    makecontext(&registers, &Fibers::run, 0);
#endif
  }
}

void Fibers::resume(unsigned index) {
  running = index;
  SWITCH(*host, contexts[index]);
}

void Fibers::yield() { SWITCH(contexts[running], *host); }

void Fibers::yieldTo(unsigned index) {
  Context &from = contexts[running];
  running = index;
  SWITCH(from, contexts[index]);
}

bool Fibers::isOverflow(const void *address) const {
  const char *byte = static_cast<const char *>(address);
  return stacks && byte >= stacks && byte < stacks + stride * numStacks &&
         static_cast<size_t>(byte - stacks) % stride <
             sys::Process::getPageSizeEstimate();
}
