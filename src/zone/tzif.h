/* Zone files as systems keep them (RFC 8536, /usr/share/zoneinfo): bytes into the table of a zone. Pure. */
#ifndef ZONE_TZIF_H
#define ZONE_TZIF_H

#include "core/answer/zone.h"

enum { TZIF_BYTES_MOST = 1 << 17 };

/* The changes from 1970 to the end of `last_year`, those of the rule at the file's end included; the first
 * span is of anything before. How many, at most `most`; 0: it is not such a file, or of a kind that nobody
 * keeps (with leap seconds, without 64-bit times). */
uint32_t tzif_read(const unsigned char *bytes, size_t length, int last_year, struct zone_span *ret,
                   uint32_t most);

#endif
