/* Writing one JSON object to a stream, as it becomes known: nothing is kept in memory.
 *
 *     json out = json_begin(stdout);
 *     json_text(&out, "name", "a \"quoted\" name");
 *     json_list(&out, "ns");
 *     json_number(&out, NULL, 12);       in a list: no key
 *     json_close(&out, ']');
 *     json_end(&out);
 */
#ifndef SPB_JSON_H
#define SPB_JSON_H

#include <stdint.h>
#include <stdio.h>

typedef struct json {
    FILE *to;
    int comma; /* something stands before in this object or list */
} json;

json json_begin(FILE *to);
void json_number(json *out, const char *key, int64_t value);
void json_bool(json *out, const char *key, int value);
/* Any bytes: what is not valid UTF-8 is written as U+FFFD, control characters are escaped. */
void json_text(json *out, const char *key, const char *text);
void json_list(json *out, const char *key);
void json_object(json *out, const char *key);
/* `bracket`: ']' or '}' */
void json_close(json *out, char bracket);
void json_end(json *out);

#endif
