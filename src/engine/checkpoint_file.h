/* What a checkpoint file looks like, for its writer and its reader.
 *
 * Little-endian: a head of 64 bytes, sections one behind the other (12 bytes of head, then the bytes), an end
 * of 64 bytes behind which the file ends. Every byte is under a CRC-32C: the head's under its own, a
 * section's under its own, the end's under its own; and the end has one over the head and the heads of all
 * sections (and so over their checksums), so that sections that were left out, doubled or exchanged do not
 * pass. */
#ifndef ENGINE_CHECKPOINT_FILE_H
#define ENGINE_CHECKPOINT_FILE_H

#include "engine/checkpoint.h"
#include "log/file_ops.h"

#define CHECKPOINT_TEMPORARY "checkpoint.tmp"

enum { CHECKPOINT_LAYOUT = 2, CHECKPOINT_KIND_END = 255 };

/* The head's shape stays for ever: a reader must be able to say that a file is too new for it. */
struct checkpoint_file_head {
    char magic[8];
    uint32_t layout; /* of this file */
    uint32_t format; /* of what is in the sections */
    uint32_t level;
    uint32_t reserved_1;
    uint64_t incarnation, next_offset;
    uint8_t reserved_2[20];
    uint32_t crc;
};

struct checkpoint_file_section {
    uint32_t crc; /* of kind, length and bytes */
    uint32_t length;
    uint32_t kind;
};

struct checkpoint_file_end {
    struct checkpoint_file_section section; /* kind CHECKPOINT_KIND_END */
    uint32_t crc_all;                       /* of the head and the heads of all sections */
    uint64_t sections, bytes;               /* before the end */
    struct hash128 digest;
    uint8_t reserved[16];
};

_Static_assert(sizeof(struct checkpoint_file_head) == 64, "no holes");
_Static_assert(sizeof(struct checkpoint_file_section) == 12, "no holes");
_Static_assert(sizeof(struct checkpoint_file_end) == 64, "no holes");

/* Is this a head of ours? 0, ERROR_CORRUPT, ERROR_LEVEL (of a newer onhand), ERROR_CONFLICT (of one so old
 * that it is not read any more); ret has no digest yet. */
int checkpoint_head_open(const struct checkpoint_file_head *h, struct checkpoint_header *ret);
/* Is this the end of a file with so many bytes? */
bool checkpoint_end_is_whole(const struct checkpoint_file_end *e, uint64_t file_bytes);
void checkpoint_head_seal(struct checkpoint_file_head *h, const struct checkpoint_header *from);
uint32_t checkpoint_section_crc(const struct checkpoint_file_section *s, const void *bytes);

/* A checkpoint by its name: checkpoint-<incarnation>-<next_offset>, twenty digits each. */
struct checkpoint_name {
    uint64_t incarnation, next_offset;
    char text[64];
};
struct checkpoint_name checkpoint_name(uint64_t incarnation, uint64_t next_offset);

struct checkpoint_list {
    struct checkpoint_name *at; /* newest first; owned */
    size_t count;
};
/* ERROR_IO, ERROR_NOMEM. To be finished also after an error. */
int checkpoint_list_read(int directory, struct checkpoint_list *list);
void checkpoint_list_finish(struct checkpoint_list *list);

/* Verifies one file from its first to its last byte; with `each`, hands its sections on as it goes (each
 * verified before). The same answers as checkpoint_load. any_name: it need not be called what its head says.
 */
int checkpoint_file_read_as(int directory, const char *name, bool any_name, checkpoint_section each,
                            void *context, struct checkpoint_header *ret_header, uint64_t *ret_sections,
                            char *detail, size_t detail_size);
/* The same for a taker, whose forget is the caller's to call. */
int checkpoint_file_take(int directory, const char *name, bool any_name, const struct checkpoint_taker *taker,
                         struct checkpoint_header *ret_header, uint64_t *ret_sections, char *detail,
                         size_t detail_size);
int checkpoint_file_read(int directory, const char *name, checkpoint_section each, void *context,
                         struct checkpoint_header *ret_header, uint64_t *ret_sections, char *detail,
                         size_t detail_size);

#endif
