/* SPDX-License-Identifier: MIT */
#ifndef OURO_HOOK_H
#define OURO_HOOK_H

/* Who hears of collections: the program's hooks, and GC_DEBUG_STATS. */

#include "doom.h"

/* Call the start hooks. Returns whether the collection may start. Any user code may run. */
OURO_INTERNAL bool gci_hook_call_start(gc_heap *heap, const gc_collection *collection);

/* Call the stop hooks. Any user code may run. */
OURO_INTERNAL void gci_hook_call_stop(gc_heap *heap, const gc_collection *collection);

#endif
