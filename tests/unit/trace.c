/* SPDX-License-Identifier: MIT */

/* The queue of a traverse, and the set algorithm on graphs that are made by hand or by chance. */

#include "support.h"

#include "trace.h"

static uint32_t state_of(const void *object)
{
    return gci_state_of(object);
}

/* Objects of three types that begin alike: references declared one by one, in a tail, and visited
 * by a callback. */
struct vertex {
    gc_object object;
    size_t id;
    struct vertex *edges[];
};

enum { FEW = 3, MANY = 300 };

struct vertex_of_few {
    gc_object object;
    size_t id;
    struct vertex *edges[FEW];
};
static const gc_type declared_type = {
    .name = "declared",
    .size = sizeof(struct vertex_of_few),
    .refs = OURO_REFS(struct vertex_of_few, edges[0], edges[1], edges[2]),
};

static const gc_type tail_type = {
    .name = "tail",
    .size = offsetof(struct vertex, edges),
    .item_size = sizeof(struct vertex *),
    .refs = OURO_FIELDS(OURO_TAIL(struct vertex, edges)),
};

static void visited_traverse(gc_object *self, gc_visitor *visitor)
{
    struct vertex *vertex = (void *)self;
    for (size_t i = 0; i < MANY; i++) {
        gc_visit(visitor, vertex->edges[i]);
    }
}
static void visited_clear(gc_object *self)
{
    struct vertex *vertex = (void *)self;
    for (size_t i = 0; i < MANY; i++) {
        gc_clear(&vertex->edges[i]);
    }
}
static const gc_type visited_type = {
    .name = "visited",
    .size = offsetof(struct vertex, edges) + MANY * sizeof(struct vertex *),
    .traverse = visited_traverse,
    .clear = visited_clear,
};

static size_t edge_count(const struct vertex *vertex)
{
    const gc_type *type = gc_type_of(vertex);
    return type == &declared_type ? FEW : type == &tail_type ? gc_tail_length(vertex) : MANY;
}

static struct vertex *vertex_new(gc_heap *heap, size_t id)
{
    struct vertex *vertex = id % 7 == 0   ? gc_new(heap, &visited_type)
                            : id % 3 == 0 ? gc_new_var(heap, &tail_type, id % 200)
                                          : gc_new(heap, &declared_type);
    assert_non_null(vertex);
    vertex->id = id;
    return vertex;
}

static unsigned next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* What every search must leave behind. */
static void assert_no_traces(gc_heap *heap)
{
    assert_null(heap->grey_pages);
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL;
         page = gci_pages_next(heap, page)) {
        assert_int_equal(page->grey, 0);
        for (size_t offset = page->first; offset < gci_page_end(page); offset += page->slot_size) {
            gc_object *self = gci_page_at(page, offset);
            assert_true(state_of(self) == GCI_FREE || self->gc / GCI_SCRATCH == 0);
        }
    }
}

/* Put everything back into one generation. */
static void make_all_old(gc_heap *heap)
{
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL;
         page = gci_pages_next(heap, page)) {
        for (size_t offset = page->first; offset < gci_page_end(page); offset += page->slot_size) {
            gc_object *self = gci_page_at(page, offset);
            if (state_of(self) != GCI_FREE && state_of(self) != GCI_LEAF) {
                self->gc = heap->old;
            }
        }
    }
    heap->young_objects = 0;
    gci_pages_forget_young(heap);
    assert_sound(heap);
}

/* The queue */

struct record {
    void *items[2000];
    size_t count, batches;
};

static void record_items(struct gci_tracer *tracer, void **items, size_t count)
{
    struct record *record = tracer->context;
    for (size_t i = 0; i < count; i++) {
        record->items[record->count++] = items[i];
    }
    record->batches++;
}

