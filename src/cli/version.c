/* `onhand version`. */
#include "cli/cli.h"

int cli_version(const struct settings *s)
{
    struct buffer out = {0};

    buffer_string(&out, "onhand " ONHAND_VERSION "\n");
    int code = cli_write(&out);
    buffer_finish(&out);
    return code;
}
