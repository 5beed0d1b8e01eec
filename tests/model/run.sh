#!/bin/sh
# Verifies the latch's model with spin, and that each mutant breaks an assertion. PUBLISHES=3 goes deeper (minutes, gigabytes).
set -eu
source=$(cd "$(dirname "$0")" && pwd)
publishes=${PUBLISHES:-2}
command -v spin >/dev/null || { echo "spin is not installed: the latch's model was not checked"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# search NAME FLAGS...: all executions; what was found is in $work/NAME/found.
search() {
    mkdir "$work/$1"
    cd "$work/$1"
    shift
    spin -DPUBLISHES="$publishes" "$@" -a "$source/latch.pml" >spin.out || { cat spin.out; exit 2; }
    cc -O2 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -o pan pan.c
    ./pan -m1000000 >found 2>&1 || { cat found; exit 2; }
    grep -E "assertion violated|states, stored|errors:" found
}

search latch
grep -q "errors: 0" found && ! grep -q "max search depth" found || { echo "FAIL: the latch's model"; exit 1; }
echo "ok: the latch holds ($publishes changes)"
for mutant in NO_SECOND_LOOK NO_PARK_LOOK NO_SECOND_PARK_LOOK ONE_PARKED NO_SECOND_COUNT EVEN_EARLY NOT_LEFT; do
    search "$mutant" "-D$mutant"
    grep -q "assertion violated" found || { echo "FAIL: nothing noticed $mutant"; exit 1; }
    echo "ok: $mutant fails, as it must"
done
