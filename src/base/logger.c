/* Writes log lines with a single write(2) each, so that lines of several threads do not mix. */
#include "base/logger.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static _Atomic int most_level = LOGGER_INFO;

void logger_set_level(enum logger_level most)
{
    atomic_store_explicit(&most_level, (int)most, memory_order_relaxed);
}

void logger_write(enum logger_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char message[2048], line[4096];
    va_list args;

    if ((int)level > atomic_load_explicit(&most_level, memory_order_relaxed))
        return;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    int64_t now = clock_wall_us();
    time_t seconds = now / 1000000;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t n = strftime(line, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    n += (size_t)snprintf(line + n, sizeof(line) - n, ".%06dZ %s ", (int)(now % 1000000), names[level]);
    bool clean = text_is_utf8(text_of(message));
    for (const char *p = message; *p && n < sizeof(line) - 6; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7F || (c >= 0x80 && !clean))
            n += (size_t)snprintf(line + n, sizeof(line) - n, "\\x%02x", c);
        else
            line[n++] = *p;
    }
    line[n++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written;
}
