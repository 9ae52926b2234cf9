//===- RunnerMain.cpp - The tool that runs modules ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Runner/RunnerMain.h"
#include "approx-act/Runner/Buffers.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"
#include <chrono>

using namespace mlir;
using namespace mlir::approx_act;
namespace cl = llvm::cl;

/// The options of the tool, among those that libLLVM brings.
static cl::OptionCategory &getCategory() {
  static cl::OptionCategory category("Options of approx-act-runner");
  return category;
}

namespace {
/// The command line.
struct CommandLine {
  cl::opt<std::string> file{cl::Positional, cl::desc("<module>"), cl::init("-"),
                            cl::cat(getCategory())};
  cl::opt<std::string> entry{"entry", cl::desc("function to run"),
                             cl::init("main"), cl::cat(getCategory())};
  cl::list<std::string> inputs{
      "input",
      cl::desc("array of the next argument (.npy), or of all arguments that an "
               "archive names arr_0, arr_1, ... (.npz)"),
      cl::value_desc("file"), cl::cat(getCategory())};
  cl::list<std::string> outputs{
      "output",
      cl::desc("file for the next result (.npy), or for all results as arr_0, "
               "arr_1, ... (.npz)"),
      cl::value_desc("file"), cl::cat(getCategory())};
  cl::opt<unsigned> repeat{"repeat", cl::desc("times to run the function"),
                           cl::init(1), cl::cat(getCategory())};
  cl::opt<unsigned> warmup{
      "warmup", cl::desc("runs before those, which are not measured"),
      cl::init(0), cl::cat(getCategory())};
  cl::list<std::string> feeds{
      "feed",
      cl::desc("after each run, copy a result to an argument: "
               "<result>:<argument>"),
      cl::value_desc("r:a"), cl::CommaSeparated, cl::cat(getCategory())};
  cl::opt<bool> strict{
      "strict",
      cl::desc("on the CPU, make what is undefined on a GPU an error"),
      cl::cat(getCategory())};
  cl::opt<bool> reverseThreads{
      "reverse-threads",
      cl::desc("on the CPU, run threads and blocks from last to first"),
      cl::cat(getCategory())};
  cl::opt<bool> poison{"poison",
                       cl::desc("on the CPU, fill fresh memory with NaN"),
                       cl::cat(getCategory())};
  cl::opt<bool> countAccesses{
      "count-accesses",
      cl::desc("on the CPU, count bytes of global memory; shown by --timings"),
      cl::cat(getCategory())};
  cl::opt<bool> timings{
      "timings", cl::desc("print the time of runs and of every kernel, as CSV"),
      cl::cat(getCategory())};
  cl::opt<bool> peakMemory{"peak-memory",
                           cl::desc("print the peak of device memory"),
                           cl::cat(getCategory())};
  cl::opt<std::string> trace{
      "trace", cl::desc("write a trace for chrome://tracing or Perfetto"),
      cl::value_desc("file"), cl::cat(getCategory())};
};

/// Carries out a command line.
class Runner {
public:
  explicit Runner(const CommandLine &options) : options(options) {}
  llvm::Error run(ModuleOp module);

private:
  llvm::Error readInputs();
  llvm::Error parseFeeds();
  llvm::Error openOutputs();
  llvm::Error runAll();
  llvm::Error writeOutputs();
  void printTimings();

  const CommandLine &options;
  std::unique_ptr<Program> program;
  std::optional<Buffers> buffers;
  SmallVector<Feed> feeds;
  /// The files for results, and that for the trace.
  SmallVector<std::unique_ptr<llvm::ToolOutputFile>> outputs;
  std::unique_ptr<llvm::ToolOutputFile> trace;
  /// Microseconds of every run.
  SmallVector<double> times;
};
} // namespace

static llvm::Error inFile(StringRef file, llvm::Error error) {
  return llvm::createStringError(file + ": " +
                                 llvm::toString(std::move(error)));
}

static bool isArchive(StringRef file) { return file.ends_with(".npz"); }

