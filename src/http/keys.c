/* The file of keys: made, listed, changed by `onhand key`; followed and asked by a running server. */
#include "http/keys.h"

#include "base/clock.h"
#include "base/error.h"
#include "core/model/instant.h"
#include "core/model/record.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char first_line[] = "# onhand keys 1\n";

/* When the next request would be in time: the theoretical arrival time of GCRA, microseconds. One atomic a
 * key, shared by all loops. */
struct key_limit {
    _Atomic int64_t arrival_us;
    _Atomic unsigned references;
    char id[KEY_ID_BYTES + 1];
};

struct key_set {
    _Atomic unsigned references;
    size_t count, capacity;
    struct key *keys; /* by id */
};

struct keyring {
    pthread_mutex_t lock;
    char *path;
    struct key_set *present;
    struct stat seen;
};

/* ---- scopes ---- */

static const struct {
    const char *name;
    uint32_t bit;
} scope_names[] = {
    {"read", SCOPE_READ}, {"reserve", SCOPE_RESERVE}, {"events", SCOPE_EVENTS}, {"admin", SCOPE_ADMIN}};
enum { SCOPES = sizeof(scope_names) / sizeof(scope_names[0]) };

/* The part before the next comma; *at moves behind it. */
static struct text next_item(const char **at, const char *end)
{
    const char *from = *at, *comma = memchr(from, ',', (size_t)(end - from));
    const char *stop = comma ? comma : end;

    *at = comma ? comma + 1 : end;
    return (struct text){from, (size_t)(stop - from)};
}

bool scopes_parse(struct text t, uint32_t *ret_scopes)
{
    const char *at = t.at, *end = t.at + t.length;
    uint32_t scopes = 0;

    if (!t.length || end[-1] == ',')
        return false;
    while (at < end) {
        struct text name = next_item(&at, end);
        uint32_t bit = 0;
        for (unsigned i = 0; i < SCOPES; i++)
            if (text_equal(name, text_of(scope_names[i].name)))
                bit = scope_names[i].bit;
        if (!bit)
            return false;
        scopes |= bit;
    }
    *ret_scopes = scopes;
    return true;
}

size_t scopes_format(uint32_t scopes, char out[40])
{
    size_t n = 0;

    for (unsigned i = 0; i < SCOPES; i++)
        if (scopes & scope_names[i].bit)
            n += (size_t)snprintf(out + n, 40 - n, "%s%s", n ? "," : "", scope_names[i].name);
    return n;
}

