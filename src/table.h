/* SPDX-License-Identifier: MIT */
#ifndef OURO_TABLE_H
#define OURO_TABLE_H

/* A hash table from a number to a pointer, in the heap's own memory. It shrinks with what is in it,
 * but for its first block. */

#include "base.h"

/* The value, or NULL. */
OURO_INTERNAL void *gci_table_get(const struct gci_table *table, uint64_t key);

/* Make sure that one gci_table_put cannot fail. false: no memory, nothing changed. */
OURO_INTERNAL bool gci_table_reserve(gc_heap *heap, struct gci_table *table);

/* Add a key that is not in the table, after gci_table_reserve. */
OURO_INTERNAL void gci_table_put(struct gci_table *table, uint64_t key, void *value);

/* Remove a key that is in the table. */
OURO_INTERNAL void gci_table_remove(gc_heap *heap, struct gci_table *table, uint64_t key);

OURO_INTERNAL void gci_table_free(gc_heap *heap, struct gci_table *table);

/* The memory that it takes. */
OURO_INTERNAL size_t gci_table_bytes(const struct gci_table *table);

#endif
