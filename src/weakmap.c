/* SPDX-License-Identifier: MIT */

/* Weak maps.
 *
 * An entry is an object. Its weak reference leads to the key, or to the value, and calls back to
 * take the entry out. The map owns the first entry, each entry the one after it; buckets only
 * point.
 *
 * Each entry owns a reference to the hub of its map, a leaf that points back to the map. A map that
 * is cleared, or dies, sets this pointer to NULL, in constant time; then its entries die one by
 * one. When it is used again after its clear it gets a new hub.
 *
 * What keeps a late callback from harm: an entry that leaves the map drops its weak reference at
 * once; one that dies before its turn does not call; one whose hub has no map does nothing. Whoever
 * walks through a map has a cursor on his stack, which steps aside when the entry it stands on
 * leaves. New entries come first, so a walk never meets them.
 *
 * Buckets are a linear hash: with an entry more than there are buckets, one of them is split in two,
 * and with each that leaves when there are four times as many, a few are merged; so that no step is
 * a large one. */

#include <errno.h>

#include "ouro.h"

enum { BLOCK = 64 };

struct hub {
    gc_object object;
    gc_weak_map *map; /* not owned; NULL: it was cleared, or is dead */
};

static const gc_type hub_type = {
    .name = "gc_weak_map hub",
    .size = sizeof(struct hub),
};

struct entry {
    gc_object object;
    gc_weak *weak;       /* to the object that it vanishes with */
    void *value;         /* owned, in a map by key; else NULL */
    struct hub *hub;     /* owned, of the map that it is in; NULL: none, or not any more */
    struct entry *after; /* owned */
    struct entry *before;
    struct entry *chain; /* next in its bucket */
    uint64_t hash;
    unsigned char key[]; /* its bytes; of an object, those of its address */
};

/* The hub is left out, as a leaf may be, in which no circle ends. */
static void entry_traverse(gc_object *self, gc_visitor *visitor)
{
    struct entry *entry = (struct entry *)(void *)self;
    gc_visit(visitor, entry->weak);
    gc_visit(visitor, entry->value);
    gc_visit(visitor, entry->after);
}

static void entry_destroy(gc_object *self)
{
    struct entry *entry = (struct entry *)(void *)self;
    gc_clear(&entry->weak);
    gc_clear(&entry->value);
    gc_clear(&entry->hub);
    gc_clear(&entry->after);
}

/* It has no clear: that of the map breaks all circles, and until then the map can be used, by other
 * objects that are cleared before it. */
static const gc_type entry_type = {
    .name = "gc_weak_map entry",
    .size = offsetof(struct entry, key),
    .item_size = 1,
    .traverse = entry_traverse,
    .destroy = entry_destroy,
};

/* Buckets, which own nothing, and where they are. The directory declares its tail, so that it
 * ends in slices. */
struct block {
    gc_object object;
    struct entry *buckets[BLOCK];
};

static const gc_type block_type = {
    .name = "gc_weak_map buckets",
    .size = sizeof(struct block),
};

struct directory {
    gc_object object;
    struct block *blocks[]; /* owned; NULL: not needed yet */
};

static const gc_type directory_type = {
    .name = "gc_weak_map directory",
    .size = offsetof(struct directory, blocks),
    .item_size = sizeof(struct block *),
    .refs = OURO_FIELDS(OURO_TAIL(struct directory, blocks)),
};

/* Somebody who walks through a map. */
struct cursor {
    struct entry *at; /* the next to visit */
    struct cursor *outer;
};

struct gc_weak_map {
    gc_object object;
    struct entry *first;
    struct hub *hub;             /* NULL: it has no entries yet */
    struct directory *directory; /* the same */
    size_t buckets;              /* in use */
    size_t mask;                 /* the power of two that is not below it, less one */
    size_t count;
    struct cursor *cursors;
    gc_weak_side side;
};

static void map_clear(gc_object *self)
{
    gc_weak_map *map = (gc_weak_map *)(void *)self;
    for (struct cursor *cursor = map->cursors; cursor != NULL; cursor = cursor->outer) {
        cursor->at = NULL;
    }
    if (map->hub != NULL) {
        map->hub->map = NULL;
    }
    gc_clear(&map->hub);
    gc_clear(&map->directory);
    map->count = map->buckets = map->mask = 0;
}

