// Functions that do not say what they take.

// RUN: not approx-act-runner %s --entry=nowhere 2>&1 | FileCheck %s --check-prefix=NOWHERE
// NOWHERE: error: the module defines no llvm.func 'nowhere'
// RUN: not approx-act-runner %s --entry=external 2>&1 | FileCheck %s --check-prefix=EXTERNAL
// EXTERNAL: error: the module defines no llvm.func 'external'
// RUN: not approx-act-runner %s --entry=silent 2>&1 | FileCheck %s --check-prefix=SILENT
// SILENT: error: expected an attribute 'approx_act.arguments' that lists memref types
// RUN: not approx-act-runner %s --entry=dynamic 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// DYNAMIC: error: expected memref types of static shape and identity layout in 'approx_act.arguments', found memref<?xf32>
// RUN: not approx-act-runner %s --entry=narrow 2>&1 | FileCheck %s --check-prefix=NARROW
// NARROW: error: elements of type 'i4' in 'approx_act.results' have no form in files
// RUN: not approx-act-runner %s --entry=huge 2>&1 | FileCheck %s --check-prefix=HUGE
// HUGE: error: more bytes than 64 bits can count in 'approx_act.arguments', found memref<4611686018427387904x3xf32>
// RUN: not approx-act-runner %s --entry=fields 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: error: expected 5 arguments, the fields of the memrefs in 'approx_act.arguments' and 'approx_act.results', and no result; found 1 arguments and result type '!llvm.void'
// RUN: not approx-act-runner %s --entry=interface 2>&1 | FileCheck %s --check-prefix=INTERFACE
// INTERFACE: error: function 'interface' has no C interface; lower it with the attribute llvm.emit_c_interface

module {
  llvm.func @external()
  llvm.func @silent() {
    llvm.return
  }
  llvm.func @dynamic() attributes {approx_act.arguments = [memref<?xf32>], approx_act.results = []} {
    llvm.return
  }
  llvm.func @narrow() attributes {approx_act.arguments = [], approx_act.results = [memref<2xi4>]} {
    llvm.return
  }
  llvm.func @huge() attributes {
      approx_act.arguments = [memref<4611686018427387904x3xf32>], approx_act.results = []} {
    llvm.return
  }
  llvm.func @fields(%x: !llvm.ptr) attributes {
      approx_act.arguments = [memref<2xf32>], approx_act.results = []} {
    llvm.return
  }
  llvm.func @interface() attributes {approx_act.arguments = [], approx_act.results = []} {
    llvm.return
  }
}
