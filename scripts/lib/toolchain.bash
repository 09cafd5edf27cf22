# What builds C++: the machine's cmake and compiler, else those from PyPI. To be sourced after setup.bash.
# shellcheck shell=bash

# Whether the machine can build C++20 by itself.
has_toolchain() {
  local compiler
  command -v cmake >/dev/null && { command -v ninja >/dev/null || command -v make >/dev/null; } || return 1
  compiler=$(command -v "${CXX:-c++}") || return 1
  # Older compilers lack the library that the core is written against.
  printf '#include <bit>\n#include <concepts>\n#include <span>\nint main() {}\n' |
    "$compiler" -std=c++20 -x c++ -fsyntax-only - 2>/dev/null
}

# Puts cmake, ninja and compilers on PATH, CC and CXX; needs UV and PYTHON.
make_toolchain() {
  if has_toolchain; then
    command -v ninja >/dev/null && export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
    export CC=${CC:-cc} CXX=${CXX:-c++}
    return 0
  fi
  make_environment build
  local tool zig compilers=$TOOLS/build/compilers
  mkdir -p "$compilers"
  zig=$("$TOOLS/build/bin/python" -c 'import ziglang; print(ziglang.__path__[0])')/zig
  for tool in cc c++ ar ranlib; do wrap_zig "$zig" "$tool" >"$compilers/$tool"; done
  chmod +x "$compilers"/*
  cat >"$compilers/toolchain.cmake" <<CMAKE
set(CMAKE_CXX_COMPILER "$compilers/c++")
set(CMAKE_AR "$compilers/ar" CACHE FILEPATH "")
set(CMAKE_RANLIB "$compilers/ranlib" CACHE FILEPATH "")
CMAKE
  # By name only: who builds Python packages takes a space in CC for the end of it.
  export PATH=$compilers:$TOOLS/build/bin:$PATH CC=cc CXX=c++
  export CMAKE_GENERATOR=Ninja CMAKE_TOOLCHAIN_FILE=$compilers/toolchain.cmake ZIG_GLOBAL_CACHE_DIR=$TOOLS/build/cache
}

# wrap_zig ZIG TOOL: writes a program that is a tool of zig's. Debian's Python asks for a linker option that zig does not
# know.
wrap_zig() {
  cat <<WRAPPER
#!/bin/sh
for argument; do
  shift
  [ "\$argument" = -Wl,-Bsymbolic-functions ] || set -- "\$@" "\$argument"
done
exec "$1" $2 "\$@"
WRAPPER
}

# What the tests need of the machine: sanitizers and Catch2 come with its own compiler only.
need_compiler() {
  command -v cmake >/dev/null || missing cmake "CMake"
  command -v ninja >/dev/null || missing ninja-build "Ninja"
  command -v "${CXX:-c++}" >/dev/null || missing g++ "a C++ compiler"
}

need_catch2() {
  printf '#if !__has_include(<catch2/catch.hpp>) && !__has_include(<catch2/catch_all.hpp>)\n#error\n#endif\n' |
    "${CXX:-c++}" -E -x c++ - >/dev/null 2>&1 || missing catch2 "Catch2"
}

# Sets CLANG to a compiler that has libFuzzer and knows C++20.
need_clang() {
  local candidate
  for candidate in clang++ clang++-{21,20,19,18,17}; do
    command -v "$candidate" >/dev/null || continue
    CLANG=$candidate
    [ "$("$candidate" -dumpversion | cut -d. -f1)" -lt 17 ] || return 0
  done
  missing clang-19 "Clang 17 or newer"
}

# Builds the simulator where its sources changed; sets SIMULATOR to the program. Needs a toolchain (make_toolchain).
build_simulator() {
  local build=$ROOT/build/simulator${CMAKE_TOOLCHAIN_FILE:+-zig}
  SIMULATOR=$build/alfaspark-sim
  [ -x "$SIMULATOR" ] || echo "Building the simulator ..." >&2
  # A folder that was made elsewhere or by another generator cannot be used again.
  configure "$build" || { rm -rf "$build" && configure "$build"; } ||
    fail "the simulator cannot be built: $(cat "$build.log")"
  cmake --build "$build" --target alfaspark-sim --parallel "$(nproc)" >"$build.log" 2>&1 ||
    fail "the simulator cannot be built: $(cat "$build.log")"
}

configure() {
  mkdir -p "$1" && cmake -S "$ROOT/firmware" -B "$1" >"$1.log" 2>&1
}