/* The hub is left out here, too. So is the directory, which then counts as held from outside: a
 * collection must not clear it before the map, which can be used until its own clear. */
static const gc_type map_type = {
    .name = "gc_weak_map",
    .size = sizeof(struct gc_weak_map),
    .refs = OURO_REFS(struct gc_weak_map, first),
    .clear = map_clear,
};

gc_weak_map *gc_weak_map_new_at(gc_heap *heap, gc_weak_side side, const char *where)
{
    gc_weak_map *map = gc_new_at(heap, &map_type, where); /* user code may run here */
    if (map != NULL) {
        map->side = side;
    }
    return map;
}

/* A key, whatever the side. */
struct key {
    const void *bytes;
    size_t size;
    uint64_t hash;
};

/* `key` is the caller's argument, in a place that lasts as long as the result. */
static struct key key_of(const gc_weak_map *map, const void *const *key, size_t size)
{
    struct key result = { *key, size, 0 };
    if (map->side == GC_WEAK_KEYS) {
        result.bytes = key;
        result.size = sizeof(*key);
    }
    result.hash = gc_hash(gc_heap_of(map), result.bytes, result.size);
    return result;
}

/* Buckets. */

static struct entry **bucket_at(const gc_weak_map *map, size_t i)
{
    return &map->directory->blocks[i / BLOCK]->buckets[i % BLOCK];
}

/* A bucket that does not exist yet is still part of the one with the same lower bits. */
static size_t index_of(const gc_weak_map *map, uint64_t hash)
{
    size_t i = (size_t)hash & map->mask;
    return i < map->buckets ? i : i & map->mask >> 1;
}

static struct entry **bucket_of(const gc_weak_map *map, uint64_t hash)
{
    return bucket_at(map, index_of(map, hash));
}

/* The entry of a key, or NULL. */
static struct entry *find(const gc_weak_map *map, const struct key *key)
{
    struct entry *entry = map->buckets == 0 ? NULL : *bucket_of(map, key->hash);
    while (entry != NULL && (entry->hash != key->hash || gc_tail_length(entry) != key->size ||
                             memcmp(entry->key, key->bytes, key->size) != 0)) {
        entry = entry->chain;
    }
    return entry;
}

static bool has_block(const gc_weak_map *map, size_t block)
{
    return map->directory != NULL && block < gc_tail_length(map->directory) &&
           map->directory->blocks[block] != NULL;
}

/* One more bucket, with its share of the one that it is split from; or none, for lack of memory. */
static void split(gc_weak_map *map)
{
    size_t added = map->buckets;
    if (!has_block(map, added / BLOCK)) {
        return;
    }
    map->buckets++;
    map->mask = added > map->mask ? map->mask * 2 + 1 : map->mask;
    struct entry **from = bucket_at(map, added & map->mask >> 1);
    struct entry **to = bucket_at(map, added);
    while (*from != NULL) {
        struct entry *entry = *from;
        if (index_of(map, entry->hash) == added) {
            *from = entry->chain;
            *to = entry;
            to = &entry->chain;
        } else {
            from = &entry->chain;
        }
    }
    *to = NULL;
}

/* One bucket fewer, which joins the one that it was split from, and a block fewer with the last of
 * its buckets. */
static void merge(gc_weak_map *map)
{
    size_t last = --map->buckets, half = map->mask >> 1;
    struct entry **link = bucket_at(map, last & half);
    while (*link != NULL) {
        link = &(*link)->chain;
    }
    *link = *bucket_at(map, last);
    map->mask = last - 1 > half ? map->mask : half;
    if (last % BLOCK == 0) {
        gc_clear(&map->directory->blocks[last / BLOCK]);
    }
}

/* Give up buckets when three quarters are not needed, and a directory that was large with the last
 * entry. Runs no user code. */
static void shrink(gc_weak_map *map)
{
    while (map->buckets > BLOCK && map->buckets / 4 > map->count) {
        merge(map);
    }
    if (map->count == 0 && gc_tail_length(map->directory) > BLOCK) {
        gc_clear(&map->directory);
        map->buckets = map->mask = 0;
    }
}