/// The name of an array by its number, as numpy.savez gives it.
static std::string getArrayName(unsigned index) {
  return "arr_" + std::to_string(index);
}

llvm::Error Runner::readInputs() {
  unsigned count = program->getSignature().arguments.size();
  llvm::SmallVector<bool> isGiven(count, false);
  auto set = [&](unsigned index, const Array &array) -> llvm::Error {
    if (index >= count)
      return llvm::createStringError("an array for argument " + Twine(index) +
                                     "; the function has " + Twine(count));
    if (std::exchange(isGiven[index], true))
      return llvm::createStringError("a second array for argument " +
                                     Twine(index));
    return buffers->setArgument(index, array);
  };
  unsigned next = 0;
  for (const std::string &file : options.inputs) {
    std::string message;
    std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(file, &message);
    if (!buffer)
      return llvm::createStringError(message);
    if (!isArchive(file)) {
      llvm::Expected<Array> array = readNpy(buffer->getBuffer());
      if (!array)
        return inFile(file, array.takeError());
      if (llvm::Error error = set(next++, *array))
        return inFile(file, std::move(error));
      continue;
    }
    llvm::Expected<std::vector<NamedArray>> arrays =
        readNpz(buffer->getBuffer());
    if (!arrays)
      return inFile(file, arrays.takeError());
    for (const auto &[name, array] : *arrays) {
      StringRef number = name;
      unsigned index;
      if (!number.consume_front("arr_") || number.getAsInteger(10, index))
        return llvm::createStringError(Twine(file) +
                                       ": expected arrays named arr_0, arr_1, "
                                       "..., found '" +
                                       name + "'");
      if (llvm::Error error = set(index, array))
        return inFile(file, std::move(error));
    }
  }
  for (auto [index, given] : llvm::enumerate(isGiven))
    if (!given)
      return llvm::createStringError("argument " + Twine(index) +
                                     " has no input");
  return llvm::Error::success();
}

llvm::Error Runner::parseFeeds() {
  for (StringRef text : options.feeds) {
    Feed feed;
    auto [result, argument] = text.split(':');
    if (result.getAsInteger(10, feed.result) ||
        argument.getAsInteger(10, feed.argument))
      return llvm::createStringError(
          "--feed: expected <result>:<argument>, found '" + text + "'");
    if (llvm::Error error = buffers->checkFeed(feed))
      return llvm::createStringError("--feed: " +
                                     llvm::toString(std::move(error)));
    feeds.push_back(feed);
  }
  return llvm::Error::success();
}

/// Before anything runs, for that may take long.
llvm::Error Runner::openOutputs() {
  auto open = [](const std::string &file,
                 std::unique_ptr<llvm::ToolOutputFile> &output) {
    std::string message;
    output = openOutputFile(file, &message);
    return output ? llvm::Error::success() : llvm::createStringError(message);
  };
  unsigned count = program->getSignature().results.size();
  unsigned next = 0;
  for (const std::string &file : options.outputs) {
    if (!isArchive(file) && next++ >= count)
      return llvm::createStringError(Twine(file) + ": a file for result " +
                                     Twine(count) + "; the function has " +
                                     Twine(count));
    if (llvm::Error error = open(file, outputs.emplace_back()))
      return error;
  }
  return options.trace.empty() ? llvm::Error::success()
                               : open(options.trace, trace);
}

llvm::Error Runner::runAll() {
  if (options.repeat == 0)
    return llvm::createStringError("--repeat: the function runs at least once");
  using Clock = std::chrono::steady_clock;
  uint64_t count = uint64_t(options.warmup) + options.repeat;
  for (uint64_t i = 0; i < count; ++i) {
    if (i == options.warmup && i > 0)
      program->resetStatistics();
    if (i > 0)
      for (const Feed &feed : feeds)
        if (llvm::Error error = buffers->feed(feed))
          return error;
    Clock::time_point begin = Clock::now();
    if (llvm::Error error = buffers->run())
      return error;
    if (i >= options.warmup)
      times.push_back(
          std::chrono::duration<double, std::micro>(Clock::now() - begin)
              .count());
  }
  return llvm::Error::success();
}

