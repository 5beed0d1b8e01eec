/* The names of steps and states. */
#include "core/model/reservation.h"

static const char *const steps[STEP_END] = {
    "",
#define STEP(NAME, name) #name,
#include "core/model/steps.def"
#undef STEP
};

static const char *const states[RESERVATION_STATE_END] = {
#define RESERVATION_STATE(NAME, name) #name,
#include "core/model/reservation_states.def"
#undef RESERVATION_STATE
};

const char *step_name(enum reservation_step s)
{
    return s < STEP_END ? steps[s] : "";
}

bool step_from_name(struct text name, enum reservation_step *ret)
{
    for (int s = STEP_NONE + 1; s < STEP_END; s++)
        if (text_equal(name, text_of(steps[s]))) {
            *ret = (enum reservation_step)s;
            return true;
        }
    return false;
}

const char *reservation_state_name(enum reservation_state s)
{
    return s < RESERVATION_STATE_END ? states[s] : "";
}