static void references_are_consumed_in_order_however_many(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const size_t some[] = { 0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 256, 999, 1999 };
    for (size_t n = 0; n < sizeof(some) / sizeof(some[0]); n++) {
        struct tuple *tuple = tuple_new(heap, some[n]);
        for (size_t i = 0; i < some[n]; i++) {
            tuple->items[i] = node_new(heap);
        }
        struct record record = { .count = 0 };
        struct gci_tracer tracer;
        gci_tracer_init(&tracer, heap, record_items);
        tracer.context = &record;
        gci_trace(&tracer, gci_page_of(tuple), &tuple->object);
        assert_true(some[n] - record.count < GCI_QUEUE_SIZE);
        gci_trace_flush(&tracer);
        assert_int_equal(record.count, some[n]);
        for (size_t i = 0; i < some[n]; i++) {
            assert_ptr_equal(record.items[i], tuple->items[i]);
        }
        gci_trace_flush(&tracer);
        assert_int_equal(record.count, some[n]);
        gc_decref(tuple);
    }
}

static void references_stay_in_the_queue_until_the_prefetch_had_time(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct record record = { .count = 0 };
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, record_items);
    tracer.context = &record;
    for (size_t i = 0; i < 1000; i++) {
        gc_visit(&tracer.visitor, node);
        size_t waiting = i + 1 - record.count;
        assert_true(record.count == 0 || waiting >= GCI_QUEUE_SIZE / 2);
    }
    gci_trace_flush(&tracer);
    gc_decref(node);
}

static void null_references_are_not_reported(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct record record = { .count = 0 };
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, record_items);
    tracer.context = &record;
    gci_trace(&tracer, gci_page_of(node), &node->object);
    gci_trace_flush(&tracer);
    assert_int_equal(record.count, 0);
    gc_decref(node);
}

struct buffer {
    gc_object object;
    struct node **items;
    uint8_t count;
};
static const gc_type buffer_type = {
    .name = "buffer",
    .size = sizeof(struct buffer),
    .refs = OURO_FIELDS(OURO_BUFFER(struct buffer, items, count)),
};

static void a_buffer_is_traced_as_far_as_its_count(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *items[255] = { NULL };
    struct buffer *buffer = gc_new(heap, &buffer_type);
    struct record record = { .count = 0 };
    struct gci_tracer tracer;
    gci_tracer_init(&tracer, heap, record_items);
    tracer.context = &record;
    gci_trace(&tracer, gci_page_of(buffer), &buffer->object); /* NULL and 0: nothing */
    gci_trace_flush(&tracer);
    assert_int_equal(record.count, 0);
    for (size_t i = 0; i < 255; i++) {
        items[i] = node_new(heap);
    }
    buffer->items = items;
    buffer->count = 200;
    gci_trace(&tracer, gci_page_of(buffer), &buffer->object);
    gci_trace_flush(&tracer);
    assert_int_equal(record.count, 200);
    assert_ptr_equal(record.items[199], items[199]);
    buffer->count = 255;
    gc_decref(buffer);
}

/* Sets */

static void the_set_of_the_young_has_the_young_pages_only(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *old = node_new(heap);
    (void)gc_collect(heap);
    struct actor *young = actor_new(heap, 1);
    struct leaf *leaf = leaf_new(heap, 1);
    struct gci_set set = gci_set_of_young(heap);
    assert_ptr_equal(set.pages, gci_page_of(young));
    assert_null(set.pages->next_in_set);
    gc_decref(old);
    gc_decref(young);
    gc_decref(leaf);
}

static void the_set_of_all_has_every_page_but_those_of_leaves(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *old = node_new(heap);
    (void)gc_collect(heap);
    struct actor *young = actor_new(heap, 1);
    struct leaf *leaf = leaf_new(heap, 1);
    struct gci_set set = gci_set_of_all(heap);
    size_t count = 0;
    for (struct gci_page *page = set.pages; page != NULL; page = page->next_in_set) {
        assert_ptr_not_equal(page, gci_page_of(leaf));
        count++;
    }
    assert_int_equal(count, 2);
    gc_decref(old);
    gc_decref(young);
    gc_decref(leaf);
}

/* Search a set so that all garbage, plain or not, is told by its state. */
static void search(gc_heap *heap, struct gci_set *set)
{
    set->look = true;
    gci_trace_find_garbage(heap, set);
}

