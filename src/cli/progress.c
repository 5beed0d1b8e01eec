/* Carriage returns and a little arithmetic. */
#include "cli/progress.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_BYTES = 30, DRAW_EVERY_US = 100000 };

void progress_begin(struct progress *p, const char *what, bool quiet)
{
    *p = (struct progress){
        .shown = !quiet && isatty(STDERR_FILENO), .what = what, .began_us = clock_monotonic_us()};
}

void progress_draw(struct progress *p, double part, uint64_t count)
{
    int64_t now_us = clock_monotonic_us();
    char bar[BAR_BYTES + 1];

    if (!p->shown || now_us - p->drawn_us < DRAW_EVERY_US)
        return;
    p->drawn_us = now_us;
    double seconds = (double)(now_us - p->began_us) / 1e6;
    double rate = seconds > 0.2 ? (double)count / seconds : 0;
    if (part < 0) {
        fprintf(stderr, "\r%12llu %s  %10.0f/s \033[K", (unsigned long long)count, p->what, rate);
        return;
    }
    size_t full = (size_t)(part * BAR_BYTES + 0.5);
    memset(bar, ' ', BAR_BYTES);
    memset(bar, '#', full > BAR_BYTES ? BAR_BYTES : full);
    bar[BAR_BYTES] = 0;
    fprintf(stderr, "\r[%s] %3.0f%%  %llu %s  %.0f/s \033[K", bar, part * 100, (unsigned long long)count,
            p->what, rate);
}

void progress_end(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
