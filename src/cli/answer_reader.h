/* Reads one HTTP/1.1 answer piece by piece: status, the headers a client of ours cares about, and the body,
 * however it is framed. */
#ifndef CLI_ANSWER_READER_H
#define CLI_ANSWER_READER_H

#include "base/text.h"

enum { ANSWER_ETAG_BYTES = 128 };

enum answer_state {
    ANSWER_STATUS_LINE,
    ANSWER_HEADER,
    ANSWER_BODY_LENGTH, /* `left` bytes to come */
    ANSWER_BODY_CLOSE,  /* until the connection closes */
    ANSWER_CHUNK_SIZE,
    ANSWER_CHUNK_DATA, /* `left` bytes to come */
    ANSWER_CHUNK_END,
    ANSWER_TRAILER,
    ANSWER_DONE
};

/* Takes body bytes as they come; anything but 0 ends the reading with that error. */
struct answer_body {
    void *context;
    int (*take)(void *context, int status, const char *bytes, size_t length);
};

struct answer_reader {
    enum answer_state state;
    int status;
    char content_type[64];
    char etag[ANSWER_ETAG_BYTES];     /* "": none, or a longer one */
    uint64_t content_length;          /* as said */
    uint64_t range_from, range_total; /* Content-Range: bytes FROM-LAST/TOTAL; 0: not said so */
    bool taken;                       /* some of the body was taken */
    unsigned retry_after_seconds;     /* 0: not said */
    bool keep_alive;
    bool chunked, has_length;
    uint64_t left;
    size_t line_length;
    char line[8192];
};

/* Zero-initialised is a reader before its first byte. Takes bytes up to the end of the answer; *ret_used says
 * how many. 0, or ERROR_INVALID (not HTTP, or broken framing), or what `body` answered. */
int answer_read(struct answer_reader *r, const char *bytes, size_t length, const struct answer_body *body,
                size_t *ret_used);
/* The connection was closed: 0 when the answer is whole, else ERROR_IO. */
int answer_closed(struct answer_reader *r);

#endif