/* Have a directory with room for a block. false: no memory. */
static bool grow_directory(gc_weak_map *map, size_t block, const char *where)
{
    struct directory *larger = gc_new_var_at(gc_heap_of(map), &directory_type, block * 2 + 1,
                                             where); /* user code may run here */
    if (larger == NULL) {
        return false;
    }
    size_t room = map->directory == NULL ? 0 : gc_tail_length(map->directory);
    if (room <= block) {
        for (size_t i = 0; i < room; i++) {
            larger->blocks[i] = gc_take(&map->directory->blocks[i]);
        }
        gc_set(&map->directory, larger);
    }
    gc_decref(larger);
    return true;
}

/* Have a block of buckets. User code may run, which may do the same, or clear the map. false: no
 * memory. */
static bool make_block(gc_weak_map *map, size_t block, const char *where)
{
    if ((map->directory == NULL || gc_tail_length(map->directory) <= block) &&
        !grow_directory(map, block, where)) { /* user code may run here */
        return false;
    }
    struct block *made =
        gc_new_at(gc_heap_of(map), &block_type, where); /* user code may run here */
    if (made == NULL) {
        return false;
    }
    bool has_room = map->directory != NULL && block < gc_tail_length(map->directory);
    if (has_room && map->directory->blocks[block] == NULL) {
        map->directory->blocks[block] = gc_newref(made);
    }
    gc_decref(made);
    return true;
}

/* Have a hub, as a block. */
static bool make_hub(gc_weak_map *map, const char *where)
{
    struct hub *made = gc_new_at(gc_heap_of(map), &hub_type, where); /* user code may run here */
    if (made == NULL) {
        return false;
    }
    if (map->hub == NULL) {
        made->map = map;
        map->hub = gc_newref(made);
    }
    gc_decref(made);
    return true;
}

/* Make sure that there are a hub and buckets, and if possible enough for one entry more. false: no
 * memory. */
static bool make_room(gc_weak_map *map, const char *where)
{
    gc_heap *heap = gc_heap_of(map);
    do { /* again if user code has cleared the map */
        if (map->hub == NULL && !make_hub(map, where)) { /* user code may run here */
            return false;
        }
        if (map->count >= map->buckets && !has_block(map, map->buckets / BLOCK)) {
            gc_status error = gc_last_error(heap);
            if (!make_block(map, map->buckets / BLOCK, where)) { /* user code may run here */
                if (map->buckets == 0) {
                    return false;
                }
                gc_set_error(heap, error);
            }
        }
    } while (map->hub == NULL || (map->buckets == 0 && !has_block(map, 0)));
    if (map->buckets == 0) {
        map->buckets = BLOCK;
        map->mask = BLOCK - 1;
    }
    return true;
}

/* Entries. */

/* Put an entry, which the map then owns, behind another; NULL: in front. */
static void link_entry(gc_weak_map *map, OURO_STEALS struct entry *entry, struct entry *before)
{
    struct entry **bucket = bucket_of(map, entry->hash);
    entry->hub = gc_newref(map->hub);
    entry->chain = *bucket;
    *bucket = entry;
    struct entry **place = before == NULL ? &map->first : &before->after;
    entry->before = before;
    entry->after = *place;
    if (entry->after != NULL) {
        entry->after->before = entry;
    }
    *place = entry;
    if (++map->count > map->buckets) {
        split(map);
    }
}

/* Take an entry out of the map. Any user code may run. */
static void drop_entry(gc_weak_map *map, struct entry *entry)
{
    for (struct cursor *cursor = map->cursors; cursor != NULL; cursor = cursor->outer) {
        cursor->at = cursor->at == entry ? entry->after : cursor->at;
    }
    struct entry **link = bucket_of(map, entry->hash);
    while (*link != entry) {
        link = &(*link)->chain;
    }
    *link = entry->chain;
    *(entry->before == NULL ? &map->first : &entry->before->after) = entry->after;
    if (entry->after != NULL) {
        entry->after->before = entry->before;
    }
    entry->after = NULL;
    map->count--;
    shrink(map);
    gc_clear(&entry->hub);
    gc_clear(&entry->weak);  /* nobody else has it: it will not call any more */
    gc_clear(&entry->value); /* user code may run here */
    gc_decref(entry);
}