/* ---- lines ---- */

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(struct text t, uint8_t *out, size_t bytes)
{
    if (t.length != 2 * bytes)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        int high = hex_value(t.at[2 * i]), low = hex_value(t.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool parse_rate(struct text t, uint32_t *ret)
{
    uint64_t n = 0;

    if (!t.length || t.length > 7)
        return false;
    for (size_t i = 0; i < t.length; i++) {
        if (t.at[i] < '0' || t.at[i] > '9')
            return false;
        n = 10 * n + (unsigned)(t.at[i] - '0');
    }
    if (n > 1000000)
        return false;
    *ret = (uint32_t)n;
    return true;
}

/* "*" or names with commas. 0, ERROR_INVALID, ERROR_NOMEM. */
static int parse_names(struct text t, size_t *ret_count, struct text **ret_names)
{
    const char *at = t.at, *end = t.at + t.length;
    size_t count = 1;

    *ret_count = 0;
    *ret_names = NULL;
    if (text_equal(t, TEXT("*")))
        return 0;
    for (const char *p = at; p < end; p++)
        count += *p == ',';
    struct text *names = calloc(count, sizeof(*names));
    if (!names)
        return ERROR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        names[i] = next_item(&at, end);
        if (!text_is_name(names[i])) {
            free(names);
            return ERROR_INVALID;
        }
    }
    *ret_count = count;
    *ret_names = names;
    return 0;
}

static void key_finish(struct key *k)
{
    free(k->channels);
    free(k->locations);
    free(k->line);
    if (k->limit && atomic_fetch_sub_explicit(&k->limit->references, 1, memory_order_acq_rel) == 1)
        free(k->limit);
    *k = (struct key){0};
}

enum {
    SAID_ID = 1,
    SAID_SHA256 = 2,
    SAID_SCOPES = 4,
    SAID_CHANNELS = 8,
    SAID_LOCATIONS = 16,
    SAID_RATE = 32,
    SAID_CREATED = 64,
    SAID_ALL = 127
};

static int parse_field(struct key *k, struct text name, struct text value, unsigned *said)
{
    unsigned bit = 0;
    int error = ERROR_INVALID;
    uint8_t id[KEY_ID_BYTES / 2];

    if (text_equal(name, TEXT("id")) && parse_hex(value, id, sizeof(id))) {
        memcpy(k->id, value.at, KEY_ID_BYTES);
        bit = SAID_ID, error = 0;
    } else if (text_equal(name, TEXT("sha256")) && parse_hex(value, k->sha256, sizeof(k->sha256))) {
        bit = SAID_SHA256, error = 0;
    } else if (text_equal(name, TEXT("scopes")) && scopes_parse(value, &k->scopes)) {
        bit = SAID_SCOPES, error = 0;
    } else if (text_equal(name, TEXT("rate")) && parse_rate(value, &k->rate)) {
        bit = SAID_RATE, error = 0;
    } else if (text_equal(name, TEXT("channels")) && !(*said & SAID_CHANNELS)) {
        bit = SAID_CHANNELS, error = parse_names(value, &k->channels_count, &k->channels);
    } else if (text_equal(name, TEXT("locations")) && !(*said & SAID_LOCATIONS)) {
        bit = SAID_LOCATIONS, error = parse_names(value, &k->locations_count, &k->locations);
    } else if (text_equal(name, TEXT("created")) && value.length < sizeof(k->created)) {
        memcpy(k->created, value.at, value.length);
        bit = SAID_CREATED, error = 0;
    }
    if (error || *said & bit)
        return error ? error : ERROR_INVALID;
    *said |= bit;
    return 0;
}

/* One line without its end: every field once, nothing else. */
static int parse_line(struct text line, struct key *ret)
{
    struct key k = {.line = strndup(line.at, line.length)};
    unsigned said = 0;
    int error = k.line ? 0 : ERROR_NOMEM;
    char *at = k.line;

    while (!error && at && *at) {
        char *space = strchrnul(at, ' '), *equals = memchr(at, '=', (size_t)(space - at));
        error = !equals ? ERROR_INVALID
                        : parse_field(&k, (struct text){at, (size_t)(equals - at)},
                                      (struct text){equals + 1, (size_t)(space - equals - 1)}, &said);
        at = *space ? space + 1 : space;
    }
    if (!error && said != SAID_ALL)
        error = ERROR_INVALID;
    if (error)
        key_finish(&k);
    else
        *ret = k;
    return error;
}

/* ---- sets ---- */

static void key_set_free(struct key_set *s)
{
    for (size_t i = 0; i < s->count; i++)
        key_finish(&s->keys[i]);
    free(s->keys);
    free(s);
}

struct key_set *key_set_hold(struct key_set *s)
{
    if (s)
        atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void key_set_release(struct key_set *s)
{
    if (s && atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
        key_set_free(s);
}

static int set_add(struct key_set *s, const struct key *k)
{
    if (s->count == KEYS_MOST)
        return ERROR_LIMIT;
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 8;
        struct key *grown = realloc(s->keys, capacity * sizeof(*grown));
        if (!grown)
            return ERROR_NOMEM;
        s->keys = grown;
        s->capacity = capacity;
    }
    s->keys[s->count++] = *k;
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(((const struct key *)a)->id, ((const struct key *)b)->id, KEY_ID_BYTES);
}

static int say(int error, char *detail, size_t size, const char *path, const char *what)
{
    snprintf(detail, size, "%s: %s", path, what);
    return error;
}

static int read_line_into(struct key_set *s, const char *line, size_t length)
{
    struct key k;

    if (length && line[length - 1] == '\n')
        length--;
    if (!length || line[0] == '#')
        return 0;
    int error = length > KEY_LINE_BYTES_MOST ? ERROR_INVALID : parse_line((struct text){line, length}, &k);
    if (error)
        return error;
    error = set_add(s, &k);
    if (error)
        key_finish(&k);
    return error;
}

static int read_lines(FILE *file, const char *path, struct key_set *s, char *detail, size_t size)
{
    char *line = NULL, what[64];
    size_t capacity = 0, number = 0;
    ssize_t length;
    int error = 0;

    while (!error && (length = getline(&line, &capacity, file)) >= 0) {
        number++;
        error = read_line_into(s, line, (size_t)length);
    }
    free(line);
    if (error == ERROR_INVALID) {
        snprintf(what, sizeof(what), "line %zu is not a key", number);
        return say(ERROR_CORRUPT, detail, size, path, what);
    }
    if (error || ferror(file))
        return say(error ? error : ERROR_IO, detail, size, path, error_text(error ? error : ERROR_IO));
    return 0;
}

/* The keys of a file. ERROR_NOTFOUND when there is none. */
static int set_read(const char *path, struct key_set **ret, char *detail, size_t size)
{
    FILE *file = fopen(path, "re");

    if (!file)
        return say(errno == ENOENT ? ERROR_NOTFOUND : ERROR_IO, detail, size, path, strerror(errno));
    struct key_set *s = calloc(1, sizeof(*s));
    int error =
        s ? read_lines(file, path, s, detail, size) : say(ERROR_NOMEM, detail, size, path, "out of memory");
    fclose(file);
    if (error) {
        if (s)
            key_set_free(s);
        return error;
    }
    atomic_init(&s->references, 1);
    if (s->count)
        qsort(s->keys, s->count, sizeof(*s->keys), compare_keys);
    *ret = s;
    return 0;
}

/* ---- changing the file ---- */

static bool put_names(FILE *f, const char *label, const struct text *names, size_t count)
{
    fprintf(f, " %s=%s", label, count ? "" : "*");
    for (size_t i = 0; i < count; i++)
        fprintf(f, "%s%.*s", i ? "," : "", (int)names[i].length, names[i].at);
    return !ferror(f);
}

static void put_key(FILE *f, const struct key *k)
{
    char scopes[40];

    fprintf(f, "id=%s sha256=", k->id);
    for (size_t i = 0; i < sizeof(k->sha256); i++)
        fprintf(f, "%02x", k->sha256[i]);
    scopes[scopes_format(k->scopes, scopes)] = '\0';
    fprintf(f, " scopes=%s", scopes);
    put_names(f, "channels", k->channels, k->channels_count);
    put_names(f, "locations", k->locations, k->locations_count);
    fprintf(f, " rate=%u created=%s\n", k->rate, k->created);
}

static void sync_directory(const char *path)
{
    char *copy = strdup(path), *slash = copy ? strrchr(copy, '/') : NULL;
    int fd;

    if (slash)
        slash[slash == copy] = '\0';
    fd = copy ? open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

/* Beside, synced, renamed: a reader finds the old file or the new one. */
static int set_write(const char *path, const struct key_set *s, char *detail, size_t size)
{
    char *beside;

    if (asprintf(&beside, "%s.new", path) < 0)
        return say(ERROR_NOMEM, detail, size, path, "out of memory");
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool good = file;
    if (file) {
        fputs(first_line, file);
        for (size_t i = 0; i < s->count; i++)
            put_key(file, &s->keys[i]);
        good = !fflush(file) && !ferror(file) && !fsync(fd);
        good &= !fclose(file);
    } else if (fd >= 0) {
        close(fd);
    }
    good = good && !rename(beside, path);
    int error = good ? 0 : say(ERROR_IO, detail, size, beside, strerror(errno));
    if (good)
        sync_directory(path);
    free(beside);
    return error;
}

/* One change at a time, whoever makes it. -1 without. */
static int lock_file(const char *path)
{
    char *name;
    int fd;

    if (asprintf(&name, "%s.lock", path) < 0)
        return -1;
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX)) {
        close(fd);
        fd = -1;
    }
    free(name);
    return fd;
}

static bool make_secret(char out[KEY_TEXT_BYTES + 1], char id[KEY_ID_BYTES + 1])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t random[KEY_ID_BYTES / 2 + 43];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return false;
    for (unsigned i = 0; i < KEY_ID_BYTES / 2; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    int n = snprintf(out, KEY_TEXT_BYTES + 1, "onhand_%s_", id);
    for (unsigned i = 0; i < 43; i++)
        out[n + (int)i] = digits[random[KEY_ID_BYTES / 2 + i] & 63];
    out[KEY_TEXT_BYTES] = '\0';
    return true;
}

static int fill_key(struct key *k, const struct key_request *r, const char *text)
{
    char at[INSTANT_TEXT_BYTES];
    char *line;

    if (!r->scopes || r->scopes >= 2u * SCOPE_ADMIN || r->rate > 1000000)
        return ERROR_INVALID;
    const char *channels = r->channels ? r->channels : "*", *locations = r->locations ? r->locations : "*";
    if (strlen(channels) + strlen(locations) > KEY_LINE_BYTES_MOST - 512)
        return ERROR_LIMIT;
    if (asprintf(&line, "%s %s", channels, locations) < 0)
        return ERROR_NOMEM;
    k->line = line;
    k->scopes = r->scopes;
    k->rate = r->rate;
    SHA256((const unsigned char *)text, KEY_TEXT_BYTES, k->sha256);
    size_t n = instant_format(clock_wall_us() / 1000000 * 1000000, at);
    memcpy(k->created, at, n);
    int error = parse_names((struct text){line, strlen(channels)}, &k->channels_count, &k->channels);
    if (!error)
        error = parse_names(text_of(line + strlen(channels) + 1), &k->locations_count, &k->locations);
    return error;
}

static int add_key(const char *path, const struct key *k, char *detail, size_t size)
{
    struct key_set *s = NULL;
    int error = set_read(path, &s, detail, size);

    if (error == ERROR_NOTFOUND) {
        s = calloc(1, sizeof(*s));
        error = s ? 0 : say(ERROR_NOMEM, detail, size, path, "out of memory");
    }
    if (error)
        return error;
    error = set_add(s, k);
    if (error) {
        say(error, detail, size, path, error_text(error));
    } else {
        error = set_write(path, s, detail, size);
        s->count--; /* k stays its owner's */
    }
    key_set_free(s);
    return error;
}

int key_create(const char *path, const struct key_request *r, char ret_text[KEY_TEXT_BYTES + 1], char *detail,
               size_t detail_size)
{
    struct key k = {0};
    char text[KEY_TEXT_BYTES + 1];
    int lock = -1, error;

    if (!make_secret(text, k.id))
        return say(ERROR_IO, detail, detail_size, path, "no random numbers");
    error = fill_key(&k, r, text);
    if (error)
        say(error, detail, detail_size, path,
            "a key needs scopes of read, reserve, events, admin; names of channels and locations; a rate up "
            "to 1000000");
    else if ((lock = lock_file(path)) < 0)
        error = say(ERROR_IO, detail, detail_size, path, strerror(errno));
    else
        error = add_key(path, &k, detail, detail_size);
    if (lock >= 0)
        close(lock);
    key_finish(&k);
    if (!error)
        memcpy(ret_text, text, sizeof(text));
    OPENSSL_cleanse(text, sizeof(text));
    return error;
}

int key_list(const char *path, void (*each)(void *context, const struct key *k), void *context, char *detail,
             size_t detail_size)
{
    struct key_set *s;
    int error = set_read(path, &s, detail, detail_size);

    if (error)
        return error;
    for (size_t i = 0; i < s->count; i++)
        each(context, &s->keys[i]);
    key_set_release(s);
    return 0;
}

static int remove_key(const char *path, const char *id, char *detail, size_t size)
{
    struct key_set *s;
    int error = set_read(path, &s, detail, size);

    if (error)
        return error;
    size_t i = 0;
    while (i < s->count && strcmp(s->keys[i].id, id))
        i++;
    if (i == s->count) {
        error = say(ERROR_NOTFOUND, detail, size, path, "no key has this id");
    } else {
        key_finish(&s->keys[i]);
        memmove(&s->keys[i], &s->keys[i + 1], (s->count - i - 1) * sizeof(s->keys[0]));
        s->count--;
        error = set_write(path, s, detail, size);
    }
    key_set_release(s);
    return error;
}

int key_revoke(const char *path, const char *id, char *detail, size_t detail_size)
{
    int lock = lock_file(path);

    if (lock < 0)
        return say(ERROR_IO, detail, detail_size, path, strerror(errno));
    int error = remove_key(path, id, detail, detail_size);
    close(lock);
    return error;
}

/* ---- a running server ---- */

static const struct key *set_find(const struct key_set *s, const char *id)
{
    struct key wanted;

    memcpy(wanted.id, id, KEY_ID_BYTES);
    return s->count ? bsearch(&wanted, s->keys, s->count, sizeof(*s->keys), compare_keys) : NULL;
}

/* A key keeps what it has used over a change of the file. */
static int attach_limits(struct key_set *s, const struct key_set *before)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct key *old = before ? set_find(before, s->keys[i].id) : NULL;
        struct key_limit *limit = old ? old->limit : calloc(1, sizeof(*limit));
        if (!limit)
            return ERROR_NOMEM;
        atomic_fetch_add_explicit(&limit->references, 1, memory_order_relaxed);
        s->keys[i].limit = limit;
    }
    return 0;
}

