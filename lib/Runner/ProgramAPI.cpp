//===- ProgramAPI.cpp - Lowered programs, for other languages -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DLPack.h"
#include "RunCounts.h"
#include "approx-act-c/Program.h"
#include "approx-act/Runner/Program.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include <chrono>

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// A program, and the context of the types in its signature.
struct Loaded {
  explicit Loaded(const DialectRegistry &registry)
      : context(registry, MLIRContext::Threading::DISABLED) {}

  MLIRContext context;
  std::unique_ptr<Program> program;
};

/// A piece of a program's memory.
struct Allocation {
  std::shared_ptr<Program> program;
  void *pointer;

  Allocation(std::shared_ptr<Program> program, void *pointer)
      : program(std::move(program)), pointer(pointer) {}
  Allocation(const Allocation &) = delete;
  Allocation &operator=(const Allocation &) = delete;
  ~Allocation() { llvm::consumeError(free()); }

  llvm::Error free() {
    if (void *freed = std::exchange(pointer, nullptr))
      return program->free(freed);
    return llvm::Error::success();
  }
};
} // namespace

struct ApproxActProgram {
  std::shared_ptr<Program> program;
  std::string description;
  std::string statistics;
  double microseconds = 0;
};

struct ApproxActMemory {
  std::shared_ptr<Allocation> allocation;
};

static std::string &getLastError() {
  static thread_local std::string message;
  return message;
}

const char *approxActGetError() { return getLastError().c_str(); }

/// Keeps an error for the caller; whether there was none.
static bool succeed(llvm::Error error) {
  if (!error)
    return true;
  getLastError() = llvm::toString(std::move(error));
  return false;
}

static void writeParameters(llvm::json::OStream &json, StringRef key,
                            ArrayRef<Parameter> parameters) {
  json.attributeArray(key, [&] {
    for (const Parameter &parameter : parameters)
      json.object([&] {
        json.attribute("type", parameter.elementType);
        json.attributeArray("shape", [&] {
          for (int64_t size : parameter.type.getShape())
            json.value(size);
        });
        json.attribute("bytes", parameter.getBytes());
      });
  });
}

static std::string describe(ModuleOp module, const Signature &signature,
                            const runtime::Options &options) {
  llvm::MapVector<StringAttr, int64_t> launches;
  // Contractions, the functions that compiled code calls by these names.
  llvm::MapVector<StringRef, int64_t> calls;
  for (auto func : module.getOps<LLVM::LLVMFuncOp>()) {
    RunCounts counts(func.getBody());
    func.walk([&](Operation *op) {
      int64_t count = counts.lookup(op->getBlock());
      if (auto launch = dyn_cast<gpu::LaunchFuncOp>(op))
        launches[launch.getKernelName()] += count;
      auto call = dyn_cast<LLVM::CallOp>(op);
      StringRef callee = call ? call.getCallee().value_or("") : "";
      if (callee.starts_with("approxAct"))
        calls[callee] += count;
    });
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os);
  json.object([&] {
    writeParameters(json, "arguments", signature.arguments);
    writeParameters(json, "results", signature.results);
    json.attribute("strict", options.strict);
    json.attributeObject("launches", [&] {
      for (auto [kernel, count] : launches)
        json.attribute(kernel.getValue(), count);
    });
    json.attributeObject("calls", [&] {
      for (auto [callee, count] : calls)
        json.attribute(callee, count);
    });
  });
  return text;
}

/// Parses a module and makes a program of it.
static llvm::Expected<std::unique_ptr<ApproxActProgram>>
load(StringRef text, StringRef function, StringRef options) {
  llvm::Expected<runtime::Options> runtimeOptions = runtime::parseEnvironment();
  if (!runtimeOptions)
    return runtimeOptions.takeError();
  llvm::Expected<runtime::Options> given = runtime::parseOptions(options);
  if (!given)
    return given.takeError();
  runtimeOptions->add(*given);

  DialectRegistry registry;
  registerProgramDialects(registry);
  auto loaded = std::make_shared<Loaded>(registry);
  MLIRContext *context = &loaded->context;
  std::string messages;
  llvm::raw_string_ostream os(messages);
  ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
    os << diagnostic.getLocation() << ": " << diagnostic << "\n";
    return success();
  });
  auto withMessages = [&](llvm::Error error) {
    return llvm::createStringError(messages + llvm::toString(std::move(error)));
  };
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(text, ParserConfig(context), "<module>");
  if (!module)
    return withMessages(llvm::createStringError("the module cannot be read"));
  llvm::Expected<std::unique_ptr<Program>> program =
      Program::create(*module, function, *runtimeOptions);
  if (!program)
    return withMessages(program.takeError());
  auto result = std::make_unique<ApproxActProgram>();
  result->description =
      describe(*module, (*program)->getSignature(), *runtimeOptions);
  loaded->program = std::move(*program);
  result->program = std::shared_ptr<Program>(loaded, loaded->program.get());
  return std::move(result);
}

