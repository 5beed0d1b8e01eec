# What deploy/up and deploy/down share: is a process still the one that was started, and how it is ended.
# shellcheck shell=bash

# Is the process of this pid file still the program it was started as? (the pid may be somebody else's by now)
runs() { # PIDFILE WORD-OF-ITS-COMMAND-LINE
    [ -s "$1" ] && tr '\0' '\n' 2>/dev/null <"/proc/$(cat "$1")/cmdline" | grep -qxF "$2"
}

# Ends it when it is the one that was started; its whole session when it leads one.
stop() { # NAME PIDFILE WORD SECONDS
    local pid
    [ -s "$2" ] || return 0
    pid=$(cat "$2")
    if runs "$2" "$3"; then
        kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid"
        kill -CONT -- "-$pid" 2>/dev/null || true # what is frozen cannot end
        for _ in $(seq $(($4 * 10))); do
            runs "$2" "$3" || break
            sleep 0.1
        done
        if runs "$2" "$3"; then
            echo "$1 (pid $pid) did not end within $4 s" >&2
            return 1
        fi
        echo "stopped $1 (pid $pid)"
    fi
    rm -f "$2"
}
