/* SPDX-License-Identifier: MIT */

/* Every call of the public API, written as people write it: compiles as C11 and as C++17
 * (calls.cpp), and runs. tools/check_header.py wants each exported function here.
 */

#include "ouro.h"

#include <stdlib.h>

struct node {
    gc_object object;
    struct node *left, *right;
};

struct tuple {
    gc_object object;
    struct node *owner;
    struct node *items[1]; /* not a flexible array, which C++ does not have */
};

struct list {
    gc_object object;
    struct node **items;
    uint16_t count;
};

#ifdef __cplusplus
OURO_DECLARE_REFS(node_refs, OURO_REF(node, left), OURO_REF(node, right));
static const gc_type node_type = [] {
    gc_type type = {};
    type.name = "node";
    type.size = sizeof(node);
    type.refs = &node_refs;
    return type;
}();
OURO_DECLARE_REFS(tuple_refs, OURO_REF(tuple, owner), OURO_TAIL(tuple, items));
static const gc_type tuple_type = [] {
    gc_type type = {};
    type.name = "tuple";
    type.size = offsetof(tuple, items);
    type.item_size = sizeof(void *);
    type.refs = &tuple_refs;
    return type;
}();
#else
static const gc_type node_type = {
    .name = "node",
    .size = sizeof(struct node),
    .refs = OURO_REFS(struct node, left, right),
};
static const gc_type tuple_type = {
    .name = "tuple",
    .size = offsetof(struct tuple, items),
    .item_size = sizeof(void *),
    .refs = OURO_FIELDS(OURO_REF(struct tuple, owner), OURO_TAIL(struct tuple, items)),
};
#endif

/* The other way to declare references, and a type that uses every slot. */
static unsigned finalized, destroyed;

static void list_traverse(gc_object *self, gc_visitor *visitor)
{
    struct list *list = (struct list *)(void *)self;
    for (uint16_t index = 0; index < list->count; index++) {
        gc_visit(visitor, list->items[index]);
    }
}

static void list_clear(gc_object *self)
{
    struct list *list = (struct list *)(void *)self;
    while (list->count > 0) {
        list->count--;
        gc_clear(&list->items[list->count]);
    }
}

static void list_finalize(gc_object *self)
{
    (void)self;
    finalized++;
}

static void list_destroy(gc_object *self)
{
    free(((struct list *)(void *)self)->items);
    destroyed++;
}

static gc_type list_type(void)
{
    gc_type type;
    memset(&type, 0, sizeof(type));
    type.name = "list";
    type.size = sizeof(struct list);
    type.traverse = list_traverse;
    type.clear = list_clear;
    type.finalize = list_finalize;
    type.destroy = list_destroy;
    return type;
}

static void expect(bool condition, int line)
{
    if (!condition) {
        fprintf(stderr, "calls.c:%d: not as expected\n", line);
        exit(1);
    }
}
#define EXPECT(condition) expect((condition), __LINE__)

static int count_object(void *object, void *arg)
{
    (void)object;
    ++*(int *)arg;
    return 0;
}

static int stop_at_once(void *object, void *arg)
{
    (void)object;
    (void)arg;
    return 7;
}

static void references(gc_heap *heap)
{
    struct node *a = (struct node *)gc_new(heap, &node_type);
    struct node *b = (struct node *)gc_new(heap, &node_type);
    EXPECT(a != NULL && b != NULL);
    EXPECT(gc_refcount(a) == 1 && gc_type_of(a) == &node_type && gc_heap_of(a) == heap);
    EXPECT(gc_tail_length(a) == 0 && !gc_is_immortal(a));

    gc_incref(a);
    gc_xincref(a);
    gc_xincref(NULL);
    EXPECT(gc_refcount(a) == 3);
    gc_decref(a);
    gc_xdecref(a);
    gc_xdecref(NULL);
    EXPECT(gc_refcount(a) == 1);

    gc_set(&a->left, b);
    gc_set(&a->left, NULL);
    EXPECT(a->left == NULL && gc_refcount(b) == 1);
    gc_set_steal(&a->left, gc_newref(b));
    EXPECT(a->left == b && gc_refcount(b) == 2);
    gc_swap(&a->left, &a->right);
    EXPECT(a->left == NULL && a->right == b && gc_refcount(b) == 2);
    struct node *taken = (struct node *)gc_take(&a->right);
    EXPECT(taken == b && a->right == NULL && gc_refcount(b) == 2);
    gc_clear(&taken);
    EXPECT(taken == NULL && gc_refcount(b) == 1);
    gc_set_steal(&taken, NULL);
    gc_decref(b);
    gc_decref(a);
}

