# Settings and functions shared by the scripts of the testbed: source it, do not run it.
#   TESTBED_CACHE  what is downloaded or built once per machine
#   TESTBED_STATE  what a running testbed writes: logs, process ids, and `environment`, the variables the tests read
set -euo pipefail
TESTBED_CACHE=${TESTBED_CACHE:-$HOME/.cache/wrktalk-testbed}
TESTBED_STATE=${TESTBED_STATE:-/tmp/wrktalk-testbed-$(id -u)}
TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$TESTBED_CACHE/bin" "$TESTBED_STATE"
export PATH="$TESTBED_CACHE/bin:$PATH"

say() { printf '%s\n' "testbed: $*"; }
fail() { printf '%s\n' "testbed: $*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# install_packages PACKAGE...: installs the Debian packages that are missing, and says which.
install_packages() {
  local missing=() package
  for package in "$@"; do dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "these packages are missing and there is no apt-get to install them: ${missing[*]}"
  say "installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$TESTBED_STATE/apt.log" 2>&1 ||
    { tail -5 "$TESTBED_STATE/apt.log" >&2; fail "apt-get could not install ${missing[*]}"; }
}

# Where this machine gets Debian's packages from.
debian_mirror() {
  local mirror=
  if grep -qx 'ID=debian' /etc/os-release; then
    mirror=$( (cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '/^URIs:/ { print $2; exit }'; awk '/^deb / { for (i = 2; i <= NF; i++) if ($i ~ /^http/) { print $i; exit } }' /etc/apt/sources.list 2>/dev/null) | head -1 || true)
  fi
  echo "${mirror:-https://deb.debian.org/debian}"
}

# start NAME COMMAND...: runs COMMAND in the background, its log and process id under $TESTBED_STATE.
start() {
  local name=$1; shift
  TESTBED_PROCESS=$name setsid nohup "$@" >"$TESTBED_STATE/$name.log" 2>&1 </dev/null &
  echo $! >"$TESTBED_STATE/$name.pid"
}
# running NAME: whether what `start NAME` began still runs, and not another program that has its process id by now.
running() {
  local pid; pid=$(cat "$TESTBED_STATE/$1.pid" 2>/dev/null) || return 1
  grep -qzx "TESTBED_PROCESS=$1" "/proc/$pid/environ" 2>/dev/null
}
# stop NAME: ends it, and waits until it has ended.
stop() {
  local pid n
  if running "$1"; then
    pid=$(cat "$TESTBED_STATE/$1.pid")
    kill "$pid" 2>/dev/null || true
    for ((n = 0; n < 150; n++)); do running "$1" || break; sleep 0.2; done
    ! running "$1" || kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$TESTBED_STATE/$1.pid"
}
# wait_for SECONDS WHAT COMMAND...: until COMMAND succeeds.
wait_for() {
  local seconds=$1 what=$2 n; shift 2
  for ((n = 0; n < seconds * 5; n++)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
  fail "$what did not come up within $seconds s; its log is in $TESTBED_STATE"
}
# publish NAME VALUE: tells the tests (through `environment`) that a facility is there.
publish() {
  touch "$TESTBED_STATE/environment"
  grep -v "^export $1=" "$TESTBED_STATE/environment" >"$TESTBED_STATE/environment.new" || true
  printf 'export %s=%q\n' "$1" "$2" >>"$TESTBED_STATE/environment.new"
  mv "$TESTBED_STATE/environment.new" "$TESTBED_STATE/environment"
}
