/*===- Program.h - Lowered programs, for other languages ----------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/
/**
 * \file
 * Loads modules that are lowered to kernels and runs them on device memory, in
 * the process of the caller: the library `approx_act_program`. Any number of
 * programs can be loaded; calls may come from any thread, and one at a time is
 * carried out.
 *
 * A function that can fail returns null or false then, and
 * `approxActGetError` tells why. The program can be used further.
 */

#ifndef APPROX_ACT_C_PROGRAM_H
#define APPROX_ACT_C_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define APPROX_ACT_EXPORT __attribute__((visibility("default")))

typedef struct ApproxActProgram ApproxActProgram;
/** Memory of a program on its device. */
typedef struct ApproxActMemory ApproxActMemory;

/** What went wrong in the last call of this thread that failed; one line for
 * each message, with its location. Valid until the next failure. */
APPROX_ACT_EXPORT const char *approxActGetError(void);

/** Loads a module in the LLVM dialect, text or bytecode of MLIR, to run a
 * function of it; see docs/gpu.md for what that must be.
 * \param options names like those of the environment variable
 *   APPROX_ACT_RUNTIME, with commas between, beside those of the environment.
 */
APPROX_ACT_EXPORT ApproxActProgram *approxActProgramLoad(const char *module,
                                                         size_t bytes,
                                                         const char *function,
                                                         const char *options);
/** Releases a program. It is unloaded when its memory is released, too. */
APPROX_ACT_EXPORT void approxActProgramDestroy(ApproxActProgram *program);

/** Describes a program as JSON: `arguments` and `results`, lists of objects
 * with `type` (NumPy's name of the element type), `shape` and `bytes`;
 * `strict`, whether that option is in force, by which memory that is not of
 * approxActProgramAllocate is none for kernels, and its own none for others;
 * `launches`, the number of launches in a run by the name of the kernel; and
 * `calls`, that of calls of the runtime's contractions by the name of the
 * function. A loop whose length depends on data counts as one step, and of a
 * choice every branch. Needs no device. Valid as long as the program. */
APPROX_ACT_EXPORT const char *
approxActProgramDescribe(const ApproxActProgram *program);

/** Memory on the device, not initialised, for results and copies of arguments.
 * Aligned to 256 bytes, in strict mode to 16. The first use of a program's
 * device loads its kernels, and fails where there is no such device. */
APPROX_ACT_EXPORT ApproxActMemory *
approxActProgramAllocate(ApproxActProgram *program, uint64_t bytes);
APPROX_ACT_EXPORT void *
approxActMemoryGetPointer(const ApproxActMemory *memory);
/** Releases memory, which is freed when no export of it is left. In strict mode
 * it is an error if a kernel wrote a few bytes beside it. */
APPROX_ACT_EXPORT bool approxActMemoryRelease(ApproxActMemory *memory);
/** Exports memory with a result in it as a `DLManagedTensor` of DLPack, which
 * shares it and lives until its deleter is called. Null, which is no failure,
 * if DLPack has no such element type or the program no such result. */
APPROX_ACT_EXPORT void *approxActMemoryExport(const ApproxActMemory *memory,
                                              unsigned result);
/** Copies between device and host in any direction. */
APPROX_ACT_EXPORT bool approxActProgramCopy(ApproxActProgram *program, void *to,
                                            const void *from, uint64_t bytes);

/** Runs the function and waits for it. Statistics and trace are of the last
 * run.
 * \param buffers memory of the device, aligned to 16 bytes, for each argument
 *   and then each result. On the CPU that is any memory, but in strict mode. */
APPROX_ACT_EXPORT bool approxActProgramRun(ApproxActProgram *program,
                                           void *const *buffers);

/** Tells of the last run as JSON: `microseconds` of the whole; `peak_bytes`,
 * the most device memory that the program had at a time, with what contractions
 * need beside (but for oneDNN's own), and without arguments that are not of
 * approxActProgramAllocate; and with the option `record` `kernels`,
 * a list of objects with `name`, `launches`, `microseconds`,
 * `compile_microseconds`, `bytes_loaded` and `bytes_stored` (zero without the
 * option `count-accesses`). Valid until the next call for the program. */
APPROX_ACT_EXPORT const char *
approxActProgramStatistics(ApproxActProgram *program);
/** Writes a trace of the last run to a file, for chrome://tracing or Perfetto;
 * without the option `record` it is empty. */
APPROX_ACT_EXPORT bool approxActProgramWriteTrace(ApproxActProgram *program,
                                                  const char *file);

#ifdef __cplusplus
}
#endif

#endif /* APPROX_ACT_C_PROGRAM_H */