static void tails_and_slots(gc_heap *heap, const gc_type *type)
{
    struct tuple *tuple = (struct tuple *)gc_new_var(heap, &tuple_type, 3);
    struct node *node = (struct node *)gc_new(heap, &node_type);
    struct list *list = (struct list *)gc_new(heap, type);
    EXPECT(tuple != NULL && node != NULL && list != NULL && gc_tail_length(tuple) == 3);
    gc_set(&tuple->owner, node);
    gc_set(&tuple->items[0], node);

    list->items = (struct node **)calloc(1, sizeof(struct node *));
    EXPECT(list->items != NULL);
    list->items[0] = gc_newref(node);
    list->count = 1;

    int count = 0;
    EXPECT(gc_referents(tuple, count_object, &count) == 0 && count == 2);
    count = 0;
    EXPECT(gc_referrers(heap, node, count_object, &count) == 0 && count == 2);
    EXPECT(gc_referrers(heap, node, stop_at_once, NULL) == 7);
    EXPECT(gc_type_forget(heap, type) == GC_ERR_BUSY && gc_last_error(heap) == GC_ERR_BUSY);

    EXPECT(gc_resize_var(&tuple, 40) == GC_OK && gc_tail_length(tuple) == 40);
    EXPECT(tuple->items[0] == node && tuple->items[39] == NULL);
    EXPECT(gc_resize_var(&tuple, 1) == GC_OK && gc_tail_length(tuple) == 1);

    gc_decref(list);
    EXPECT(finalized == 1 && destroyed == 1);
    EXPECT(gc_type_forget(heap, type) == GC_OK);
    gc_decref(tuple);
    gc_decref(node);
}

static void collecting(gc_heap *heap)
{
    gc_thresholds thresholds;
    gc_get_thresholds(heap, &thresholds);
    EXPECT(thresholds.young_objects > 0);
    gc_set_thresholds(heap, &thresholds);
    EXPECT(gc_disable(heap) && !gc_is_enabled(heap));

    struct node *a = (struct node *)gc_new(heap, &node_type);
    struct node *b = (struct node *)gc_new(heap, &node_type);
    EXPECT(a != NULL && b != NULL);
    gc_set(&a->left, b);
    gc_set(&b->left, a);
    gc_decref(a);
    gc_decref(b);
    int count = 0;
    EXPECT(gc_each_object(heap, -1, count_object, &count) == 0 && count == 2);
    count = 0;
    EXPECT(gc_unreachable(heap, count_object, &count) == 0 && count == 2);
    EXPECT(gc_check(heap));
    EXPECT(gc_collect(heap) == 2);
    EXPECT(gc_collect_generation(heap, 0) == 0);
    EXPECT(!gc_step(heap, 1000000));
    EXPECT(!gc_enable(heap) && gc_is_enabled(heap));
    gc_safepoint(heap);

    gc_stats stats;
    gc_get_stats(heap, &stats);
    EXPECT(stats.objects_live == 0 && stats.bytes_live == 0);
    gc_stats_print(heap, stderr);
}

static bool count_start(gc_heap *heap, const gc_collection *collection, void *arg)
{
    EXPECT(heap != NULL && collection->size == sizeof(*collection));
    EXPECT(collection->reason == GC_REASON_CALL);
    ++*(int *)arg;
    return true;
}

static void control(gc_heap *heap)
{
    int count = 0;
    gc_hook hook;
    memset(&hook, 0, sizeof(hook));
    hook.start = count_start;
    hook.arg = &count;
    gc_hook_add(heap, &hook);
    (void)gc_collect(heap);
    gc_hook_remove(heap, &hook);
    EXPECT(count == 1);

    struct node *node = (struct node *)gc_new(heap, &node_type);
    EXPECT(node != NULL && gc_is_container(node) && !gc_is_finalized(node));
    EXPECT(gc_freeze(heap) == 1 && gc_generation_of(node) == GC_FROZEN);
    EXPECT(gc_unfreeze(heap) == 1);
    gc_holder holder;
    EXPECT(gc_why_alive(heap, node, &holder, 1) == 1 && holder.object == node);
    EXPECT(gc_why_alive_print(heap, node, stderr) == 0);
    gc_type_stats types[2];
    memset(types, 0, sizeof(types));
    EXPECT(gc_get_type_stats(heap, types, 2) == 1 && types[0].type == &node_type);
    gc_set_steal(&node->left, node);

    EXPECT(gc_set_debug(heap, GC_DEBUG_SAVE_ALL) == 0 && gc_get_debug(heap) == GC_DEBUG_SAVE_ALL);
    EXPECT(gc_collect(heap) == 1);
    EXPECT(gc_set_debug(heap, 0) == GC_DEBUG_SAVE_ALL);
    EXPECT(gc_release_saved(heap) == 1 && gc_collect(heap) == 1);
}

