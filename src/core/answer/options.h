/* In which order people expect the values of an option: 9 before 10, S before M before XL. */
#ifndef CORE_ANSWER_OPTIONS_H
#define CORE_ANSWER_OPTIONS_H

#include "base/text.h"

/* Below, at, above 0, as memcmp; 0 only for equal texts. Numbers first, by value ("42", "42.5", "42 2/3",
 * "32/34"); then sizes in letters ("2XS" to "5XL", "S/M" between S and M); then words, by their letters,
 * capitals like small ones. */
int option_compare(struct text a, struct text b);

#endif
