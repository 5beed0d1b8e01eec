/* OpenStreetMap's opening_hours text → the opening_hours of a location (api.md): the weekly forms that shops
 * use. */
#ifndef CODEC_OPENING_HOURS_H
#define CODEC_OPENING_HOURS_H

#include "base/buffer.h"

enum { OPENING_HOURS_DETAIL_BYTES = 200 };

/* Appends a JSON array: [{"days":["mo","tu"],"opens":"09:00","closes":"17:00"}]. Understood: `24/7`; days
 * (`Mo`, `Mo-Fr`, `Sa-Mo`, `Mo,We`) or none (every day) with spans (`09:00-12:00,13:00-17:00`), past midnight
 * (`22:00-02:00`, `22:00-26:00`), `off` or `closed`; rules divided by `;` (replaces what was said of those
 * days) or `,` (adds); a remark in quotes behind `||`. Rules for public or school holidays (`PH off`) are
 * left out and *ret_holidays says so: exceptions are dated. 0; ERROR_INVALID: `detail` says where and what
 * was not understood, nothing was appended; ERROR_NOMEM. Pure. @thread any */
int opening_hours_to_json(struct text t, struct buffer *out, bool *ret_holidays,
                          char detail[OPENING_HOURS_DETAIL_BYTES]);

#endif
