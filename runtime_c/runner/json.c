#include "json.h"

#include <inttypes.h>

/* Bytes of the UTF-8 character at `p`, 0 where there is none: overlong forms, surrogates and values past
 * U+10FFFF are none. The text ends with 0, which is no continuation, so nothing is read past it. */
static int utf8_bytes(const unsigned char *p) {
    unsigned char first = p[0];
    int count = first < 0x80   ? 1
                : first < 0xC2 ? 0
                : first < 0xE0 ? 2
                : first < 0xF0 ? 3
                : first < 0xF5 ? 4
                               : 0;
    for (int i = 1; i < count; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    if ((first == 0xE0 && p[1] < 0xA0) || (first == 0xED && p[1] > 0x9F) || (first == 0xF0 && p[1] < 0x90) ||
        (first == 0xF4 && p[1] > 0x8F)) {
        return 0;
    }
    return count;
}

static void quoted(FILE *to, const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    fputc('"', to);
    while (*p) {
        int count = utf8_bytes(p);
        if (count == 0) {
            fputs("\\ufffd", to);
            p++;
        } else if (count > 1) {
            fwrite(p, 1, (size_t)count, to);
            p += count;
        } else {
            if (*p == '"' || *p == '\\') {
                fprintf(to, "\\%c", *p);
            } else if (*p < 0x20 || *p == 0x7F) {
                fprintf(to, "\\u%04x", *p);
            } else {
                fputc(*p, to);
            }
            p++;
        }
    }
    fputc('"', to);
}

static void begin_value(json *out, const char *key) {
    if (out->comma)
        fputs(", ", out->to);
    out->comma = 1;
    if (key) {
        quoted(out->to, key);
        fputs(": ", out->to);
    }
}

json json_begin(FILE *to) {
    json out = {to, 0};
    fputc('{', to);
    return out;
}

void json_number(json *out, const char *key, int64_t value) {
    begin_value(out, key);
    fprintf(out->to, "%" PRId64, value);
}

void json_bool(json *out, const char *key, int value) {
    begin_value(out, key);
    fputs(value ? "true" : "false", out->to);
}

void json_text(json *out, const char *key, const char *text) {
    begin_value(out, key);
    quoted(out->to, text);
}

void json_list(json *out, const char *key) {
    begin_value(out, key);
    fputc('[', out->to);
    out->comma = 0;
}

void json_object(json *out, const char *key) {
    begin_value(out, key);
    fputc('{', out->to);
    out->comma = 0;
}

void json_close(json *out, char bracket) {
    fputc(bracket, out->to);
    out->comma = 1;
}

void json_end(json *out) { fputs("}\n", out->to); }