static void a_reference_from_outside_the_set_keeps_alive_what_it_leads_to(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *old = node_new(heap);
    (void)gc_collect(heap);
    struct node *child = node_new(heap), *grandchild = node_new(heap);
    gc_set_steal(&old->left, child);
    gc_set_steal(&child->right, grandchild);
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    assert_int_equal(set.alive_count, 2);
    assert_int_equal(set.garbage_count, 0);
    assert_null(set.pages);
    assert_int_equal(child->object.gc, heap->old);
    assert_int_equal(grandchild->object.gc, heap->old);
    assert_no_traces(heap);
    make_all_old(heap);
    gc_decref(old);
}

static void a_circle_in_the_set_is_garbage_and_what_it_refers_to_as_well(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap), *b = node_new(heap), *c = node_new(heap);
    struct node *kept = node_new(heap);
    gc_set(&a->left, b);
    gc_set_steal(&b->left, a);
    gc_set_steal(&b->right, c);
    gc_set(&kept->left, kept);
    gc_decref(b);
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    assert_int_equal(set.alive_count, 1);
    assert_int_equal(set.garbage_count, 3);
    assert_int_equal(kept->object.gc, heap->old);
    assert_int_equal(a->object.gc, GCI_DOOMED);
    assert_int_equal(b->object.gc, GCI_DOOMED);
    assert_int_equal(c->object.gc, GCI_DOOMED);
    assert_no_traces(heap);
    make_all_old(heap);
    gc_clear(&kept->left);
    gc_decref(kept);
}

static void pages_know_their_members_and_how_many_of_them_are_marked(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *kept[3];
    struct actor *actor = actor_new(heap, 1);
    for (size_t i = 0; i < 3; i++) {
        kept[i] = node_new(heap);
    }
    for (size_t i = 0; i < 2; i++) {
        drop_a_node_circle(heap);
    }
    struct gci_set set = gci_set_of_all(heap);
    search(heap, &set);
    struct gci_page *page = gci_page_of(kept[0]);
    assert_int_equal(page->members, 7);
    assert_int_equal(page->marked, 3);
    assert_int_equal(gci_page_of(actor)->members, 1);
    assert_int_equal(gci_page_of(actor)->marked, 1);
    assert_ptr_equal(set.pages, page); /* the only one with garbage */
    assert_null(page->next_in_set);
    assert_int_equal(set.alive_count, 4);
    assert_int_equal(set.garbage_count, 4);
    heap->old = heap->old == GCI_OLD_A ? GCI_OLD_B : GCI_OLD_A;
    make_all_old(heap);
    for (size_t i = 0; i < 3; i++) {
        gc_decref(kept[i]);
    }
    gc_decref(actor);
}

static void the_set_tells_whether_garbage_has_finalizers_to_run(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *kept = actor_new(heap, 9); /* alive: does not matter */
    drop_a_node_circle(heap);
    struct gci_set set = gci_set_of_all(heap);
    search(heap, &set);
    assert_false(set.finalizers);
    heap->old = heap->old == GCI_OLD_A ? GCI_OLD_B : GCI_OLD_A;
    make_all_old(heap);
    struct actor *a = drop_an_actor_circle(heap, 1);
    set = gci_set_of_all(heap);
    search(heap, &set);
    assert_true(set.finalizers);
    heap->old = heap->old == GCI_OLD_A ? GCI_OLD_B : GCI_OLD_A;
    make_all_old(heap);
    a->object.refs |= OURO_REFS_FINALIZED;
    a->left->object.refs |= OURO_REFS_FINALIZED;
    set = gci_set_of_all(heap);
    search(heap, &set);
    assert_false(set.finalizers);
    heap->old = heap->old == GCI_OLD_A ? GCI_OLD_B : GCI_OLD_A;
    make_all_old(heap);
    gc_decref(kept);
}

static void the_young_alone_do_not_touch_the_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    drop_a_node_circle(heap);
    make_all_old(heap);
    struct node *young = node_new(heap); /* in the same page */
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    assert_int_equal(gci_page_of(young)->members, 1);
    assert_int_equal(set.alive_count, 1);
    assert_int_equal(set.garbage_count, 0);
    assert_no_traces(heap);
    make_all_old(heap);
    gc_decref(young);
}

