/* The HTTP parser: what it makes of bytes does not depend on how they are cut. The first byte chooses the
 * pieces. */
#include "fuzz.h"
#include "parser_reader.h"

#include <string.h>

static char *read_in_pieces(const char *bytes, size_t length, size_t step)
{
    struct reader r = {0};

    for (size_t at = 0; at < length; at += step)
        reader_feed(&r, bytes + at, length - at < step ? length - at : step);
    return reader_end(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 64 * 1024)
        return 0;
    const char *bytes = (const char *)data + 1;
    char *whole = read_in_pieces(bytes, size - 1, size),
         *cut = read_in_pieces(bytes, size - 1, 1u + data[0] % 61);
    MUST(whole && cut && !strcmp(whole, cut));
    free(whole);
    free(cut);
    return 0;
}
