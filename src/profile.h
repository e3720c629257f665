/* SPDX-License-Identifier: MIT */
#ifndef OURO_PROFILE_H
#define OURO_PROFILE_H

/* What the profiler has on record, for those who read it. */

#include "pages.h"
#include "table.h"

enum { GCI_FRAMES_MAX = 64 };

/* The sites, in the order of their first allocation; some may hold nothing now. */
OURO_INTERNAL uint32_t gci_profile_site_count(const gc_heap *heap);
OURO_INTERNAL const struct gci_site *gci_profile_site_at(const gc_heap *heap, uint32_t index);

#endif