/* Grey */

static void a_chain_is_marked_without_recursion(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t count = scaled(100000);
    struct node *head = NULL;
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap);
        node->left = head;
        head = node;
    }
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    assert_int_equal(set.alive_count, count);
    assert_int_equal(set.garbage_count, 0);
    assert_no_traces(heap);
    make_all_old(heap);
    gc_decref(head);
}

/* One root leads to all of several pages at once: long grey chains in each. */
static void grey_objects_of_many_pages_are_all_traced(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t count = scaled(30000);
    struct tuple *root = tuple_new(heap, count);
    for (size_t i = 0; i < count; i++) {
        struct node *node = node_new(heap), *child = node_new(heap);
        gc_set_steal(&node->left, child);
        gc_set_steal(&root->items[i * 7919 % count], node);
    }
    uint64_t containers = stats_of(heap).objects_live;
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    assert_int_equal(set.alive_count, containers);
    assert_int_equal(set.garbage_count, 0);
    assert_no_traces(heap);
    make_all_old(heap);
    gc_decref(root);
}

static void an_object_of_more_references_than_the_queue_counts_them_all(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { COUNT = 5 * GCI_QUEUE_SIZE + 1 };
    struct tuple *tuple = tuple_new(heap, 2 * COUNT);
    struct node *hub = node_new(heap);
    for (size_t i = 0; i < COUNT; i++) {
        gc_set(&tuple->items[i], hub); /* many to one */
        tuple->items[COUNT + i] = node_new(heap);
    }
    gc_set(&hub->left, (struct node *)(void *)tuple);
    gc_decref(hub);
    gc_decref(tuple); /* all in all a circle */
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    assert_int_equal(set.garbage_count, COUNT + 2);
    assert_int_equal(set.alive_count, 0);
    assert_no_traces(heap);
    make_all_old(heap);
    /* With one reference more from outside all of it is alive. */
    gc_incref(tuple->items[2 * COUNT - 1]);
    gc_set(&tuple->items[2 * COUNT - 1]->left, hub);
    set = gci_set_of_all(heap);
    search(heap, &set);
    assert_int_equal(set.garbage_count, 0);
    assert_no_traces(heap);
    heap->old = heap->old == GCI_OLD_A ? GCI_OLD_B : GCI_OLD_A;
    make_all_old(heap);
    gc_decref(tuple->items[2 * COUNT - 1]);
}

/* Extremes of counts */

static void an_immortal_is_alive_and_so_is_what_it_refers_to(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *object = node_new(heap);
    struct node *child = node_new(heap);
    struct node *self = node_new(heap);
    gc_set_steal(&object->left, child);
    gc_set(&self->left, self); /* all references to it are in the set */
    gc_make_immortal(object);
    gc_make_immortal(self);
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    assert_int_equal(set.alive_count, 3);
    assert_int_equal(set.garbage_count, 0);
    assert_no_traces(heap);
    make_all_old(heap);
    world->leftovers = true;
}

/* The scratch count is brought near its end by hand: real references would be 2^27. */
static void a_scratch_count_that_begins_anew_leaves_the_immortal_alive(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_new(heap, 10);
    struct node *hub = node_new(heap);
    gc_make_immortal(hub);
    for (size_t i = 0; i < 10; i++) {
        gc_set(&tuple->items[i], hub);
    }
    hub->object.gc = GCI_YOUNG | (0x8000000u - 4) * GCI_SCRATCH;
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    assert_int_equal(hub->object.gc, heap->old);
    assert_int_equal(set.alive_count, 2);
    assert_int_equal(world->panics, 0);
    assert_no_traces(heap);
    make_all_old(heap);
    gc_decref(tuple);
    world->leftovers = true;
}