static int count_statistic(const gc_statistic *statistic, void *arg)
{
    EXPECT(statistic->name != NULL);
    ++*(int *)arg;
    return 0;
}

static void profiling(gc_heap *heap)
{
    char buffer[100];
    EXPECT(gc_profile_start(heap, 1) == GC_OK && gc_profile_is_on(heap));
    struct node *node = (struct node *)gc_new(heap, &node_type);
    EXPECT(node != NULL && gc_profile_site(node) != NULL);
    gc_profile_track(heap, buffer, sizeof(buffer), 7);
    gc_snapshot *older = gc_snapshot_take(heap);
    gc_profile_untrack(heap, buffer);
    gc_profile_reset_peak(heap);
    gc_snapshot *newer = gc_snapshot_take(heap);
    EXPECT(older != NULL && newer != NULL);

    gc_profile_stats stats;
    gc_profile_get_stats(heap, &stats);
    EXPECT(stats.objects == 1);
    gc_profile_filter filter;
    memset(&filter, 0, sizeof(filter));
    filter.type = "node";
    gc_snapshot *of_nodes = gc_snapshot_filter(older, &filter, 1);
    EXPECT(of_nodes != NULL);
    int count = 0;
    EXPECT(gc_snapshot_statistics(of_nodes, GC_BY_TYPE, count_statistic, &count) == 0);
    EXPECT(count == 1);
    EXPECT(gc_snapshot_compare(newer, older, GC_BY_LINE, count_statistic, &count) == 0);
    EXPECT(gc_snapshot_print(newer, GC_BY_LINE, 10, stderr) == 0);
    EXPECT(gc_snapshot_print_compare(newer, older, GC_BY_TYPE, 10, stderr) == 0);

    gc_snapshot_free(of_nodes);
    gc_snapshot_free(newer);
    gc_snapshot_free(older);
    gc_profile_clear(heap);
    gc_profile_stop(heap);
    EXPECT(!gc_profile_is_on(heap));
    gc_decref(node);
}

/* Counts down; gives itself. */
struct countdown {
    gc_generator generator;
    unsigned left;
};

OURO_GENERATOR(countdown)
{
    OURO_BEGIN(self);
    while (self->left > 0) {
        self->left--;
        OURO_YIELD(self, gc_newref(self));
    }
    OURO_END(self);
}

/* Gives the items of two others: one at a time those of the first, then all of the second. */
struct splice {
    gc_generator generator;
    gc_generator *first;
    gc_object *item;
    gc_generator *second;
};

static unsigned cleaned;

OURO_GENERATOR_CLEANUP(splice, first, item, second)
{
    OURO_BEGIN(self);
    OURO_PULL(self, &self->item, self->first);
    while (self->item != NULL) {
        OURO_YIELD(self, gc_take(&self->item));
        OURO_PULL(self, &self->item, self->first);
    }
    OURO_YIELD_FROM(self, gc_take(&self->second));
    OURO_END(self);
}

OURO_CLEANUP(splice)
{
    (void)self;
    cleaned++;
}

static gc_generator *countdown_new(gc_heap *heap, unsigned left)
{
    struct countdown *countdown = (struct countdown *)gc_new(heap, &countdown_type.type);
    EXPECT(countdown != NULL);
    countdown->left = left;
    return &countdown->generator;
}

static void *same_item(void *item, void *arg)
{
    (void)arg;
    return gc_newref(item);
}

static bool every_item(void *item, void *arg)
{
    (void)item;
    (void)arg;
    return true;
}

