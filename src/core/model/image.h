/* A consistent copy of the whole state without a pause: at the cut every object is marked old; the writer copies an object before it first changes
 * it afterwards, and the rest between batches. The copy is a sequence of sections, each of one object; the digest is the sum of their hashes, so the
 * order in which they were copied does not matter. */
#ifndef CORE_MODEL_IMAGE_H
#define CORE_MODEL_IMAGE_H

#include "base/buffer.h"
#include "base/hash.h"
#include "core/model/state.h"

enum { IMAGE_FORMAT = 1 };

/* What a section holds. The numbers stand in files: append only. The header comes first, the others in any order. */
enum image_section {
#define SECTION(NAME, meaning) IMAGE_##NAME,
#include "core/model/image_sections.def"
#undef SECTION
    IMAGE_SECTION_END
};

/* Takes one section: `kind` (enum image_section) and its bytes. 0, or an error that ends the image. */
typedef int (*image_write)(void *context, uint8_t kind, const void *bytes, size_t length);

/* @thread writer, all of them. Makes the cut after the last applied record. ERROR_BUSY while another is in progress. write = NULL: digest only. */
int image_begin(struct state *s, image_write write, void *context);
/* Copies about `budget_bytes` more. 1: there is more to come, 0: complete (ret_digest is filled, the image is gone), negative: failed (gone too). */
int image_step(struct state *s, size_t budget_bytes, struct hash128 *ret_digest);
void image_abandon(struct state *s);
/* To be called before anything of a SKU is changed: rows, rare parts, ledgers in place (cheap when no cut is in progress). A failed write is kept and
 * told by image_step. The other parts (catalogue, repeats, positions) look after themselves. */
void image_before_sku(struct state *s, struct sku *sku);

/* Builds a fresh state from sections: feed each, then finish, and compare the digest with the one that was told. Whatever the bytes are, the answer is a state
 * or an error: ERROR_CORRUPT, ERROR_LEVEL (made by a newer onhand), ERROR_NOMEM. After an error the state is to be destroyed. */
int image_load(struct state *s, uint8_t kind, const void *bytes, size_t length);
int image_load_finish(struct state *s, struct hash128 *ret_digest);
/* The same in two halves, for whoever has a thread to spare: the digest of the sections, from zero on (@thread any);
 * and the load without it, after which image_load_finish tells none. */
void image_digest_add(struct hash128 *digest, uint8_t kind, const void *bytes, size_t length);
int image_load_digested(struct state *s, uint8_t kind, const void *bytes, size_t length);

/* The digest now, in one go (tests, small states). */
struct hash128 state_digest(struct state *s);

#endif
