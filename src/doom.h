/* SPDX-License-Identifier: MIT */
#ifndef OURO_DOOM_H
#define OURO_DOOM_H

/* What happens to garbage. */

#include "trace.h"

struct gci_doom_result {
    size_t freed, uncollectable, resurrected, saved; /* containers */
};

/* Finalize, clear and free the garbage that a search has found; or save it. Any user code may run.
 */
OURO_INTERNAL struct gci_doom_result gci_doom(gc_heap *heap, struct gci_set *found);

/* Free garbage that is plain, without its counts. Nobody hears of its end, and no user code runs: what
 * dies with it waits in the queue of the dying. */
OURO_INTERNAL void gci_doom_plain(gc_heap *heap, const struct gci_set *set);

/* What garbage no clear has broken: it is old again. The message hook may run. */
OURO_INTERNAL void gci_doom_release(const struct gci_page *page, gc_object *self);

#endif
