/* SPDX-License-Identifier: MIT */

#include "table.h"

#include "hash.h"
#include "memory.h"

enum { FIRST_SIZE = 1024 }; /* one block of memory */

static size_t home_of(const struct gci_table *table, uint64_t key)
{
    return gci_hash_number(table->hash_key, key) & (table->size - 1);
}

/* Where a key is, or the empty place where it would be. */
static size_t place_of(const struct gci_table *table, uint64_t key)
{
    size_t place = home_of(table, key);
    while (table->entries[place].key != key && table->entries[place].key != 0) {
        place = (place + 1) & (table->size - 1);
    }
    return place;
}

void *gci_table_get(const struct gci_table *table, uint64_t key)
{
    if (table->size == 0) {
        return NULL;
    }
    return table->entries[place_of(table, key)].value;
}

bool gci_table_reserve(gc_heap *heap, struct gci_table *table)
{
    if (table->used + 1 <= table->size / 4 * 3) {
        return true;
    }
    struct gci_table larger = { .size = table->size == 0 ? FIRST_SIZE : table->size * 2,
                                .hash_key = heap->config.hash_key };
    size_t bytes = larger.size * sizeof(struct gci_entry);
    larger.entries = gci_memory_take_zeroed(heap, bytes, GCI_ALIGN_MAX, bytes);
    if (larger.entries == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->size; i++) {
        if (table->entries[i].key != 0) {
            gci_table_put(&larger, table->entries[i].key, table->entries[i].value);
        }
    }
    gci_table_free(heap, table);
    *table = larger;
    return true;
}

void gci_table_put(struct gci_table *table, uint64_t key, void *value)
{
    table->entries[place_of(table, key)] = (struct gci_entry){ key, value };
    table->used++;
}

void gci_table_remove(struct gci_table *table, uint64_t key)
{
    size_t mask = table->size - 1;
    size_t hole = place_of(table, key);
    /* What follows the hole without a gap moves up, when it is nearer to its home there. */
    for (size_t i = (hole + 1) & mask; table->entries[i].key != 0; i = (i + 1) & mask) {
        size_t home = home_of(table, table->entries[i].key);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->entries[hole] = table->entries[i];
            hole = i;
        }
    }
    table->entries[hole] = (struct gci_entry){ 0 };
    table->used--;
}

void gci_table_free(gc_heap *heap, struct gci_table *table)
{
    if (table->size != 0) {
        gci_memory_give(heap, table->entries, table->size * sizeof(struct gci_entry));
    }
    *table = (struct gci_table){ 0 };
}
