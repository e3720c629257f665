/* SPDX-License-Identifier: MIT */
#ifndef OURO_SWEEP_H
#define OURO_SWEEP_H

/* Free trivial garbage: objects whose types have no callbacks and no arrays, and that no weak
 * reference leads to. Nobody hears of their end, so they are freed without counting down the
 * references among them. */

#include "trace.h"

/* Drop the references of a page's garbage to objects that are not garbage. Do this for all pages of
 * the set before the first gci_sweep_free. What dies by it waits, since the heap is draining or
 * slicing; no user code runs. */
OURO_INTERNAL void gci_sweep_drop(const struct gci_set *set, struct gci_page *page);

/* Free a page's garbage, and update the counters. No user code runs. */
OURO_INTERNAL void gci_sweep_free(const struct gci_set *set, struct gci_page *page);

#endif
