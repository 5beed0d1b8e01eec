/* The error codes of the whole program: 0 is success, everything else is negative. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* X(name, code, text); include/onhand/onhand.h repeats the codes, and a test holds the two together. */
#define ERRORS(X)                                                                                              \
    X(NOMEM, -1, "out of memory")                                                                              \
    X(INVALID, -2, "an argument is not valid")                                                                 \
    X(NOTFOUND, -3, "not found")                                                                               \
    X(BUSY, -4, "a queue is full, try again")                                                                  \
    X(UNAVAILABLE, -5, "not available now, try again")                                                         \
    X(IO, -6, "reading or writing failed")                                                                     \
    X(CORRUPT, -7, "stored data is damaged")                                                                   \
    X(LIMIT, -8, "a limit was reached")                                                                        \
    X(TIMEOUT, -9, "timed out")                                                                                \
    X(LEVEL, -10, "the log asks for a newer version of onhand")                                                \
    X(CLOSED, -11, "closed")                                                                                   \
    X(EXISTS, -12, "exists already")                                                                           \
    X(CONFLICT, -13, "conflicts with what is there")

enum error {
#define X(name, code, text) ERROR_##name = code,
    ERRORS(X)
#undef X
};

/* The text of a code; never NULL. @thread any */
const char *error_text(int code);

#endif
