# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Warnings are errors in our own code; headers of LLVM are system headers.
function(approx_act_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror
                         -Wno-unused-parameter -fno-rtti)
endfunction()

# approx_act_library(name sources... [LINK_LIBS libs...])
#
# A static library of the project. MLIR itself is linked once, as the shared
# library, by the tools.
function(approx_act_library name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  approx_act_compile_options(${name})
  add_dependencies(${name} approx-act-headers)
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS})
endfunction()

# approx_act_tool(name sources... [LINK_LIBS libs...])
function(approx_act_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  approx_act_compile_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} MLIR LLVM)
  # Where the project's shared libraries are, once installed.
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
  install(TARGETS ${name} RUNTIME DESTINATION bin COMPONENT approx-act-tools)
  # Of a wheel, bin/ is inside the package; people find the tools on their PATH.
  if(SKBUILD)
    install(TARGETS ${name} RUNTIME DESTINATION ${SKBUILD_SCRIPTS_DIR}
            COMPONENT approx-act-tools)
  endif()
endfunction()

# approx_act_shared_library(name sources... [LINK_LIBS libs...])
#
# A shared library of the project, of which only what is marked for export can be
# seen. It leaves nothing for others to define.
function(approx_act_shared_library name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_library(${name} SHARED ${ARG_UNPARSED_ARGUMENTS})
  approx_act_compile_options(${name})
  target_compile_options(${name} PRIVATE -fvisibility=hidden)
  add_dependencies(${name} approx-act-headers)
  target_link_options(${name} PRIVATE -Wl,-z,defs -Wl,--exclude-libs,ALL)
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS})
  # Beside each other, once installed.
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN")
  install(TARGETS ${name} LIBRARY DESTINATION lib COMPONENT approx-act-tools)
  # Beside the scripts, too.
  if(SKBUILD)
    install(TARGETS ${name} LIBRARY DESTINATION ${SKBUILD_DATA_DIR}/lib
            COMPONENT approx-act-tools)
  endif()
endfunction()

# approx_act_tablegen(target td (generator output)...)
#
# Runs mlir-tblgen once for each output and makes every library wait for it.
function(approx_act_tablegen target td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(args ${ARGN})
  while(args)
    list(POP_FRONT args output generator)
    separate_arguments(generator)
    mlir_tablegen(${output} ${generator})
  endwhile()
  add_public_tablegen_target(${target})
  add_dependencies(approx-act-headers ${target})
endfunction()

# approx_act_doc(name td output generator...)
#
# Adds one page of docs/reference to the target approx-act-doc. The pages are
# committed, so that they can be read without a build.
function(approx_act_doc name td output)
  set(LLVM_TARGET_DEFINITIONS ${td})
  tablegen(MLIR ${output}.md ${ARGN} "-I${MLIR_MAIN_INCLUDE_DIR}"
           "-I${CMAKE_SOURCE_DIR}/include")
  set(page ${CMAKE_SOURCE_DIR}/docs/reference/${output}.md)
  add_custom_target(approx-act-doc-${name}
    COMMAND ${CMAKE_COMMAND} -E copy
            ${CMAKE_CURRENT_BINARY_DIR}/${output}.md ${page}
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${output}.md)
  add_dependencies(approx-act-doc approx-act-doc-${name})
endfunction()
