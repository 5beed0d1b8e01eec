/* Checks UTF-8, with a fast way through ASCII. */
#include "base/text.h"

static bool continues(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

bool text_is_utf8(struct text t)
{
    if (text_is_plain(t))
        return true;
    const unsigned char *p = (const unsigned char *)t.at, *end = p + t.length;
    while (p < end) {
        while (end - p >= 8) {
            uint64_t eight;
            memcpy(&eight, p, 8);
            if (eight & 0x8080808080808080u)
                break;
            p += 8;
        }
        if (p >= end)
            break;
        if (*p < 0x80) {
            p++;
        } else if (*p >= 0xC2 && *p <= 0xDF) {
            if (end - p < 2 || !continues(p[1]))
                return false;
            p += 2;
        } else if (*p >= 0xE0 && *p <= 0xEF) {
            if (end - p < 3 || !continues(p[1]) || !continues(p[2]))
                return false;
            if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F))
                return false;
            p += 3;
        } else if (*p >= 0xF0 && *p <= 0xF4) {
            if (end - p < 4 || !continues(p[1]) || !continues(p[2]) || !continues(p[3]))
                return false;
            if ((*p == 0xF0 && p[1] < 0x90) || (*p == 0xF4 && p[1] > 0x8F))
                return false;
            p += 4;
        } else {
            return false;
        }
    }
    return true;
}