llvm::Error Runner::writeOutputs() {
  unsigned count = program->getSignature().results.size();
  unsigned next = 0;
  for (auto [file, output] : llvm::zip_equal(options.outputs, outputs)) {
    if (isArchive(file)) {
      std::vector<NamedArray> arrays;
      arrays.reserve(count);
      for (unsigned i = 0; i < count; ++i) {
        llvm::Expected<Array> array = buffers->getResult(i);
        if (!array)
          return array.takeError();
        arrays.emplace_back(getArrayName(i), std::move(*array));
      }
      if (llvm::Error error = writeNpz(output->os(), arrays))
        return inFile(file, std::move(error));
    } else {
      llvm::Expected<Array> array = buffers->getResult(next++);
      if (!array)
        return array.takeError();
      writeNpy(output->os(), *array);
    }
    output->keep();
  }
  return llvm::Error::success();
}

void Runner::printTimings() {
  raw_ostream &os = llvm::outs();
  os << "run,microseconds\n";
  for (auto [index, time] : llvm::enumerate(times))
    os << index << "," << llvm::formatv("{0:f1}", time) << "\n";
  os << "kernel,launches,microseconds,compile microseconds";
  if (options.countAccesses)
    os << ",bytes loaded,bytes stored";
  os << "\n";
  for (const runtime::KernelStatistics &kernel :
       program->getKernelStatistics()) {
    os << kernel.name << "," << kernel.launches << ","
       << llvm::formatv("{0:f1},{1:f1}", kernel.nanoseconds / 1e3,
                        kernel.compileNanoseconds / 1e3);
    if (options.countAccesses)
      os << "," << kernel.bytesLoaded << "," << kernel.bytesStored;
    os << "\n";
  }
}

llvm::Error Runner::run(ModuleOp module) {
  // Beside those of the environment.
  llvm::Expected<runtime::Options> runtimeOptions = runtime::parseEnvironment();
  if (!runtimeOptions)
    return runtimeOptions.takeError();
  runtimeOptions->add({options.strict, options.reverseThreads, options.poison,
                       options.countAccesses,
                       options.timings || !options.trace.empty()});

  llvm::Expected<std::unique_ptr<Program>> created =
      Program::create(module, options.entry, *runtimeOptions);
  if (!created)
    return created.takeError();
  program = std::move(*created);
  if (llvm::Error error = program->load())
    return error;
  buffers.emplace(*program);
  if (llvm::Error error = buffers->allocate())
    return error;
  for (auto step :
       {&Runner::readInputs, &Runner::parseFeeds, &Runner::openOutputs,
        &Runner::runAll, &Runner::writeOutputs})
    if (llvm::Error error = (this->*step)())
      return error;
  if (options.timings)
    printTimings();
  if (options.peakMemory)
    llvm::outs() << "peak of device memory: "
                 << program->getMemoryStatistics().peak << " bytes\n";
  if (trace) {
    program->writeTrace(trace->os());
    trace->keep();
  }
  return buffers->release();
}

LogicalResult approx_act::runnerMain(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  CommandLine options;
  cl::HideUnrelatedOptions(getCategory());
  cl::ParseCommandLineOptions(
      argc, argv,
      "approx-act-runner: runs a training step that is lowered to the LLVM "
      "dialect\n\nKernels in the form of LLVM bitcode run on the CPU, others "
      "on "
      "a CUDA device.\n");

  DialectRegistry registry;
  registerProgramDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);

  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file =
      openInputFile(options.file, &message);
  if (!file) {
    llvm::WithColor::error() << message << "\n";
    return failure();
  }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sources, &context);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  if (!module)
    return failure();
  if (llvm::Error error = Runner(options).run(*module)) {
    llvm::WithColor::error() << llvm::toString(std::move(error)) << "\n";
    return failure();
  }
  return success();
}