/* The object of an entry is dead. The entry is not, or its weak reference would not call. */
static void vanish(gc_weak *weak, void *arg)
{
    struct entry *entry = arg;
    gc_weak_map *map = entry->weak == weak && entry->hub != NULL ? entry->hub->map : NULL;
    if (map != NULL) {
        drop_entry(map, entry); /* user code may run here */
    }
}

/* A new entry, in no map yet. NULL: no memory. */
static struct entry *make_entry(gc_weak_map *map, const struct key *key, void *object,
                                const char *where)
{
    struct entry *entry =
        gc_new_var_at(gc_heap_of(map), &entry_type, key->size, where); /* user code may run here */
    if (entry == NULL) {
        return NULL;
    }
    memcpy(entry->key, key->bytes, key->size);
    entry->hash = key->hash;
    entry->weak = gc_weak_new_at(object, vanish, entry, where); /* user code may run here */
    if (entry->weak == NULL) {
        gc_decref(entry);
        return NULL;
    }
    return entry;
}

gc_status gc_weak_map_set_at(gc_weak_map *map, const void *key, size_t size, void *value,
                             const char *where)
{
    struct key own = key_of(map, &key, size);
    bool by_key = map->side == GC_WEAK_KEYS;
    void *object = by_key ? (void *)(uintptr_t)key : value;
    struct entry *entry = make_entry(map, &own, object, where); /* user code may run here */
    if (entry == NULL) {
        return gc_last_error(gc_heap_of(map));
    }
    if (!make_room(map, where)) { /* user code may run here */
        gc_decref(entry);
        return gc_last_error(gc_heap_of(map));
    }
    entry->value = by_key ? gc_newref(value) : NULL;
    struct entry *replaced = find(map, &own);
    link_entry(map, entry, replaced);
    if (replaced != NULL) {
        drop_entry(map, replaced); /* user code may run here */
    }
    return GC_OK;
}

/* The object and the value of an entry, both new; false: it is about to vanish. */
static bool hold(struct entry *entry, void **object, void **value)
{
    *object = gc_weak_get(entry->weak);
    if (*object == NULL) {
        return false;
    }
    *value = gc_newref(entry->value == NULL ? *object : entry->value);
    return true;
}

void *gc_weak_map_get(gc_weak_map *map, const void *key, size_t size)
{
    struct key own = key_of(map, &key, size);
    struct entry *entry = find(map, &own);
    void *object, *value;
    if (entry == NULL || !hold(entry, &object, &value)) {
        return NULL;
    }
    gc_decref(object); /* not the last: the caller holds the key, or `value` is the same */
    return value;
}

bool gc_weak_map_remove(gc_weak_map *map, const void *key, size_t size)
{
    struct key own = key_of(map, &key, size);
    struct entry *entry = find(map, &own);
    if (entry == NULL) {
        return false;
    }
    void *object = gc_weak_get(entry->weak);
    drop_entry(map, entry); /* user code may run here */
    gc_xdecref(object);     /* user code may run here */
    return object != NULL;
}

size_t gc_weak_map_count(const gc_weak_map *map)
{
    return map->count;
}

int gc_weak_map_each(gc_weak_map *map, gc_weak_map_fn visit, void *arg)
{
    struct cursor cursor = { .at = map->first, .outer = map->cursors };
    struct entry *entry;
    int stop = 0;
    gc_incref(map);
    map->cursors = &cursor;
    while (stop == 0 && (entry = cursor.at) != NULL) {
        void *object, *value;
        cursor.at = entry->after;
        if (hold(entry, &object, &value)) {
            bool by_key = map->side == GC_WEAK_KEYS;
            gc_incref(entry); /* its key is lent */
            int error = errno;
            stop = visit(by_key ? object : entry->key, by_key ? 0 : gc_tail_length(entry), value,
                         arg); /* user code may run here */
            errno = error;
            gc_decref(entry);  /* user code may run here */
            gc_decref(value);  /* user code may run here */
            gc_decref(object); /* user code may run here */
        }
    }
    map->cursors = cursor.outer;
    gc_decref(map); /* user code may run here */
    return stop;
}
