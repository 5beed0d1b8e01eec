/* What the files of the public library share. */
#ifndef ENGINE_ONHAND_INTERNAL_H
#define ENGINE_ONHAND_INTERNAL_H

#include "engine/engine.h"
#include "onhand/onhand.h"

struct onhand_engine {
    struct engine *engine;
};

/* Returns when it is durable and applied, or not known to be: the command's status. */
int onhand_submit_and_wait(struct engine *engine, struct command *c);

#endif
