/* SPDX-License-Identifier: MIT */

/* A hash table, by linear hashing.
 *
 * Entries stand side by side: a new one comes last, and when one is removed the last takes its
 * place. With each entry comes a bucket, which is split from another, and with each that is removed
 * the last bucket is merged into the one that it was split from. So no step is a large one, neither
 * growing nor shrinking, and shrinking needs no memory. */

#include "table.h"

#include "hash.h"
#include "memory.h"

static struct gci_entry *entry_at(const struct gci_table *table, size_t index)
{
    return gci_vector_at(&table->items, sizeof(struct gci_entry), index);
}

static size_t bucket_of(const struct gci_table *table, uint64_t key)
{
    return gci_hash_bucket(gci_hash_number(table->hash_key, key),
                           gci_larger(table->used, GCI_VECTOR_FIRST));
}

/* The link that leads to a key, or the one that ends its bucket. */
static uint32_t *link_of(const struct gci_table *table, uint64_t key)
{
    uint32_t *link = &entry_at(table, bucket_of(table, key))->first;
    while (*link != 0 && entry_at(table, *link - 1)->key != key) {
        link = &entry_at(table, *link - 1)->next;
    }
    return link;
}

void *gci_table_get(const struct gci_table *table, uint64_t key)
{
    uint32_t link = table->used == 0 ? 0 : *link_of(table, key);
    return link == 0 ? NULL : entry_at(table, link - 1)->value;
}

bool gci_table_reserve(gc_heap *heap, struct gci_table *table)
{
    bool is_new = table->items.blocks[0] == NULL;
    if (table->used >= UINT32_MAX ||
        !gci_vector_reserve(heap, &table->items, sizeof(struct gci_entry), table->used)) {
        return false;
    }
    if (is_new) {
        memset(entry_at(table, 0), 0, GCI_VECTOR_FIRST * sizeof(struct gci_entry));
        table->hash_key = heap->config.hash_key;
    }
    return true;
}

/* Move its share to the last bucket, which is new. */
static void split(struct gci_table *table)
{
    size_t added = table->used - 1;
    uint32_t *from = &entry_at(table, gci_hash_parent(added))->first;
    uint32_t *to = &entry_at(table, added)->first;
    while (*from != 0) {
        struct gci_entry *entry = entry_at(table, *from - 1);
        if (bucket_of(table, entry->key) == added) {
            *to = *from;
            *from = entry->next;
            to = &entry->next;
        } else {
            from = &entry->next;
        }
    }
    *to = 0;
}

void gci_table_put(struct gci_table *table, uint64_t key, void *value)
{
    struct gci_entry *entry = entry_at(table, table->used++);
    if (table->used > GCI_VECTOR_FIRST) {
        split(table);
    }
    uint32_t *link = &entry_at(table, bucket_of(table, key))->first;
    entry->key = key;
    entry->value = value;
    entry->next = *link;
    *link = (uint32_t)table->used;
}

/* Add the last bucket to the one that it was split from. */
static void merge(struct gci_table *table)
{
    uint32_t *link = &entry_at(table, gci_hash_parent(table->used - 1))->first;
    while (*link != 0) {
        link = &entry_at(table, *link - 1)->next;
    }
    *link = entry_at(table, table->used - 1)->first;
}

void gci_table_remove(gc_heap *heap, struct gci_table *table, uint64_t key)
{
    uint32_t *link = link_of(table, key);
    uint32_t number = *link;
    struct gci_entry *removed = entry_at(table, number - 1);
    *link = removed->next;
    if (table->used > GCI_VECTOR_FIRST) {
        merge(table);
    }
    const struct gci_entry *last = entry_at(table, --table->used);
    if (last != removed) {
        *link_of(table, last->key) = number;
        removed->key = last->key;
        removed->value = last->value;
        removed->next = last->next;
    }
    gci_vector_trim(heap, &table->items, sizeof(struct gci_entry), table->used);
}

void gci_table_free(gc_heap *heap, struct gci_table *table)
{
    gci_vector_free(heap, &table->items, sizeof(struct gci_entry));
    *table = (struct gci_table){ 0 };
}

size_t gci_table_bytes(const struct gci_table *table)
{
    return gci_vector_bytes(&table->items, sizeof(struct gci_entry));
}
