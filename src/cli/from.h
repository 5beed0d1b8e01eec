/* `onhand serve --from URL`. */
#ifndef CLI_FROM_H
#define CLI_FROM_H

#include "base/options.h"

/* Sees to it that the data folder has a checkpoint with which the log can be read on, copying one from the
 * other server when it has none. An exit code; whatever it is but 0 was said. */
int from_prepare(const struct settings *s);

#endif
