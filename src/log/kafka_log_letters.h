/* Dead letters of records that stand on the log's topic and nobody could use: the original as it stands
 * there, with headers that say where and why, to the dead-letter topic. */
#ifndef LOG_KAFKA_LOG_LETTERS_H
#define LOG_KAFKA_LOG_LETTERS_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka_letters;

/* Texts are copied. ERROR_INVALID (detail says why), ERROR_NOMEM. */
int kafka_letters_create(const char *brokers, const char *log_topic, const char *letter_topic,
                         struct kafka_letters **ret_letters, char *detail, size_t detail_size);
void kafka_letters_destroy(struct kafka_letters *l); /* gives up what is on its way; takes NULL */

struct kafka_letter {
    uint64_t offset; /* of the record */
    struct text reason, detail;
    struct text canonical; /* what is sent when the topic has thrown the original away */
};

/* Fetches the original (letters in the order of their offsets are read in one go) and hands it to the
 * producer. What an instance of ours appended is left out: who sent it was answered. 0, ERROR_UNAVAILABLE:
 * try again. Waits timeout_ms at most. */
int kafka_letters_put(struct kafka_letters *l, const struct kafka_letter *letter, int timeout_ms);
/* Waits until all that was put is acknowledged. ERROR_UNAVAILABLE: some was not, put all of it again;
 * `detail` says why. */
int kafka_letters_flush(struct kafka_letters *l, int timeout_ms, char *detail, size_t detail_size);

struct kafka_letters_count {
    uint64_t sent, gone, own; /* acknowledged; of those: the original was gone; left out */
};
struct kafka_letters_count kafka_letters_count(const struct kafka_letters *l);

#endif
