/* What operators read: one line an event on standard error, every outside text escaped. */
#ifndef BASE_LOGGER_H
#define BASE_LOGGER_H

#include "base/text.h"

enum logger_level { LOGGER_ERROR, LOGGER_WARNING, LOGGER_INFO, LOGGER_DEBUG };

/* `2026-11-21T10:05:00.000123Z warning message`. Control bytes and invalid UTF-8 are written as \xNN. @thread any */
void logger_write(enum logger_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void logger_set_level(enum logger_level most);

#define log_error(...) logger_write(LOGGER_ERROR, __VA_ARGS__)
#define log_warning(...) logger_write(LOGGER_WARNING, __VA_ARGS__)
#define log_info(...) logger_write(LOGGER_INFO, __VA_ARGS__)
#define log_debug(...) logger_write(LOGGER_DEBUG, __VA_ARGS__)

#endif
