# What the scripts need before they can do their work: uv, an interpreter, Python environments. To be sourced.
#
# A script first names what it needs (need_*), then calls stop_if_missing, and only then downloads (make_*).
# shellcheck shell=bash

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
TOOLS=$ROOT/.tools
OLDEST_PYTHON=3.14.2
MISSING=()  # Debian packages
REASONS=()

# Variables, because an older uv ignores what it does not know: leave the user's own programs alone, make environments
# anew, take no interpreter of the system's (find_python has looked at those).
export UV_PYTHON_INSTALL_BIN=0 UV_VENV_CLEAR=1 UV_PYTHON_PREFERENCE=only-managed
# Not every user can write to a home.
[ -w "${HOME:-/nonexistent}" ] || export UV_CACHE_DIR=${UV_CACHE_DIR:-$TOOLS/cache}

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# missing PACKAGE REASON: remembers what stop_if_missing tells.
missing() {
  MISSING+=("$1")
  REASONS+=("$2")
}

# Ends the script where something is missing, with one line that says how to get it.
stop_if_missing() {
  [ ${#MISSING[@]} -gt 0 ] || return 0
  local reasons
  printf -v reasons '%s; ' "${REASONS[@]}"
  fail "missing: ${reasons%; }. Install with: sudo apt install ${MISSING[*]}"
}

is_recent_python() {
  "$1" -c 'import sys; sys.exit(sys.version_info < tuple(map(int, sys.argv[1].split("."))))' "$OLDEST_PYTHON" \
    2>/dev/null
}

# Some packages of Home Assistant's come as source, which is compiled against the interpreter's headers.
has_headers() {
  "$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}

# Sets PYTHON to the interpreter that the machine has, empty where make_python is to find or install one.
find_python() {
  local candidate path candidates=(python3.14 python3 python)
  [ -z "${UV_PYTHON:-}" ] || candidates=("$UV_PYTHON")
  PYTHON=
  for candidate in "${candidates[@]}"; do
    path=$(command -v "$candidate") || continue
    if is_recent_python "$path" && has_headers "$path"; then
      PYTHON=$path
      return
    fi
  done
  if [ -n "${UV_PYTHON:-}" ] && path=$(command -v "$UV_PYTHON"); then
    is_recent_python "$path" || fail "UV_PYTHON=$UV_PYTHON is not a Python $OLDEST_PYTHON or newer"
    missing python3.14-dev "the headers of UV_PYTHON=$UV_PYTHON"
    PYTHON=$path
  fi
}

# Sets UV, empty where uv is yet to be installed by make_uv.
need_uv() {
  UV=$(command -v uv) || UV=
  [ -z "$UV" ] || return 0
  # What this uv installs shall not be found outside the clone.
  export UV_PYTHON_INSTALL_DIR=${UV_PYTHON_INSTALL_DIR:-$TOOLS/python}
  if [ -x "$TOOLS/uv/bin/uv" ]; then
    UV=$TOOLS/uv/bin/uv
  elif ! pip_python >/dev/null; then
    missing python3-pip "uv (or Python 3 with pip to install it)"
  fi
}

pip_python() {
  local candidate
  for candidate in "$PYTHON" python3; do
    if [ -n "$candidate" ] && "$candidate" -m pip --version >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

make_uv() {
  [ -z "$UV" ] || return 0
  echo "Installing uv into .tools ..."
  PIP_ROOT_USER_ACTION=ignore "$(pip_python)" -m pip install --quiet --disable-pip-version-check \
    --require-hashes --target "$TOOLS/uv" -r "$ROOT/requirements/uv.txt" || fail "uv could not be installed; the lines above say why"
  UV=$TOOLS/uv/bin/uv
}

make_python() {
  [ -z "$PYTHON" ] || return 0
  local wanted=${UV_PYTHON:-3.14}
  if ! PYTHON=$("$UV" python find --no-python-downloads "$wanted" 2>/dev/null) ||
    ! is_recent_python "$PYTHON"; then
    echo "Installing Python $wanted into .tools ..."
    "$UV" python install --quiet "$wanted" ||
      fail "Python $wanted could not be downloaded; set UV_PYTHON to the path of a Python $OLDEST_PYTHON or newer"
    PYTHON=$("$UV" python find "$wanted")
  fi
  is_recent_python "$PYTHON" || fail "$PYTHON is older than Python $OLDEST_PYTHON"
}

# make_environment NAME: the virtual environment .tools/NAME holds exactly what requirements/NAME.txt says.
make_environment() {
  local requirements=$ROOT/requirements/$1.txt environment=$TOOLS/$1 stamp
  stamp=$({ cat "$requirements"; "$PYTHON" -VV; echo "$ROOT"; } | sha256sum)
  [ "$stamp" != "$(cat "$environment/stamp" 2>/dev/null)" ] || return 0
  echo "Installing requirements/$1.txt into .tools/$1 ..."
  if ! "$UV" venv --quiet --python "$PYTHON" "$environment" ||
    ! "$UV" pip install --quiet --require-hashes --python "$environment/bin/python" -r "$requirements" \
      --build-constraints "$ROOT/requirements/backends.txt"; then
    fail "the Python packages could not be installed; the lines above say why"
  fi
  echo "$stamp" >"$environment/stamp"
}

# Debian has it where only root looks for programs.
need_mosquitto() {
  PATH=$PATH:/usr/sbin command -v mosquitto >/dev/null || missing mosquitto "an MQTT broker"
}

need_chromium() {
  local program
  for program in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$program" >/dev/null; then return; fi
  done
  missing chromium "Chromium (for screenshots)"
}