static void generators(gc_heap *heap)
{
    EXPECT(countdown_type.type.finalize == gc_generator_finalize);
    struct splice *splice = (struct splice *)gc_new(heap, &splice_type.type);
    EXPECT(splice != NULL);
    splice->first = countdown_new(heap, 2);
    splice->second = countdown_new(heap, 3);
    size_t count = 0;
    OURO_FOREACH (struct countdown, item, &splice->generator) {
        EXPECT(gc_type_of(item) == &countdown_type.type);
        count++;
    }
    EXPECT(count == 5 && cleaned == 1);

    gc_generator *pipeline = gc_generator_chain(
        gc_generator_map(countdown_new(heap, 3), same_item, NULL),
        gc_generator_filter(gc_generator_limit(countdown_new(heap, 9), 2), every_item, NULL));
    EXPECT(gc_generator_count(pipeline) == 5);
    void *tuple = gc_generator_to_tuple(countdown_new(heap, 4));
    EXPECT(tuple != NULL && gc_tail_length(tuple) == 4 && gc_tuple_items(tuple)[3] != NULL);
    gc_drop_references(tuple);
    gc_decref(tuple);

    gc_set_error(heap, GC_OK);
    gc_generator *closed = countdown_new(heap, 1);
    EXPECT(gc_generator_close(closed) && gc_generator_next(closed) == NULL);
    EXPECT(gc_last_error(heap) == GC_OK);
    gc_decref(closed);
}

static void count_call(gc_weak *weak, void *arg)
{
    EXPECT(gc_weak_get(weak) == NULL);
    ++*(int *)arg;
}

static int count_entry(const void *key, size_t size, void *value, void *arg)
{
    EXPECT(key != NULL && size == 4 && value != NULL);
    ++*(int *)arg;
    return 0;
}

static void weak_references(gc_heap *heap)
{
    int calls = 0;
    struct node *node = (struct node *)gc_new(heap, &node_type);
    EXPECT(node != NULL && gc_is_unique(node));
    EXPECT(gc_try_incref(node) && !gc_is_unique(node));
    gc_weak *plain = gc_weak_new(node, NULL, NULL);
    gc_weak *weak = gc_weak_new(node, count_call, &calls);
    gc_weak *watcher = gc_watch(node, count_call, &calls);
    gc_weak_map *keys = gc_weak_map_new(heap, GC_WEAK_KEYS);
    gc_weak_map *values = gc_weak_map_new(heap, GC_WEAK_VALUES);
    EXPECT(plain != NULL && weak != NULL && watcher != NULL && keys != NULL && values != NULL);
    EXPECT(gc_weak_map_set(keys, node, 0, keys) == GC_OK);
    EXPECT(gc_weak_map_set(values, "name", 4, node) == GC_OK);
    int count = 0;
    EXPECT(gc_weak_map_each(values, count_entry, &count) == 0 && count == 1);
    EXPECT(gc_weak_map_remove(keys, node, 0));
    EXPECT(gc_unwatch(watcher));
    gc_decref(node);
    node = (struct node *)gc_weak_get(plain);
    EXPECT(node != NULL);
    gc_decref(gc_weak_map_get(values, "name", 4));
    gc_decref(node);
    {
        OURO_AUTO struct node *last = node;
        EXPECT(gc_is_unique(last));
    }
    EXPECT(calls == 1 && gc_weak_map_count(values) == 0);
    gc_decref(plain);
    gc_decref(weak);
    gc_decref(watcher);
    gc_decref(keys);
    gc_decref(values);
}

int main(void)
{
    gc_config config;
    memset(&config, 0, sizeof(config));
    /* The counts above must not depend on when a collection comes. */
    config.collect = GC_AT_SAFEPOINT;
    config.user_data = &config;
    gc_heap *heap = gc_heap_new(&config);
    EXPECT(heap != NULL && gc_heap_user_data(heap) == &config);
    EXPECT(gc_hash(heap, "ouro", 4) == gc_hash(heap, "ouro", 4));
    EXPECT(gc_status_text(GC_OK) != NULL && gc_last_error(heap) == GC_OK);

    const gc_type type = list_type();
    references(heap);
    tails_and_slots(heap, &type);
    collecting(heap);
    control(heap);
    profiling(heap);
    generators(heap);
    weak_references(heap);

    gc_external_add(heap, 100);
    gc_external_remove(heap, 100);
    (void)gc_heap_trim(heap);

    void *forever = gc_new(heap, &node_type);
    EXPECT(forever != NULL);
    gc_make_immortal(forever);
    EXPECT(gc_is_immortal(forever));
    gc_heap_free(heap);
    gc_heap_free(NULL);
    return 0;
}
