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

const char *reservation_state_name(enum reservation_state s)
{
    return s < RESERVATION_STATE_END ? states[s] : "";
}