/* Nothing of the young is garbage, because the hub is held. */
static void assert_all_live_by(struct world *world, const struct node *hub)
{
    gc_heap *heap = world->heap;
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    assert_int_equal(hub->object.gc, heap->old);
    assert_int_equal(set.garbage_count, 0);
    assert_no_traces(heap);
    make_all_old(heap);
    world->leftovers = true;
}

/* It reaches all of the immortal's own count here but the sign. */
static void no_scratch_count_is_that_of_an_immortal(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct tuple *tuple = tuple_new(heap, 10);
    struct node *hub = node_new(heap);
    gc_make_immortal(hub);
    for (size_t i = 0; i < 10; i++) {
        gc_set(&tuple->items[i], hub);
    }
    gc_set(&hub->left, (struct node *)(void *)tuple);
    gc_decref(tuple); /* nothing but the hub's own count holds the two */
    hub->object.gc = GCI_YOUNG | ((OURO_REFS_IMMORTAL / OURO_REFS_ONE + 1 - 10) * GCI_SCRATCH);
    assert_all_live_by(world, hub);
}

/* Not even none at all, though it has no bit for 2^27. */
static void no_scratch_count_is_that_of_one_with_all_references(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *hub = node_new(heap);
    hub->object.refs = 0x7FFFFFF0u; /* 2^27 */
    assert_all_live_by(world, hub);
}

/* Whether the young are found to hold closed garbage, as in a collection that keeps who lives on. They are as
 * before afterwards. */
static bool is_closed(gc_heap *heap)
{
    struct gci_set set = gci_set_of_young(heap);
    set.keeps = true;
    set.alive = GCI_NIBBLE(GCI_YOUNG, GCI_SEEN_YOUNG);
    gci_trace_find_garbage(heap, &set);
    const uint32_t states = 1u << GCI_YOUNG | 1u << GCI_SEEN_YOUNG | 1u << GCI_DOOMED;
    struct gci_walk at = { 0 };
    gc_object *self;
    while ((self = gci_walk_next(heap, &at, states)) != NULL) {
        self->gc = GCI_YOUNG;
    }
    assert_sound(heap);
    return set.closed;
}

static void garbage_is_closed_unless_it_may_refer_to_what_is_none(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *old = node_new(heap);
    (void)gc_collect(heap);
    struct node *young[] = { node_new(heap), node_new(heap) };

    /* Garbage, and survivors that refer to each other. */
    struct node *ring = node_new(heap);
    gc_set(&ring->left, ring);
    gc_decref(ring);
    assert_true(is_closed(heap));
    gc_set(&young[0]->left, young[1]);
    gc_set(&young[0]->right, young[1]);
    gc_set(&young[1]->left, young[0]);
    assert_true(is_closed(heap));

    /* Garbage that refers to a survivor: to one with a root of its own, or to one that has none. */
    gc_set(&ring->right, young[0]);
    assert_false(is_closed(heap));
    gc_set(&young[1]->right, young[1]);
    assert_false(is_closed(heap));
    gc_clear(&ring->right);
    assert_true(is_closed(heap));

    /* What is in no set, or old. */
    gc_set(&ring->right, old);
    assert_false(is_closed(heap));
    gc_set_steal(&ring->right, (struct node *)(void *)leaf_new(heap, 1));
    assert_false(is_closed(heap));
    gc_clear(&ring->right);
    assert_true(is_closed(heap));

    /* What is not looked at closely. */
    struct tuple *tuple = tuple_new(heap, 1);
    gc_set(&tuple->items[0], tuple);
    gc_decref(tuple);
    assert_false(is_closed(heap));
    assert_int_equal(gc_collect(heap), 2);
    gc_clear(&young[1]->left);
    gc_clear(&young[1]->right);
    gc_decref(young[0]);
    gc_decref(young[1]);
    gc_decref(old);
}

static void twice_traverse(gc_object *self, gc_visitor *visitor)
{
    struct node *node = (void *)self;
    gc_visit(visitor, node->left);
    gc_visit(visitor, node->left);
}
static void left_clear(gc_object *self)
{
    gc_clear(&((struct node *)(void *)self)->left);
}
static const gc_type liar_type = {
    .name = "liar",
    .size = sizeof(struct node),
    .traverse = twice_traverse,
    .clear = left_clear,
};

