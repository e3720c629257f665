/* SPDX-License-Identifier: MIT */
#ifndef OURO_LINES_H
#define OURO_LINES_H

/* Files and lines of call frames. */

#include "sys.h"

/* The debug information of the code that this process has, open for look-ups. NULL in its place
 * means that there is none. Open returns false when memory is short. */
struct gci_lines;
OURO_INTERNAL bool gci_lines_open(struct gci_lines **result);
OURO_INTERNAL void gci_lines_close(struct gci_lines *lines);

/* Whether a frame belongs to a function of ouro.h that the compiler has not inlined. Reports leave
 * it out. What it has inlined has no frame, and is the line of its call. */
OURO_INTERNAL bool gci_lines_is_ours(struct gci_lines *lines, const void *frame);

/* The file, as the compiler was given its name, and the line of the call that returns to an address.
 * false: not known. The name is good until the close. */
OURO_INTERNAL bool gci_lines_find(struct gci_lines *lines, const void *frame, const char **file,
                                  unsigned *line);

/* What people know such a call by, "graph.c:105 (build_graph)", into a buffer; where there is no line
 * as gci_sys_frame_name. */
OURO_INTERNAL void gci_lines_name(struct gci_lines *lines, void *frame, char *buffer, size_t size);

#endif