ApproxActProgram *approxActProgramLoad(const char *module, size_t bytes,
                                       const char *function,
                                       const char *options) {
  llvm::Expected<std::unique_ptr<ApproxActProgram>> program =
      load(StringRef(module, bytes), function, options);
  if (program)
    return program->release();
  (void)succeed(program.takeError());
  return nullptr;
}

void approxActProgramDestroy(ApproxActProgram *program) { delete program; }

const char *approxActProgramDescribe(const ApproxActProgram *program) {
  return program->description.c_str();
}

ApproxActMemory *approxActProgramAllocate(ApproxActProgram *program,
                                          uint64_t bytes) {
  if (!succeed(program->program->load()))
    return nullptr;
  llvm::Expected<void *> memory = program->program->allocate(bytes);
  if (memory)
    return new ApproxActMemory{
        std::make_shared<Allocation>(program->program, *memory)};
  (void)succeed(memory.takeError());
  return nullptr;
}

void *approxActMemoryGetPointer(const ApproxActMemory *memory) {
  return memory->allocation->pointer;
}

bool approxActMemoryRelease(ApproxActMemory *memory) {
  std::unique_ptr<ApproxActMemory> released(memory);
  return memory->allocation.use_count() > 1 ||
         succeed(memory->allocation->free());
}

void *approxActMemoryExport(const ApproxActMemory *memory, unsigned result) {
  const Program &program = *memory->allocation->program;
  if (result >= program.getSignature().results.size())
    return nullptr;
  return dlpack::makeTensor(program.getSignature().results[result],
                            memory->allocation->pointer, program.isForCPU(),
                            memory->allocation);
}

bool approxActProgramCopy(ApproxActProgram *program, void *to, const void *from,
                          uint64_t bytes) {
  return succeed(program->program->load()) &&
         succeed(program->program->copy(to, from, bytes));
}

bool approxActProgramRun(ApproxActProgram *program, void *const *buffers) {
  if (!succeed(program->program->load()))
    return false;
  const Signature &signature = program->program->getSignature();
  SmallVector<void *> pointers(buffers, buffers + signature.arguments.size() +
                                            signature.results.size());
  program->program->resetStatistics();
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  bool isDone = succeed(program->program->run(pointers));
  program->microseconds =
      std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  return isDone;
}

const char *approxActProgramStatistics(ApproxActProgram *program) {
  program->statistics.clear();
  llvm::raw_string_ostream os(program->statistics);
  llvm::json::OStream json(os);
  json.object([&] {
    json.attribute("microseconds", program->microseconds);
    json.attribute(
        "peak_bytes",
        static_cast<int64_t>(program->program->getMemoryStatistics().peak));
    json.attributeArray("kernels", [&] {
      for (const runtime::KernelStatistics &kernel :
           program->program->getKernelStatistics())
        json.object([&] {
          json.attribute("name", kernel.name);
          json.attribute("launches", static_cast<int64_t>(kernel.launches));
          json.attribute("microseconds",
                         static_cast<double>(kernel.nanoseconds) / 1000);
          json.attribute("compile_microseconds",
                         static_cast<double>(kernel.compileNanoseconds) / 1000);
          json.attribute("bytes_loaded",
                         static_cast<int64_t>(kernel.bytesLoaded));
          json.attribute("bytes_stored",
                         static_cast<int64_t>(kernel.bytesStored));
        });
    });
  });
  return program->statistics.c_str();
}

bool approxActProgramWriteTrace(ApproxActProgram *program, const char *file) {
  std::error_code code;
  llvm::raw_fd_ostream os(file, code);
  if (code)
    return succeed(llvm::createFileError(file, code));
  program->program->writeTrace(os);
  os.close();
  return succeed(os.has_error() ? llvm::createFileError(file, os.error())
                                : llvm::Error::success());
}
