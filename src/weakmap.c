/* SPDX-License-Identifier: MIT */

/* Weak maps.
 *
 * An entry is an object. Its weak reference leads to the key, or to the value, and calls back to
 * take the entry out. The map owns the first entry, each entry the one after it; buckets only
 * point. Entries share a way back to their map, which is cut when the map is cleared or dies.
 *
 * What keeps a late callback from harm: an entry that leaves the map drops its weak reference at
 * once, and one that dies before its turn does not call; one that leaves with its map finds the way
 * back cut. Whoever walks through a map has a cursor on his stack, which steps aside when the entry
 * it stands on leaves. New entries come first, so a walk never meets them.
 *
 * A map that outgrows its index makes one of twice the size, and moves two buckets to it with each
 * entry that is added. */

#include "ouro.h"

enum { FIRST_SIZE = 8 };

struct way_back {
    gc_object object;
    gc_weak_map *map; /* NULL: the entries that come this way are in no map any more */
};

static const gc_type way_back_type = {
    .name = "gc_weak_map way back",
    .size = sizeof(struct way_back),
};

struct entry {
    gc_object object;
    gc_weak *weak; /* to the object that it vanishes with */
    void *value;   /* owned, in a map by key; else NULL */
    struct way_back *way_back;
    struct entry *after; /* owned */
    struct entry *before;
    struct entry *chain; /* next in its bucket */
    uint64_t hash;
    unsigned char key[]; /* its bytes; of an object, those of its address */
};

static void entry_traverse(gc_object *self, gc_visitor *visitor)
{
    struct entry *entry = (struct entry *)(void *)self;
    gc_visit(visitor, entry->weak);
    gc_visit(visitor, entry->value);
    gc_visit(visitor, entry->way_back);
    gc_visit(visitor, entry->after);
}

