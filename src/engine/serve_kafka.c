/* A log on Kafka for `onhand serve`: the data folder belongs to one process, and gives this instance its
 * name. */
#include "engine/serve_kafka.h"
#include "base/error.h"
#include "log/kafka_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define INSTANCE_FILE "instance"

int serve_kafka_lock(const char *data_directory, int *ret_file, char *detail, size_t detail_size)
{
    char path[4200];

    snprintf(path, sizeof(path), "%s/" INSTANCE_FILE, data_directory);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (file < 0) {
        snprintf(detail, detail_size, "cannot open %s: %s", path, strerror(errno));
        return ERROR_IO;
    }
    if (flock(file, LOCK_EX | LOCK_NB) == 0) {
        *ret_file = file;
        return 0;
    }
    close(file);
    snprintf(detail, detail_size,
             "another process uses the data folder %s: every instance needs one of its own", data_directory);
    return ERROR_BUSY;
}

static bool is_name(const char *name, ssize_t length)
{
    return length == 23 && strncmp(name, "onhand-", 7) == 0 &&
           strspn(name + 7, "0123456789abcdef") == (size_t)length - 7;
}

/* Drawn once, kept in the file. */
static int read_name(struct serve_kafka *k, char *detail, size_t size)
{
    unsigned long number;
    ssize_t length = pread(k->lock_file, k->instance, sizeof(k->instance) - 1, 0);

    if (length >= 0)
        k->instance[length] = '\0';
    if (is_name(k->instance, length))
        return 0;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        number = (unsigned long)getpid();
    length = snprintf(k->instance, sizeof(k->instance), "onhand-%016lx", number);
    if (ftruncate(k->lock_file, 0) == 0 && pwrite(k->lock_file, k->instance, (size_t)length, 0) == length)
        return 0;
    snprintf(detail, size, "cannot write %s/" INSTANCE_FILE ": %s", k->options->data_directory,
             strerror(errno));
    return ERROR_IO;
}

int serve_kafka_open_log(void *context, const struct engine_log_start *start, struct log **ret_log)
{
    struct serve_kafka *k = context;
    int error =
        serve_kafka_lock(k->options->data_directory, &k->lock_file, start->detail, start->detail_size);

    if (!error)
        error = read_name(k, start->detail, start->detail_size);
    if (error)
        return error;
    struct kafka_log_options o = {.brokers = k->options->kafka_brokers,
                                  .topic = k->options->log_topic,
                                  .start_offset = start->offset,
                                  .incarnation_expected = start->incarnation,
                                  .digest_expected = start->digest,
                                  .check = k->options->allow_retention ? KAFKA_LOG_CHECK_BUT_RETENTION
                                                                       : KAFKA_LOG_CHECK_ALL,
                                  .lost = start->lost,
                                  .lost_context = start->lost_context};
    error = kafka_log_open(&o, ret_log, start->detail, start->detail_size);
    if (!error)
        k->log = *ret_log;
    return error;
}

static void nothing_is_lost(void *context, void *cookie, int error) {}

int serve_kafka_open_beside(void *context, uint64_t start_offset, uint64_t incarnation, struct log **ret_log,
                            char *detail, size_t detail_size)
{
    const struct serve_kafka *k = context;
    const struct kafka_log_options o = {.brokers = k->options->kafka_brokers,
                                        .topic = k->options->log_topic,
                                        .start_offset = start_offset,
                                        .incarnation_expected = start_offset ? incarnation : 0,
                                        .lost = nothing_is_lost,
                                        .queue_records_most = 64};
    return kafka_log_open(&o, ret_log, detail, detail_size);
}

void serve_kafka_finish(struct serve_kafka *k)
{
    if (k->lock_file >= 0)
        close(k->lock_file);
    k->lock_file = -1;
}
