# What the measurements share: source it after customer.sh, do not run it.
rounds=${BENCH_ROUNDS:-$([ -n "${BENCH_QUICK:-}" ] && echo 1 || echo 5)}
window=$([ -n "${BENCH_QUICK:-}" ] && echo 20 || echo 60)

between() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", b - a }'; }
# median NUMBERS
median() { tr ' ' '\n' <<<"$1" | grep . | sort -n | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }

# took COMMAND...: the seconds that it took, into $took; what was stopped before is gone by then.
took() {
  local began
  sleep 3
  began=$(date +%s.%N)
  "$@" >/dev/null 2>&1 || fail "while measuring: $* failed"
  took=$(between "$began" "$(date +%s.%N)")
}
# converge VERSION: declares it, and waits until the Agent has brought it up.
converge() {
  wrktalkctl apply -f "$folder/$1.yaml" && wrktalkctl wait dd/wrktalk -n "$project" --for=condition=Ready --timeout 2m
}
# figure WHAT SECONDS-OF-THE-AGENT NAME SECONDS: the medians of all rounds.
figure() {
  local agent other; agent=$(median "$2"); other=$(median "$4")
  printf '%-44sAgent %.2f s, %s %.2f s, ratio %s\n' "$1" "$agent" "$3" "$other" "$(ratio "$agent" "$other")"
}

# milliseconds PID CPU|CHILDREN: of processor time.
milliseconds() { awk -v from="$([ "$2" = CPU ] && echo 14 || echo 16)" '{ print ($from + $(from + 1)) * 10 }' "/proc/$1/stat"; }
backend_requests() { curl -fs -H "Authorization: Bearer $WRKTALK_TOKEN" "$WRKTALK_SERVER/metrics" | awk '/^apiserver_request_total/ { sum += $NF } END { print sum + 0 }'; }
# in_sync [WHAT]: what the Agent costs while nothing is to be done.
in_sync() {
  local cpu children sent mark
  sleep 5
  cpu=$(milliseconds "$agent_pid" CPU); children=$(milliseconds "$agent_pid" CHILDREN); sent=$(backend_requests); mark=$(cluster_mark)
  sleep "$window"
  cpu=$(($(milliseconds "$agent_pid" CPU) - cpu)); children=$(($(milliseconds "$agent_pid" CHILDREN) - children)); sent=$(($(backend_requests) - sent))
  printf '%-44s%s ms of CPU, %s ms of child processes, %s API requests%s\n' "the Agent in sync for $window s${1:+, $1}" \
    "$cpu" "$children" "$sent" "$(cluster_requests "$mark")"
}
# Where the runtime's environment has an API server of its own, these are replaced.
cluster_mark() { :; }
cluster_requests() { :; }

# in_memory WHAT COMMAND...: the Agent's memory, beside the most that COMMAND needed.
in_memory() {
  local what=$1 resident peak; shift
  resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$agent_pid/status")
  peak=$( { /usr/bin/env time -f %M "$@" >/dev/null; } 2>&1 || echo 0)
  printf '%-44s%s MB resident, %s %s MB, ratio %s\n' "the Agent in memory${what:+, $what}" \
    "$((resident / 1024))" "$(basename "$1") ${*:2}" "$((peak / 1024))" "$(ratio "$resident" "$peak")"
}
