//===- DeviceMemory.cpp - Memory of the executor --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceMemory.h"
#include "../Support.h"
#include "approx-act/Runtime/Runtime.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Process.h"
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// What CUDA promises of the address of an allocation.
static constexpr uint64_t deviceAlignment = 256;
/// The widest access of a kernel.
static constexpr uint64_t accessAlignment = 16;
/// Fills the bytes between an allocation and its pages' ends.
static constexpr unsigned char marginByte = 0xDB;
/// How many freed blocks are kept to trap uses after free.
static constexpr size_t maxFreedBlocks = 1024;

static uint64_t getPageSize() { return sys::Process::getPageSizeEstimate(); }

DeviceMemory &DeviceMemory::get() {
  static DeviceMemory *memory = new DeviceMemory;
  return *memory;
}

void *DeviceMemory::allocate(uint64_t bytes, bool isHostShared) {
  Block block;
  block.bytes = bytes;
  block.isHostShared = isHostShared;
  char *pointer;
  if (!getOptions().strict) {
    uint64_t rounded = alignTo(std::max<uint64_t>(bytes, 1), deviceAlignment);
    // Overflow of the rounding is an allocation that is too large, too.
    void *memory = rounded < bytes
                       ? nullptr
                       : std::aligned_alloc(deviceAlignment, rounded);
    if (!memory)
      fail("out of device memory: cannot allocate " + Twine(bytes) + " bytes");
    pointer = static_cast<char *>(memory);
  } else {
    uint64_t page = getPageSize();
    uint64_t rounded = alignTo(bytes, accessAlignment);
    block.isMapped = true;
    block.pageBytes = alignTo(std::max<uint64_t>(rounded, 1), page);
    block.mappingBytes = block.pageBytes + 2 * page;
    void *mapping = MAP_FAILED;
    if (block.mappingBytes > bytes)
      mapping = mmap(nullptr, block.mappingBytes, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
      fail("out of device memory: cannot allocate " + Twine(bytes) + " bytes");
    block.mapping = static_cast<char *>(mapping);
    block.pages = block.mapping + page;
    pointer = block.pages + block.pageBytes - rounded;
    protect(block, /*isOpen=*/true);
    std::memset(block.pages, marginByte, pointer - block.pages);
    std::memset(pointer + bytes, marginByte, rounded - bytes);
  }
  if (getOptions().poison)
    std::memset(pointer, 0xFF, bytes);
  protect(block, openings > 0);
  blocks[pointer] = block;
  return pointer;
}

/// Fails when a kernel wrote beside the allocation but not as far as the pages
/// that trap.
void DeviceMemory::checkMargins(const char *pointer, const Block &block) const {
  auto check = [&](const char *begin, const char *end, StringRef where) {
    if (!std::all_of(begin, end, [](char byte) {
          return static_cast<unsigned char>(byte) == marginByte;
        }))
      fail("a kernel wrote " + where + " an allocation of " +
           Twine(block.bytes) + " bytes");
  };
  check(block.pages, pointer, "before the start of");
  check(pointer + block.bytes, block.pages + block.pageBytes,
        "beyond the end of");
}

void DeviceMemory::free(void *pointer) {
  if (!pointer)
    return;
  auto it = blocks.find(static_cast<char *>(pointer));
  if (it == blocks.end())
    fail("a pointer is freed that is not the start of an allocation");
  Block &block = it->second;
  if (block.isFreed)
    fail("an allocation of " + Twine(block.bytes) + " bytes is freed twice");
  if (!block.isMapped) {
    std::free(pointer);
    blocks.erase(it);
    return;
  }
  protect(block, /*isOpen=*/true);
  checkMargins(it->first, block);
  block.isFreed = true;
  protect(block, /*isOpen=*/false);
  madvise(block.pages, block.pageBytes, MADV_DONTNEED);
  freed.push_back(it->first);
  if (freed.size() > maxFreedBlocks) {
    auto oldest = blocks.find(freed.front());
    munmap(oldest->second.mapping, oldest->second.mappingBytes);
    blocks.erase(oldest);
    freed.pop_front();
  }
}

void DeviceMemory::registerHost(void *pointer, uint64_t bytes) {
  hostRanges[static_cast<char *>(pointer)] = bytes;
}

void DeviceMemory::unregisterHost(void *pointer) {
  hostRanges.erase(static_cast<char *>(pointer));
}

bool DeviceMemory::isUsable(const void *pointer, uint64_t bytes) const {
  const char *address = static_cast<const char *>(pointer);
  auto isInside = [&](const char *start, uint64_t size) {
    return address >= start && bytes <= size &&
           static_cast<uint64_t>(address - start) <= size - bytes;
  };
  auto block = blocks.upper_bound(address);
  if (block != blocks.begin()) {
    --block;
    if (!block->second.isFreed && isInside(block->first, block->second.bytes))
      return true;
  }
  auto range = hostRanges.upper_bound(address);
  return range != hostRanges.begin() &&
         isInside(std::prev(range)->first, std::prev(range)->second);
}

void DeviceMemory::protect(const Block &block, bool isOpen) const {
  if (!block.isMapped || (block.isHostShared && !block.isFreed && !isOpen))
    return;
  if (mprotect(block.pages, block.pageBytes,
               isOpen ? PROT_READ | PROT_WRITE : PROT_NONE))
    fail("cannot change the protection of device memory");
}

void DeviceMemory::protectAll(bool isOpen) const {
  for (const auto &[pointer, block] : blocks)
    if (!block.isFreed)
      protect(block, isOpen);
}

void DeviceMemory::closeAll() {
  openings = 0;
  protectAll(/*isOpen=*/false);
}

DeviceMemory::Access::Access() {
  DeviceMemory &memory = get();
  if (memory.openings++ == 0)
    memory.protectAll(/*isOpen=*/true);
}

DeviceMemory::Access::~Access() {
  DeviceMemory &memory = get();
  if (--memory.openings == 0)
    memory.protectAll(/*isOpen=*/false);
}

bool DeviceMemory::explainFault(const void *pointer, bool isHost, char *buffer,
                                size_t size) const {
  const char *address = static_cast<const char *>(pointer);
  for (const auto &[start, block] : blocks) {
    if (!block.isMapped || address < block.mapping ||
        address >= block.mapping + block.mappingBytes)
      continue;
    const char *end = start + block.bytes;
    if (block.isFreed)
      std::snprintf(buffer, size,
                    "uses a freed allocation of %" PRIu64 " bytes",
                    block.bytes);
    else if (address < start)
      std::snprintf(buffer, size,
                    "accesses memory %td bytes before the start of an "
                    "allocation of %" PRIu64 " bytes",
                    start - address, block.bytes);
    else if (address >= end)
      std::snprintf(buffer, size,
                    "accesses memory %td bytes beyond the end of an "
                    "allocation of %" PRIu64 " bytes",
                    address - end, block.bytes);
    else if (isHost)
      std::snprintf(buffer, size,
                    "touches device memory, in an allocation of %" PRIu64
                    " bytes",
                    block.bytes);
    else
      return false;
    return true;
  }
  return false;
}
