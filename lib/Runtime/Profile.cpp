//===- Profile.cpp - Records of launches and memory -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Profile.h"
#include "Session.h"
#include "Support.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

Profile &Profile::get() { return getSession().profile; }

/// Records only what was asked for; memory is counted always.
static bool isRecording() { return getOptions().record; }

KernelStatistics &Profile::getKernel(StringRef name) {
  StringRef key = names.try_emplace(name, names.size()).first->getKey();
  KernelStatistics &kernel = kernels[key];
  if (kernel.name.empty())
    kernel.name = name.str();
  return kernel;
}

void Profile::addEvent(StringRef name, const char *category, uint64_t begin,
                       uint64_t end) {
  unsigned index = names.try_emplace(name, names.size()).first->second;
  events.push_back({index, category, begin, end});
}

void Profile::addLaunch(StringRef kernel, uint64_t begin, uint64_t end,
                        uint64_t bytesLoaded, uint64_t bytesStored) {
  if (!isRecording())
    return;
  std::lock_guard<std::mutex> lock(mutex);
  KernelStatistics &statistics = getKernel(kernel);
  ++statistics.launches;
  statistics.nanoseconds += end - begin;
  statistics.bytesLoaded += bytesLoaded;
  statistics.bytesStored += bytesStored;
  addEvent(kernel, "kernel", begin, end);
}

void Profile::addCompilation(StringRef kernel, uint64_t begin, uint64_t end) {
  if (!isRecording())
    return;
  std::lock_guard<std::mutex> lock(mutex);
  getKernel(kernel).compileNanoseconds += end - begin;
  addEvent(kernel, "compile", begin, end);
}

void Profile::addCall(StringRef name, uint64_t begin, uint64_t end) {
  if (!isRecording())
    return;
  std::lock_guard<std::mutex> lock(mutex);
  addEvent(name, "call", begin, end);
}

void Profile::recordMemory() {
  memory.peak = std::max(memory.peak, memory.live);
  if (isRecording())
    memoryEvents.push_back({now(), memory.live});
}

void Profile::addAllocation(const void *pointer, uint64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  allocations[pointer] = bytes;
  memory.live += bytes;
  recordMemory();
}

void Profile::removeAllocation(const void *pointer) {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = allocations.find(pointer);
  if (it == allocations.end())
    return;
  memory.live -= it->second;
  allocations.erase(it);
  recordMemory();
}

std::vector<KernelStatistics> Profile::getKernels() const {
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<KernelStatistics> result;
  for (const auto &[name, statistics] : kernels)
    result.push_back(statistics);
  return result;
}

MemoryStatistics Profile::getMemory() const {
  std::lock_guard<std::mutex> lock(mutex);
  return memory;
}

void Profile::reset() {
  std::lock_guard<std::mutex> lock(mutex);
  kernels.clear();
  events.clear();
  memoryEvents.clear();
  memory.peak = memory.live;
}

void Profile::writeTrace(raw_ostream &os) const {
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<StringRef> nameOf(names.size());
  for (const auto &entry : names)
    nameOf[entry.second] = entry.getKey();

  uint64_t origin = UINT64_MAX;
  for (const Event &event : events)
    origin = std::min(origin, event.begin);
  for (const MemoryEvent &event : memoryEvents)
    origin = std::min(origin, event.time);
  auto microseconds = [](uint64_t nanoseconds) {
    return static_cast<double>(nanoseconds) / 1000;
  };

  json::OStream json(os);
  json.object([&] {
    json.attribute("displayTimeUnit", "ms");
    json.attributeArray("traceEvents", [&] {
      for (const Event &event : events)
        json.object([&] {
          json.attribute("name", nameOf[event.name]);
          json.attribute("cat", event.category);
          json.attribute("ph", "X");
          json.attribute("ts", microseconds(event.begin - origin));
          json.attribute("dur", microseconds(event.end - event.begin));
          json.attribute("pid", 0);
          json.attribute("tid", 0);
        });
      for (const MemoryEvent &event : memoryEvents)
        json.object([&] {
          json.attribute("name", "device memory");
          json.attribute("ph", "C");
          json.attribute("ts", microseconds(event.time - origin));
          json.attribute("pid", 0);
          json.attributeObject("args", [&] {
            json.attribute("bytes", static_cast<int64_t>(event.live));
          });
        });
    });
  });
  os << "\n";
}

std::vector<KernelStatistics> runtime::getKernelStatistics() {
  return Profile::get().getKernels();
}

void runtime::resetStatistics() { Profile::get().reset(); }

MemoryStatistics runtime::getMemoryStatistics() {
  return Profile::get().getMemory();
}

void runtime::writeTrace(raw_ostream &os) { Profile::get().writeTrace(os); }