static void more_references_than_the_count_are_a_panic_and_keep_the_object(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *liar = gc_new(heap, &liar_type);
    struct node *child = node_new(heap);
    liar->left = child;
    struct gci_set set = gci_set_of_young(heap);
    search(heap, &set);
    expect_panic(world, "visits one twice");
    assert_non_null(strstr(world->panic_text, "node"));
    assert_int_equal(set.garbage_count, 0);
    assert_int_equal(child->object.gc, heap->old);
    gc_decref(liar);
    assert_no_traces(heap);
    make_all_old(heap);
}

/* Any set */

enum { VERTICES = 400 };

struct graph {
    struct vertex *vertices[VERTICES];
    bool held[VERTICES];    /* by the test */
    bool member[VERTICES];  /* of the set */
    bool reached[VERTICES]; /* from members that are referenced from outside the set */
    bool alive[VERTICES];   /* reached from what is held */
};

static void graph_make(struct graph *graph, gc_heap *heap, uint32_t *seed)
{
    size_t density = next_random(seed) % 4;
    for (size_t i = 0; i < VERTICES; i++) {
        graph->vertices[i] = vertex_new(heap, i);
        graph->held[i] = true;
        if (i == VERTICES / 3) {
            make_all_old(heap); /* some are old, some young */
        }
    }
    for (size_t i = 0; i < VERTICES; i++) {
        struct vertex *vertex = graph->vertices[i];
        for (size_t j = 0, edges = edge_count(vertex); j < edges; j++) {
            if (next_random(seed) % (edges <= FEW ? FEW : edges / 2) <= density) {
                gc_set(&vertex->edges[j], graph->vertices[next_random(seed) % VERTICES]);
            }
        }
    }
    /* Most are let go of, as long as that is not their death. */
    for (size_t i = 0; i < VERTICES; i++) {
        if (gc_refcount(graph->vertices[i]) > 1 && next_random(seed) % 100 != 0) {
            gc_decref(graph->vertices[i]);
            graph->held[i] = false;
        }
    }
}

/* Close a mark over the references of those that are in `among` (NULL: of all). */
static void spread(const struct graph *graph, bool *mark, const bool *among)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < VERTICES; i++) {
            const struct vertex *vertex = graph->vertices[i];
            for (size_t j = 0; mark[i] && j < edge_count(vertex); j++) {
                const struct vertex *child = vertex->edges[j];
                if (child != NULL && !mark[child->id] && (among == NULL || among[child->id])) {
                    mark[child->id] = true;
                    again = true;
                }
            }
        }
    }
}

static void graph_judge(struct graph *graph)
{
    size_t inside[VERTICES] = { 0 };
    for (size_t i = 0; i < VERTICES; i++) {
        const struct vertex *vertex = graph->vertices[i];
        for (size_t j = 0; graph->member[i] && j < edge_count(vertex); j++) {
            if (vertex->edges[j] != NULL) {
                inside[vertex->edges[j]->id]++;
            }
        }
    }
    for (size_t i = 0; i < VERTICES; i++) {
        graph->reached[i] = graph->member[i] && inside[i] < gc_refcount(graph->vertices[i]);
        graph->alive[i] = graph->held[i];
    }
    spread(graph, graph->reached, graph->member);
    spread(graph, graph->alive, NULL);
}

static uint32_t other_old(const gc_heap *heap)
{
    return heap->old == GCI_OLD_A ? GCI_OLD_B : GCI_OLD_A;
}

static void forget_patches(const struct gci_set *set)
{
    for (struct gci_page *page = set->pages; page != NULL; page = page->next_in_set) {
        memset(page->patches, 0, sizeof(page->patches));
    }
}

