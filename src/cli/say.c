/* Messages for people and the way out: one form for all subcommands. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int cli_fail(int code, const char *format, ...)
{
    char message[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    flockfile(stderr);
    fputs("onhand: ", stderr);
    for (const char *c = message; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if ((byte < 0x20 && byte != '\n') || byte == 0x7F)
            fprintf(stderr, "\\x%02x", byte);
        else
            fputc(byte, stderr);
    }
    fputc('\n', stderr);
    funlockfile(stderr);
    return code;
}

int cli_exit_code(int error)
{
    switch (error) {
    case 0:
        return EXIT_OK;
    case ERROR_INVALID:
        return EXIT_USAGE;
    case ERROR_CORRUPT:
        return EXIT_DAMAGED;
    case ERROR_LEVEL:
        return EXIT_LEVEL;
    case ERROR_UNAVAILABLE:
    case ERROR_TIMEOUT:
        return EXIT_UNREACHABLE;
    case ERROR_NOTFOUND:
    case ERROR_EXISTS:
    case ERROR_CONFLICT:
        return EXIT_REFUSED;
    default:
        return EXIT_FAILED;
    }
}

int cli_write(const struct buffer *b)
{
    size_t done = 0;

    if (b->failed)
        return cli_fail(EXIT_FAILED, "out of memory");
    while (done < b->length) {
        ssize_t n = write(STDOUT_FILENO, b->at + done, b->length - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EPIPE ? EXIT_FAILED : cli_fail(EXIT_FAILED, "cannot write: %s", strerror(errno));
        done += (size_t)n;
    }
    return EXIT_OK;
}