static int load(struct keyring *r, char *detail, size_t size)
{
    struct key_set *s;
    struct stat now;
    int error = stat(r->path, &now)
                    ? say(errno == ENOENT ? ERROR_NOTFOUND : ERROR_IO, detail, size, r->path, strerror(errno))
                    : 0;

    if (error)
        return error;
    if (now.st_mode & 077)
        return say(ERROR_INVALID, detail, size, r->path, "others than its owner may read it: chmod 600");
    error = set_read(r->path, &s, detail, size);
    if (error)
        return error;
    error = attach_limits(s, r->present);
    if (error) {
        key_set_release(s);
        return say(error, detail, size, r->path, "out of memory");
    }
    key_set_release(r->present);
    r->present = s;
    r->seen = now;
    return 0;
}

int keyring_create(const char *path, struct keyring **ret_ring, char *detail, size_t detail_size)
{
    struct keyring *r = calloc(1, sizeof(*r));

    if (!r || !(r->path = strdup(path))) {
        free(r);
        return say(ERROR_NOMEM, detail, detail_size, path, "out of memory");
    }
    pthread_mutex_init(&r->lock, NULL);
    int error = load(r, detail, detail_size);
    if (error) {
        keyring_destroy(r);
        return error;
    }
    *ret_ring = r;
    return 0;
}