static void entry_destroy(gc_object *self)
{
    struct entry *entry = (struct entry *)(void *)self;
    gc_clear(&entry->weak);
    gc_clear(&entry->value);
    gc_clear(&entry->way_back);
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

struct index {
    gc_object object;
    struct entry *buckets[]; /* a power of two */
};

static const gc_type index_type = {
    .name = "gc_weak_map index",
    .size = offsetof(struct index, buckets),
    .item_size = sizeof(struct entry *),
};

/* Somebody who walks through a map. */
struct cursor {
    struct entry *at; /* the next to visit */
    struct cursor *outer;
};

struct gc_weak_map {
    gc_object object;
    struct way_back *way_back; /* NULL: it has no entries yet */
    struct entry *first;
    struct index *index; /* NULL: likewise */
    struct index *old;   /* what is moved to index, from bucket `moved` on; or NULL */
    size_t moved;
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
    map->count = 0;
    if (map->way_back != NULL) {
        map->way_back->map = NULL;
    }
}

static const gc_type map_type = {
    .name = "gc_weak_map",
    .size = sizeof(struct gc_weak_map),
    .refs = OURO_REFS(struct gc_weak_map, index, old, way_back, first),
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
    uint64_t hash; /* FNV-1a */
};

/* `key` is the caller's argument, in a place that lasts as long as the result. */
static struct key key_of(const gc_weak_map *map, const void *const *key, size_t size)
{
    struct key result = { *key, size, UINT64_C(0xCBF29CE484222325) };
    if (map->side == GC_WEAK_KEYS) {
        result.bytes = key;
        result.size = sizeof(*key);
    }
    for (size_t i = 0; i < result.size; i++) {
        result.hash ^= ((const unsigned char *)result.bytes)[i];
        result.hash *= UINT64_C(0x100000001B3);
    }
    result.hash ^= result.hash >> 32;
    return result;
}

/* The index. */

static struct entry **bucket_of(const gc_weak_map *map, uint64_t hash)
{
    if (map->old != NULL) {
        size_t i = (size_t)hash & (gc_count(map->old) - 1);
        if (i >= map->moved) {
            return &map->old->buckets[i];
        }
    }
    return &map->index->buckets[(size_t)hash & (gc_count(map->index) - 1)];
}

/* Where the entry of a key is pointed to; or NULL. */
static struct entry *find(const gc_weak_map *map, const struct key *key)
{
    struct entry *entry = map->index == NULL ? NULL : *bucket_of(map, key->hash);
    while (entry != NULL && (entry->hash != key->hash || gc_count(entry) != key->size ||
                             memcmp(entry->key, key->bytes, key->size) != 0)) {
        entry = entry->chain;
    }
    return entry;
}

static void move_some(gc_weak_map *map)
{
    for (int i = 0; i < 2 && map->old != NULL; i++) {
        struct entry *entry = map->old->buckets[map->moved++];
        while (entry != NULL) {
            struct entry *next = entry->chain;
            struct entry **bucket = bucket_of(map, entry->hash);
            entry->chain = *bucket;
            *bucket = entry;
            entry = next;
        }
        if (map->moved == gc_count(map->old)) {
            gc_clear(&map->old); /* no user code: an index is a leaf */
        }
    }
}

/* Make sure that there is an index, and if possible one that is large enough. false: no memory. */
static bool make_room(gc_weak_map *map, const char *where)
{
    gc_heap *heap = gc_heap_of(map);
    size_t size = map->index == NULL ? 0 : gc_count(map->index);
    if (map->count < size || map->old != NULL) {
        return true;
    }
    gc_status error = gc_last_error(heap);
    struct index *index = gc_new_var_at(heap, &index_type, size == 0 ? FIRST_SIZE : size * 2,
                                        where); /* user code may run here */
    if (index == NULL) {
        if (map->index != NULL) {
            gc_set_error(heap, error);
        }
        return map->index != NULL;
    }
    size_t now = map->index == NULL ? 0 : gc_count(map->index);
    if (now != size || map->old != NULL) {
        gc_decref(index); /* that user code was here before us */
        return true;
    }
    map->old = gc_take(&map->index);
    map->moved = 0;
    map->index = index;
    return true;
}

/* The same for the way back. */
static bool make_way_back(gc_weak_map *map, const char *where)
{
    if (map->way_back == NULL) {
        struct way_back *way_back =
            gc_new_at(gc_heap_of(map), &way_back_type, where); /* user code may run here */
        if (way_back == NULL) {
            return false;
        }
        if (map->way_back != NULL) {
            gc_decref(way_back); /* that user code was here before us */
            return true;
        }
        way_back->map = map;
        map->way_back = way_back;
    }
    return true;
}

/* Make sure that link_entry has what it needs. The user code that runs may even clear the map. */
static bool prepare(gc_weak_map *map, const char *where)
{
    do {
        if (!make_room(map, where) || !make_way_back(map, where)) {
            return false;
        }
    } while (map->index == NULL || map->way_back == NULL);
    return true;
}

/* Entries. */

/* Put an entry, which the map then owns, behind another; NULL: in front. */
static void link_entry(gc_weak_map *map, OURO_STEALS struct entry *entry, struct entry *before)
{
    struct entry **bucket = bucket_of(map, entry->hash);
    entry->chain = *bucket;
    *bucket = entry;
    struct entry **place = before == NULL ? &map->first : &before->after;
    entry->before = before;
    entry->after = *place;
    if (entry->after != NULL) {
        entry->after->before = entry;
    }
    *place = entry;
    map->count++;
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
    gc_clear(&entry->weak);  /* nobody else has it: it will not call any more */
    gc_clear(&entry->value); /* user code may run here */
    gc_decref(entry);
}

/* The object of an entry is dead. The entry is not, or its weak reference would not call. */
static void vanish(gc_weak *weak, void *arg)
{
    struct entry *entry = arg;
    if (entry->weak == weak && entry->way_back != NULL && entry->way_back->map != NULL) {
        drop_entry(entry->way_back->map, entry); /* user code may run here */
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
    if (!prepare(map, where)) { /* user code may run here */
        gc_decref(entry);
        return gc_last_error(gc_heap_of(map));
    }
    entry->value = by_key ? gc_newref(value) : NULL;
    entry->way_back = gc_newref(map->way_back);
    struct entry *replaced = find(map, &own);
    link_entry(map, entry, replaced);
    move_some(map);
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
            stop = visit(by_key ? object : entry->key, by_key ? 0 : gc_count(entry), value,
                         arg); /* user code may run here */
            gc_decref(entry);  /* user code may run here */
            gc_decref(value);  /* user code may run here */
            gc_decref(object); /* user code may run here */
        }
    }
    map->cursors = cursor.outer;
    gc_decref(map); /* user code may run here */
    return stop;
}
