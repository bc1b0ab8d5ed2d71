#!/usr/bin/env bash
# Every fuzzer of fuzz/ for a while, one after the other: fails where one finds something.
# Usage: fuzz.sh [SECONDS for each, default 60] [TARGET...]
# FUZZERS=FOLDER takes what was built before and put there.
# Wants nightly and cargo-fuzz: rustup toolchain install nightly; cargo install cargo-fuzz --locked
set -euo pipefail
cd "$(dirname "$0")/../.."
SECONDS_EACH=${1:-60}
shift || true
TARGETS=("$@")
[ "${#TARGETS[@]}" -gt 0 ] || mapfile -t TARGETS < <(basename -s .rs -a fuzz/targets/*.rs)

# Which words a target's texts are made of.
dictionary() {
  case $1 in
    framing | headers | request | log) echo head ;;
    host | path | room) echo path ;;
    webhook | mattermost | plugin) echo json ;;
    configuration | pem) echo "$1" ;;
  esac
}
# What a target reads beside its seeds and what earlier runs found.
more() {
  case $1 in
    configuration) echo tests/config/valid tests/config/invalid examples ;;
  esac
}

BUILT=${FUZZERS:-}
if [ -z "$BUILT" ]; then
  echo "building; with the sanitizer this takes minutes the first time"
  cargo +nightly fuzz build >/dev/null
  BUILT=$(find fuzz/target -maxdepth 2 -name release -path '*-*' | head -1)
fi

figure() { sed -n "s/^stat::$1: *//p" "$2"; }
failed=0
printf '%-14s %12s %8s %7s %9s %8s %8s %9s\n' target executions a-second edges features corpus findings 'peak MiB'
for target in "${TARGETS[@]}"; do
  mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
  log=fuzz/artifacts/$target.log
  arguments=(-max_total_time="$SECONDS_EACH" -timeout=120 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1
    -artifact_prefix="fuzz/artifacts/$target/")
  words=$(dictionary "$target")
  [ -z "$words" ] || arguments+=(-dict="fuzz/dictionaries/$words.dict")
  status=0
  # shellcheck disable=SC2046
  "$BUILT/$target" "${arguments[@]}" "fuzz/corpus/$target" "fuzz/seeds/$target" $(more "$target") \
    >"$log" 2>&1 || status=$?
  findings=$(find "fuzz/artifacts/$target" -type f | wc -l)
  last=$(grep -aoE 'cov: [0-9]+ ft: [0-9]+ corp: [0-9]+' "$log" | tail -1)
  read -r _ edges _ features _ corpus <<<"${last:-_ 0 _ 0 _ 0}"
  printf '%-14s %12s %8s %7s %9s %8s %8s %9s\n' "$target" "$(figure number_of_executed_units "$log")" \
    "$(figure average_exec_per_sec "$log")" "$edges" "$features" "$corpus" "$findings" \
    "$(figure peak_rss_mb "$log")"
  if [ "$status" != 0 ] || [ "$findings" != 0 ]; then
    failed=1
    grep -aE 'panicked at|ERROR|SUMMARY' -A1 "$log" | head -6
    echo "again: cargo +nightly fuzz run $target fuzz/artifacts/$target/FILE; all it said: $log"
  fi
done
exit "$failed"