void keyring_destroy(struct keyring *r)
{
    if (!r)
        return;
    key_set_release(r->present);
    pthread_mutex_destroy(&r->lock);
    free(r->path);
    free(r);
}

void keyring_refresh(struct keyring *r)
{
    struct stat now;
    char detail[160];

    pthread_mutex_lock(&r->lock);
    bool changed =
        stat(r->path, &now) == 0 &&
        (now.st_ino != r->seen.st_ino || now.st_size != r->seen.st_size ||
         now.st_mtim.tv_sec != r->seen.st_mtim.tv_sec || now.st_mtim.tv_nsec != r->seen.st_mtim.tv_nsec);
    if (changed)
        load(r, detail, sizeof(detail));
    pthread_mutex_unlock(&r->lock);
}

struct key_set *keyring_hold(struct keyring *r)
{
    pthread_mutex_lock(&r->lock);
    struct key_set *s = key_set_hold(r->present);
    pthread_mutex_unlock(&r->lock);
    return s;
}

const struct key *key_find(const struct key_set *s, struct text bearer)
{
    uint8_t hash[32];

    if (bearer.length != KEY_TEXT_BYTES || memcmp(bearer.at, "onhand_", 7))
        return NULL;
    const struct key *k = set_find(s, bearer.at + 7); /* the id is no secret */
    SHA256((const unsigned char *)bearer.at, bearer.length, hash);
    return k && CRYPTO_memcmp(hash, k->sha256, sizeof(hash)) == 0 ? k : NULL;
}

bool key_take(const struct key *k, int64_t now_us, unsigned *ret_retry_seconds)
{
    if (!k->rate || !k->limit)
        return true;
    int64_t each_us = 1000000 / k->rate,
            arrival = atomic_load_explicit(&k->limit->arrival_us, memory_order_relaxed), next;
    do {
        next = (arrival > now_us ? arrival : now_us) + (each_us ? each_us : 1);
        if (next - now_us > 1000000) {
            *ret_retry_seconds = 1;
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&k->limit->arrival_us, &arrival, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

bool key_may(const struct key *k, uint32_t scope)
{
    return k->scopes & (scope | SCOPE_ADMIN);
}

static bool is_one_of(struct text t, const struct text *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(t, names[i]))
            return true;
    return count == 0;
}

bool key_has_channel(const struct key *k, struct text channel)
{
    return is_one_of(channel, k->channels, k->channels_count);
}

bool key_has_location(const struct key *k, struct text location)
{
    return is_one_of(location, k->locations, k->locations_count);
}
