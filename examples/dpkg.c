/* SPDX-License-Identifier: MIT */
/* The format is that of deb822: entries with blank lines between them, of fields `Name: value`,
 * whose values go on in lines that begin with a space. A file may be damaged or not be of this
 * format at all: whatever makes no sense is passed over, and no line is too long. */
#include "dpkg.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *dpkg_read(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    char *bytes = NULL;
    size_t room = 0, got = 0;
    bool failed = false;
    *length = 0;
    do {
        *length += got;
        if (*length == room) {
            room = room == 0 ? 65536 : 2 * room;
            char *more = realloc(bytes, room);
            if (more == NULL) {
                failed = true;
                break;
            }
            bytes = more;
        }
        got = fread(bytes + *length, 1, room - *length, file);
    } while (got > 0);
    int error = failed || ferror(file) ? errno : 0;
    fclose(file);
    if (error != 0) {
        free(bytes);
        bytes = NULL;
        errno = error;
    }
    return bytes;
}

bool dpkg_next_part(struct text *rest, char separator, struct text *part)
{
    if (rest->length == 0) {
        return false;
    }
    const char *end = memchr(rest->at, separator, rest->length);
    size_t length = end != NULL ? (size_t)(end - rest->at) : rest->length;
    size_t used = end != NULL ? length + 1 : length;
    *part = (struct text){ rest->at, length };
    *rest = (struct text){ rest->at + used, rest->length - used };
    return true;
}

static bool is_space(char c)
{
    return isspace((unsigned char)c) != 0;
}

/* What Debian allows in a name, and what is seen in practice. */
static bool is_name(char c)
{
    return isalnum((unsigned char)c) != 0 || c == '+' || c == '-' || c == '.' || c == '_';
}

bool dpkg_next_name(struct text *rest, char separator, struct text *name)
{
    struct text part;
    while (dpkg_next_part(rest, separator, &part)) {
        const char *at = part.at, *end = part.at + part.length;
        while (at < end && is_space(*at)) {
            at++;
        }
        *name = (struct text){ at, 0 };
        while (at < end && is_name(*at)) {
            at++;
        }
        name->length = (size_t)(at - name->at);
        if (name->length > 0) {
            return true;
        }
    }
    return false;
}

bool dpkg_next_entry(struct text *rest, struct text fields[FIELDS])
{
    static const char *const names[FIELDS] = {
        "Pre-Depends:", "Depends:", "Recommends:", "Provides:", "Status:", "Package:",
    };
    struct text line, *field = NULL;
    bool any = false;
    memset(fields, 0, FIELDS * sizeof(*fields));
    while (dpkg_next_part(rest, '\n', &line)) {
        size_t indent = 0;
        while (indent < line.length && is_space(line.at[indent])) {
            indent++;
        }
        if (indent == line.length) { /* a blank line */
            if (any) {
                break;
            }
            continue;
        }
        any = true;
        if (indent > 0) { /* the field before goes on */
            if (field != NULL) {
                field->length = (size_t)(line.at + line.length - field->at);
            }
            continue;
        }
        field = NULL;
        for (int i = 0; i < FIELDS; i++) {
            size_t length = strlen(names[i]);
            if (line.length >= length && memcmp(line.at, names[i], length) == 0) {
                field = &fields[i];
                *field = (struct text){ line.at + length, line.length - length };
            }
        }
    }
    return any;
}

bool dpkg_is_installed(struct text status)
{
    struct text word;
    for (int i = 0; i < 3; i++) {
        if (!dpkg_next_name(&status, ' ', &word)) {
            return false;
        }
    }
    return (word.length == strlen("installed") && memcmp(word.at, "installed", word.length) == 0) ||
           (word.length > strlen("triggers-") && memcmp(word.at, "triggers-", 9) == 0);
}