static void any_set_is_sound_and_finds_all_that_is_unreachable_from_outside_of_it(void **state)
{
    struct world *world = *state;
    uint32_t seed = 42;
    for (size_t round = 0, rounds = scaled(60); round < rounds; round++) {
        gc_heap *heap = world_new_heap(world, NULL);
        static struct graph graph;
        memset(&graph, 0, sizeof(graph));
        graph_make(&graph, heap, &seed);
        assert_sound(heap);
        /* The members get a state that no other container has. Every other set is a part of suspects,
         * and sparse. */
        bool part = round % 2 == 1;
        unsigned percent = (part ? 2 : 40) + next_random(&seed) % (part ? 99 : 61);
        uint32_t doomed = part ? GCI_PART : GCI_DOOMED;
        uint32_t old_or_passed = part ? other_old(heap) | GCI_SCRATCH : heap->old;
        struct gci_set all = gci_set_of_all(heap);
        forget_patches(&all);
        size_t members = 0;
        uint32_t refs[VERTICES], before[VERTICES];
        for (size_t i = 0; i < VERTICES; i++) {
            gc_object *self = &graph.vertices[i]->object;
            if (next_random(&seed) % 100 < percent) {
                graph.member[i] = true;
                members++;
                self->gc = doomed;
                gci_page_add_patch(gci_page_of(self), self);
            }
            refs[i] = self->refs;
            before[i] = self->gc;
        }
        graph_judge(&graph);
        struct gci_set set =
            part ? gci_set_of_part(heap, all.pages) : gci_set_of_doomed(heap, &all);
        assert_int_equal(set.sparse, part);
        search(heap, &set);
        size_t garbage = 0;
        for (size_t i = 0; i < VERTICES; i++) {
            const gc_object *self = &graph.vertices[i]->object;
            uint32_t expected = !graph.member[i]   ? before[i]
                                : graph.reached[i] ? old_or_passed
                                                   : GCI_DOOMED;
            if (self->gc != expected) {
                fail_msg("round %zu, vertex %zu: state %u, not %u", round, i, self->gc, expected);
            }
            assert_int_equal(self->refs, refs[i]);
            assert_false(self->gc == GCI_DOOMED && graph.alive[i]);
            garbage += self->gc == GCI_DOOMED;
        }
        assert_int_equal(set.garbage_count, garbage);
        assert_int_equal(set.alive_count, members - garbage);
        struct gci_cursor at = gci_set_begin(&set);
        for (gc_object *self; (self = gci_set_next(&set, &at, 1u << GCI_DOOMED)) != NULL;) {
            self->gc = heap->old; /* what becomes of it does not matter to the next */
            garbage--;
        }
        assert_int_equal(garbage, 0);
        if (!part) {
            assert_no_traces(heap);
        }
        make_all_old(heap);
        assert_no_traces(heap);
        world_free_heap(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(references_are_consumed_in_order_however_many),
        world_test(references_stay_in_the_queue_until_the_prefetch_had_time),
        world_test(null_references_are_not_reported),
        world_test(a_buffer_is_traced_as_far_as_its_count),
        world_test(the_set_of_the_young_has_the_young_pages_only),
        world_test(the_set_of_all_has_every_page_but_those_of_leaves),
        world_test(a_reference_from_outside_the_set_keeps_alive_what_it_leads_to),
        world_test(a_circle_in_the_set_is_garbage_and_what_it_refers_to_as_well),
        world_test(pages_know_their_members_and_how_many_of_them_are_marked),
        world_test(the_set_tells_whether_garbage_has_finalizers_to_run),
        world_test(the_young_alone_do_not_touch_the_old),
        world_test(a_chain_is_marked_without_recursion),
        world_test(grey_objects_of_many_pages_are_all_traced),
        world_test(an_object_of_more_references_than_the_queue_counts_them_all),
        world_test(an_immortal_is_alive_and_so_is_what_it_refers_to),
        world_test(a_scratch_count_that_begins_anew_leaves_the_immortal_alive),
        world_test(no_scratch_count_is_that_of_an_immortal),
        world_test(no_scratch_count_is_that_of_one_with_all_references),
        world_test(garbage_is_closed_unless_it_may_refer_to_what_is_none),
        world_test(more_references_than_the_count_are_a_panic_and_keep_the_object),
        world_test(any_set_is_sound_and_finds_all_that_is_unreachable_from_outside_of_it),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
