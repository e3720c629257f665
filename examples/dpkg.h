/* SPDX-License-Identifier: MIT */
/* Reading the database of installed packages of Debian: the file format, and nothing of ouro. */
#ifndef EXAMPLES_DPKG_H
#define EXAMPLES_DPKG_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of a file that is in memory. No zero ends it. */
struct text {
    const char *at;
    size_t length;
};

/* The fields of an entry that are read. The first three are dependencies, from strong to weak. */
enum field { PRE_DEPENDS, DEPENDS, RECOMMENDS, PROVIDES, STATUS, PACKAGE, FIELDS };

/* Read a whole file. Returns what the caller frees, or NULL with errno set. */
char *dpkg_read(const char *path, size_t *length);

/* What follows takes something off the front of `rest`, and returns false when nothing is left. */

/* An entry: the lines up to a blank one. A field that it lacks is empty. */
bool dpkg_next_entry(struct text *rest, struct text fields[FIELDS]);

/* The part before the next separator. */
bool dpkg_next_part(struct text *rest, char separator, struct text *part);

/* The same, but only the package name it begins with: python3 of "python3:any (>= 3.7)". Parts
 * without one are passed over. */
bool dpkg_next_name(struct text *rest, char separator, struct text *name);

/* Whether a status says "install ok installed", or that only triggers are still to be run. */
bool dpkg_is_installed(struct text status);

#endif
