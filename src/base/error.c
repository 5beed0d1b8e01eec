/* Turns error codes into words. */
#include "base/error.h"

const char *error_text(int code)
{
    switch (code) {
    case 0:
        return "success";
#define X(name, value, text)                                                                                   \
    case value:                                                                                                \
        return text;
        ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}
