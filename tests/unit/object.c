/* SPDX-License-Identifier: MIT */

/* Birth and death from inside: states, the ways through them, the queue of the dying, records. */

#include "support.h"

#include "death.h"

static struct gci_page *page_of(const void *object)
{
    return gci_page_of(object);
}

static uint32_t state_of(const void *object)
{
    return gci_state_of(object);
}

/* Make the next birth of every type take the slow path. */
static void empty_cache(gc_heap *heap)
{
    gci_pages_forget_current(heap);
}

/* Birth */

static void a_container_is_born_young_with_one_reference(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    assert_int_equal(node->object.gc, GCI_YOUNG);
    assert_int_equal(node->object.refs, 0);
    assert_int_equal(heap->young_objects, 1);
    gc_decref(node);
    assert_int_equal(heap->young_objects, 0);
}

static void a_leaf_is_born_a_leaf_and_is_never_young(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct leaf *leaf = leaf_new(heap, 1);
    assert_int_equal(leaf->object.gc, GCI_LEAF);
    assert_int_equal(leaf->object.refs, 0);
    assert_int_equal(heap->young_objects, 0);
    assert_null(heap->young_pages);
    gc_decref(leaf);
    assert_int_equal(heap->young_objects, 0);
}

static void nothing_to_visit(gc_object *self, gc_visitor *visitor)
{
    (void)self;
    (void)visitor;
}

static void a_type_with_traverse_alone_is_a_container(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const gc_type type = { .name = "t", .size = 16, .traverse = nothing_to_visit };
    gc_object *object = gc_new(heap, &type);
    assert_int_equal(object->gc, GCI_YOUNG);
    gc_decref(object);
}

/* The slot is dirty: an object of the same type filled it before. */
static void an_object_is_born_zeroed_whatever_its_size(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { SIZES = 40 };
    static gc_type types[SIZES];
    for (size_t i = 0; i < SIZES; i++) {
        types[i] = (gc_type){ .name = "t", .size = 8 + 8 * i };
        gc_object *first = gc_new(heap, &types[i]);
        size_t slot_size = page_of(first)->slot_size;
        unsigned char *object = NULL;
        memset(first + 1, 0xEE, slot_size - sizeof(*first));
        gc_decref(first);
        object = gc_new(heap, &types[i]);
        assert_ptr_equal(object, first);
        for (size_t at = sizeof(gc_object); at < slot_size; at++) {
            assert_int_equal(object[at], 0);
        }
        gc_decref(object);
    }
}

static void a_birth_in_the_wake_of_another_needs_no_table(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *a = node_new(heap);
    unsigned entries = 0;
    for (size_t i = 0; i < OURO_PLACES; i++) {
        entries += heap->pages[i] == &page_of(a)->known;
    }
    assert_int_equal(entries, 1);
    gc_decref(a);
}

static void the_short_and_the_long_way_to_a_birth_have_the_same_effects(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const gc_type *types[] = { &node_type, &leaf_type, &actor_type };
    for (size_t i = 0; i < 3; i++) {
        gc_object *first = gc_new(heap, types[i]); /* the record is there */
        gc_object image[2];
        size_t young[2], bytes[2];
        uint32_t head[2];
        gc_object *object[2];
        for (size_t slow = 0; slow < 2; slow++) {
            if (slow != 0) {
                empty_cache(heap);
            }
            object[slow] = gc_new(heap, types[i]);
            image[slow] = *object[slow];
            young[slow] = heap->young_objects;
            bytes[slow] = heap->bytes_live;
            head[slow] = page_of(first)->free;
            world->story[0] = '\0';
            gc_decref(object[slow]);
        }
        assert_ptr_equal(object[0], object[1]);
        assert_memory_equal(&image[0], &image[1], sizeof(image[0]));
        assert_int_equal(young[0], young[1]);
        assert_int_equal(bytes[0], bytes[1]);
        assert_int_equal(head[0], head[1]);
        gc_decref(first);
    }
}

static const gc_type sizes[] = {
    { .name = "8", .size = 8 },
    { .name = "16", .size = 16 },
    { .name = "20", .size = 20 },
    { .name = "41", .size = 41 },
    { .name = "128", .size = 128 },
    { .name = "129", .size = 129 },
    { .name = "64, aligned", .size = 64, .align = 64 },
    { .name = "65, aligned", .size = 65, .align = 64 },
    { .name = "24, aligned", .size = 24, .align = 16 },
    { .name = "node", .size = sizeof(struct node), .refs = OURO_REFS(struct node, left, right) },
    { .name = "traversed", .size = sizeof(struct node), .traverse = stubborn_node_traverse },
};

/* What a birth did, and all bytes that are to be zero. */
struct born {
    gc_object *object;
    size_t young, bytes, end;
    uint32_t free, countdown;
    gc_object head;
};
static struct born born_in(gc_heap *heap, gc_object *object)
{
    const struct gci_page *page = page_of(object);
    for (size_t i = sizeof(*object); i < page->slot_size; i++) {
        assert_int_equal(((const char *)object)[i], 0);
    }
    return (struct born){ object,     heap->young_objects, heap->bytes_live, page->end,
                          page->free, page->countdown,     *object };
}

/* The end of one, whose slot is not zero any more. */
static void end_dirty(gc_object *object)
{
    size_t size = page_of(object)->slot_size;
    gc_decref(object);
    memset(object + 1, 0xFF, size - sizeof(*object));
}

static void assert_same_birth(const struct born *first, const struct born *second, size_t size,
                              size_t end)
{
    assert_int_equal(second->young - first->young, first->head.gc == GCI_YOUNG);
    assert_int_equal(second->bytes - first->bytes, size);
    assert_int_equal(second->end - first->end, end);
    assert_int_equal((uint16_t)(second->countdown - first->countdown), 1);
    assert_memory_equal(&first->head, &second->head, sizeof(first->head));
}

/* Births inline, since the compiler knows the types: in functions that are too small for it not to. */
#define INLINE_BIRTH(number) \
    static gc_object *inline_##number(gc_heap *heap) \
    { \
        return gc_new(heap, &sizes[number]); \
    }
INLINE_BIRTH(0)
INLINE_BIRTH(1)
INLINE_BIRTH(2)
INLINE_BIRTH(3)
INLINE_BIRTH(4)
INLINE_BIRTH(5)
INLINE_BIRTH(6)
INLINE_BIRTH(7)
INLINE_BIRTH(8)
INLINE_BIRTH(9)
INLINE_BIRTH(10)
static gc_object *(*const inline_births[])(gc_heap *) = {
    inline_0, inline_1, inline_2, inline_3, inline_4,  inline_5,
    inline_6, inline_7, inline_8, inline_9, inline_10,
};

static gc_object *(*volatile inline_node_new)(gc_heap *) = inline_9; /* which keeps it a function */

/* In slots that were never used and in those of the dead. */
static void a_birth_inline_has_the_same_effects_as_one_that_is_called(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        gc_object *first = gc_new_at(heap, &sizes[i], "");
        struct born fresh = born_in(heap, inline_births[i](heap));
        struct born again = born_in(heap, gc_new_at(heap, &sizes[i], ""));
        size_t size = page_of(first)->slot_size;
        assert_same_birth(&fresh, &again, size, size);
        assert_ptr_equal((char *)again.object, (char *)fresh.object + size);
        end_dirty(fresh.object);
        end_dirty(again.object);
        fresh = born_in(heap, inline_births[i](heap));
        assert_ptr_equal(fresh.object, again.object);
        end_dirty(fresh.object);
        again = born_in(heap, gc_new_at(heap, &sizes[i], ""));
        assert_memory_equal(&again, &fresh, sizeof(fresh));
        end_dirty(again.object);
        again = born_in(
            heap, ouro_new_slow(heap, &sizes[i], "")); /* which is called if more is to be done */
        assert_memory_equal(&again, &fresh, sizeof(fresh));
        end_dirty(again.object);
        assert_sound(heap);
        gc_decref(first);
    }
}

/* Alarms are for the long way. */
static void a_birth_inline_takes_no_more_than_is_allowed(void **state)
{
    struct world *world = *state;
    gc_config config = { .thresholds = { .young_objects = 100 }, .stress = SIZE_MAX };
    gc_heap *heap = world_new_heap(world, &config);
    for (size_t i = 0; i < 100; i++) {
        struct node *node = (struct node *)(void *)inline_node_new(heap);
        node->left = node;
        assert_int_equal(stats_of(heap).generations[0].collections, 0);
    }
    gc_decref(inline_node_new(heap));
    assert_live(heap, 0);
    world_free_heap(world);
    config = (gc_config){ .limit_bytes = 10 * sizeof(struct node), .disabled = true };
    heap = world_new_heap(world, &config);
    gc_object *nodes[10];
    for (size_t i = 0; i < 10; i++) {
        nodes[i] = inline_node_new(heap);
        assert_non_null(nodes[i]);
    }
    assert_null(inline_node_new(heap));
    assert_int_equal(gc_last_error(heap), GC_ERR_LIMIT);
    for (size_t i = 0; i < 10; i++) {
        gc_decref(nodes[i]);
    }
}

/* The same shape twice: without a callback it dies the short way, with one the long way. */
struct pair {
    gc_object object;
    void *left, *right;
};
static const gc_type plain_pair = {
    .name = "plain pair",
    .size = sizeof(struct pair),
    .refs = OURO_REFS(struct pair, left, right),
};
static void no_destroy(gc_object *self)
{
    (void)self;
}
static const gc_type dutiful_pair = {
    .name = "dutiful pair",
    .size = sizeof(struct pair),
    .refs = OURO_REFS(struct pair, left, right),
    .destroy = no_destroy,
};

struct effects {
    size_t young, bytes, peak;
    uint64_t died;
    uint32_t kept_refs, kept_word;
};

/* What the death of a pair does, with one child that lives on and one that dies too or does not. */
static struct effects effects_of_death(gc_heap *heap, const gc_type *type, bool last)
{
    struct pair *pair = gc_new(heap, type);
    struct node *kept = node_new(heap), *other = node_new(heap);
    gc_set(&pair->left, kept);
    gc_set(&pair->right, other);
    if (last) {
        gc_decref(other);
    }
    uint64_t died = heap->objects_died;
    gc_decref(pair);
    struct effects effects = { heap->young_objects,       heap->bytes_live,  heap->bytes_live_peak,
                               heap->objects_died - died, kept->object.refs, kept->object.gc };
    assert_int_equal(state_of(pair), GCI_FREE);
    assert_true(GCI_IS_DEAD(pair->object.refs));
    assert_null(heap->dying_pages);
    assert_false(heap->draining);
    if (!last) {
        assert_int_equal(gc_refcount(other), 1);
        gc_decref(other);
    }
    gc_decref(kept);
    return effects;
}

static void the_short_and_the_long_way_to_death_have_the_same_effects(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (int last = 0; last < 2; last++) {
        struct effects brief = effects_of_death(heap, &plain_pair, last != 0);
        struct effects full = effects_of_death(heap, &dutiful_pair, last != 0);
        assert_int_equal(brief.young, full.young);
        assert_int_equal(brief.bytes, full.bytes);
        assert_int_equal(brief.peak, full.peak);
        assert_int_equal(brief.died, full.died);
        assert_int_equal(brief.died, last != 0 ? 2 : 1);
        assert_int_equal(brief.kept_refs, full.kept_refs);
        assert_int_equal(full.kept_refs, 0);
        assert_int_equal(brief.kept_word, full.kept_word);
        assert_int_equal(full.kept_word, GCI_YOUNG | OURO_GC_TOUCHED);
        assert_sound(heap);
    }
}

static void an_immortal_child_is_left_alone_by_both_ways_to_death(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *child = node_new(heap);
    gc_make_immortal(child);
    const gc_type *types[] = { &plain_pair, &dutiful_pair };
    for (size_t i = 0; i < 2; i++) {
        struct pair *pair = gc_new(heap, types[i]);
        gc_set(&pair->left, child);
        gc_decref(pair);
        assert_int_equal(state_of(pair), GCI_FREE);
        assert_int_equal(child->object.refs, OURO_REFS_IMMORTAL);
    }
    world->leftovers = true;
}

static void the_death_of_an_old_object_does_not_count_as_a_young_one(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *old = node_new(heap);
    (void)gc_collect(heap);
    struct node *young = node_new(heap);
    assert_int_equal(state_of(old), heap->old);
    gc_decref(old);
    assert_int_equal(heap->young_objects, 1);
    gc_decref(young);
    assert_int_equal(heap->young_objects, 0);
}

static void the_peak_is_the_most_that_ever_lived(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *nodes[10];
    for (size_t i = 0; i < 10; i++) {
        nodes[i] = node_new(heap);
    }
    size_t most = heap->bytes_live;
    for (size_t i = 0; i < 10; i++) {
        gc_decref(nodes[i]);
    }
    assert_int_equal(heap->bytes_live_peak, most);
    gc_decref(node_new(heap));
    assert_int_equal(heap->bytes_live_peak, most);
}

/* The queue of the dying */

struct fan {
    gc_object object;
    void *children[6];
    unsigned in_queue;
};

static void fan_clear(gc_object *self)
{
    struct fan *fan = (void *)self;
    for (size_t i = 0; i < 6; i++) {
        gc_clear(&fan->children[i]);
    }
}

/* After clear, all children are in the queue: linked in their pages, by two pages. */
static void fan_destroy(gc_object *self)
{
    struct world *world = world_of(self);
    struct fan *fan = (void *)self;
    gc_heap *heap = world->heap;
    expect(world, heap->draining);
    expect(world, state_of(self) == GCI_DYING);
    expect(world, gc_refcount(self) == 1);
    unsigned pages = 0;
    for (struct gci_page *page = heap->dying_pages; page != NULL; page = page->next_dying) {
        uint32_t link = page->dying;
        expect(world, link != 0);
        while (link != 0) {
            gc_object *child = gci_page_at(page, GCI_LINK_OFFSET(link));
            expect(world, child->gc == GCI_DYING);
            expect(world, GCI_IS_DEAD(child->refs));
            fan->in_queue++;
            link = (uint16_t)(child->refs >> GCI_REFS_LINK_SHIFT);
        }
        if (++pages == 2) {
            break; /* a fault shows as a number of objects that is not six */
        }
    }
    expect(world, pages == 2);
    expect(world, fan->in_queue == 6);
    world->note = self;
}

static const gc_type fan_type = {
    .name = "fan",
    .size = sizeof(struct fan),
    .traverse = nothing_to_visit, /* nobody else refers to the children */
    .clear = fan_clear,
    .destroy = fan_destroy,
};

static void dying_objects_are_chained_through_their_pages(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct fan *fan = gc_new(heap, &fan_type);
    for (unsigned i = 0; i < 6; i++) {
        fan->children[i] = i % 2 == 0 ? (void *)leaf_new(heap, i) : (void *)actor_new(heap, i);
    }
    gc_decref(fan);
    assert_ptr_equal(world->note, fan);
    assert_int_equal(world->destroyed, 6);
    assert_null(heap->dying_pages);
    assert_false(heap->draining);
    assert_int_equal(heap->bytes_live, 0);
    assert_sound(heap);
}

static void a_long_chain_of_many_types_dies_in_the_queue(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { TYPES = 5 };
    static gc_type types[TYPES];
    for (size_t i = 0; i < TYPES; i++) {
        types[i] = i % 2 == 0 ? plain_pair : dutiful_pair;
    }
    struct pair *head = NULL;
    size_t count = scaled(100000);
    for (size_t i = 0; i < count; i++) {
        struct pair *pair = gc_new(heap, &types[i % TYPES]);
        assert_non_null(pair);
        pair->left = head;
        head = pair;
    }
    gc_decref(head);
    assert_int_equal(heap->objects_died, count);
    assert_int_equal(heap->bytes_live, 0);
    assert_null(heap->dying_pages);
}

static void flags_survive_the_queue(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct actor *outer = actor_new(heap, 1), *inner = actor_new(heap, 2);
    inner->object.refs |= OURO_REFS_FINALIZED;
    outer->left = inner;
    gc_decref(outer);
    assert_story(world, "F1 D1 D2 ");
}

/* Records */

static void many_types_share_the_cache_and_keep_apart(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { TYPES = 200, ROUNDS = 5 };
    static gc_type types[TYPES];
    static gc_object *objects[ROUNDS][TYPES];
    for (size_t i = 0; i < TYPES; i++) {
        types[i] = i % 2 == 0 ? node_type : leaf_type;
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < TYPES; i++) {
            objects[round][i] = gc_new(heap, &types[i]);
            assert_non_null(objects[round][i]);
        }
    }
    for (size_t i = 0; i < TYPES; i++) {
        struct gci_record *record = gci_object_record(heap, &types[i], 0);
        assert_non_null(record);
        assert_ptr_equal(record->type, &types[i]);
        for (size_t round = 0; round < ROUNDS; round++) {
            assert_ptr_equal(gc_type_of(objects[round][i]), &types[i]);
            assert_ptr_equal(page_of(objects[round][i]), record->current);
        }
    }
    assert_sound(heap);
    for (size_t i = 0; i < TYPES; i++) {
        for (size_t round = 0; round < ROUNDS; round++) {
            gc_decref(objects[round][i]);
        }
    }
    assert_sound(heap);
}

static void each_size_of_tail_has_the_record_of_its_class(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (size_t count = 0; count < 20000; count += 1 + count / 16) {
        struct string *string = gc_new_var(heap, &string_type, count);
        assert_non_null(string);
        unsigned size_class;
        size_t size = gci_round_up(string_type.size + count, sizeof(size_t)) + sizeof(size_t);
        size_t slot = gci_size_class(size, 8, &size_class);
        assert_int_equal(page_of(string)->slot_size, slot);
        assert_ptr_equal(page_of(string)->record,
                         gci_object_record(heap, &string_type, size_class));
        assert_int_equal(gc_tail_length(string), count);
        memset(string->bytes, 0xFF, count); /* does not reach the count */
        assert_int_equal(gc_tail_length(string), count);
        gc_decref(string);
    }
}

static void a_forgotten_type_leaves_its_record_to_the_next(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static gc_type first = { .name = "first", .size = 24 };
    static gc_type second = { .name = "second", .size = 400 };
    gc_decref(node_new(heap));
    gc_decref(gc_new(heap, &first));
    struct gci_record *record = gci_object_record(heap, &first, 0);
    size_t used = heap->records->used;
    assert_int_equal(gc_type_forget(heap, &first), GC_OK);
    assert_null(gci_object_record(heap, &first, 0));
    assert_null(record->type);
    assert_ptr_equal(heap->free_records, record);
    gc_object *object = gc_new(heap, &second);
    assert_ptr_equal(gci_object_record(heap, &second, 0), record);
    assert_null(heap->free_records);
    assert_int_equal(heap->records->used, used);
    assert_int_equal(page_of(object)->slot_size, 400);
    gc_decref(object);
    assert_sound(heap);
}

static void every_forgotten_record_is_used_again(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { TYPES = 5 };
    static gc_type types[TYPES];
    gc_decref(node_new(heap));
    for (size_t i = 0; i < TYPES; i++) {
        types[i] = leaf_type;
        gc_decref(gc_new(heap, &types[i]));
    }
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < TYPES; i++) {
            assert_int_equal(gc_type_forget(heap, &types[i]), GC_OK);
        }
        for (size_t i = 0; i < TYPES; i++) {
            gc_decref(gc_new(heap, &types[i]));
        }
        assert_null(heap->free_records);
        assert_int_equal(heap->records->used, TYPES + 1);
    }
}

static void another_type_at_a_forgotten_address_is_another_type(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static gc_type type;
    type = (gc_type){ .name = "before", .size = 24 };
    gc_decref(gc_new(heap, &type));
    assert_int_equal(gc_type_forget(heap, &type), GC_OK);
    type = node_type;
    type.size = 512;
    gc_object *now = gc_new(heap, &type);
    assert_int_equal(page_of(now)->slot_size, 512);
    assert_int_equal(now->gc, GCI_YOUNG);
    gc_decref(now);
}

static void a_type_is_forgotten_with_all_its_classes(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    for (size_t count = 1; count < 2000000; count *= 3) {
        gc_decref(gc_new_var(heap, &string_type, count));
    }
    assert_int_equal(gc_type_forget(heap, &string_type), GC_OK);
    for (unsigned size_class = 0; size_class <= GCI_CLASS_LARGE; size_class++) {
        assert_null(gci_object_record(heap, &string_type, size_class));
    }
    assert_null(gci_pages_next(heap, NULL));
    assert_null(heap->emptied_pages);
    assert_sound(heap);
}

static void a_type_in_use_is_not_forgotten(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    struct gci_record *record = gci_object_record(heap, &node_type, 0);
    assert_int_equal(gc_type_forget(heap, &node_type), GC_ERR_BUSY);
    assert_int_equal(gc_last_error(heap), GC_ERR_BUSY);
    assert_ptr_equal(gci_object_record(heap, &node_type, 0), record);
    gc_decref(node);
    gci_pages_pin(heap);
    assert_int_equal(gc_type_forget(heap, &node_type), GC_ERR_BUSY);
    gci_pages_unpin(heap);
    assert_int_equal(gc_type_forget(heap, &node_type), GC_OK);
}

static void records_beyond_a_block_come_from_a_second_one(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { TYPES = sizeof(((struct gci_records *)0)->records) / sizeof(struct gci_record) + 10 };
    static gc_type types[TYPES];
    gc_decref(node_new(heap));
    for (size_t i = 0; i < TYPES; i++) {
        types[i] = leaf_type;
        gc_decref(gc_new(heap, &types[i]));
        assert_int_equal(gc_type_forget(heap, &types[i]), GC_OK);
    }
    assert_int_equal(heap->records->used, 2); /* one after the other in the same */
    static gc_object *objects[TYPES];
    for (size_t i = 0; i < TYPES; i++) {
        objects[i] = gc_new(heap, &types[i]);
        assert_non_null(objects[i]);
    }
    assert_non_null(heap->records->next);
    assert_int_equal(heap->records->used, 11);
    assert_sound(heap);
    for (size_t i = 0; i < TYPES; i++) {
        gc_decref(objects[i]);
    }
}

/* A block of records goes back when no type in it is left, whichever is forgotten last. */
static void blocks_of_records_go_back_when_their_types_are_forgotten(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { BLOCK = sizeof(((struct gci_records *)0)->records) / sizeof(struct gci_record) };
    enum { TYPES = BLOCK * 3 };
    static gc_type types[TYPES];
    for (size_t i = 0; i < TYPES; i++) {
        types[i] = leaf_type;
        gc_decref(gc_new(heap, &types[i]));
    }
    size_t reserved = heap->bytes_reserved;
    for (size_t i = BLOCK; i < BLOCK * 2; i++) { /* those of the block in the middle */
        assert_int_equal(gc_type_forget(heap, &types[i]), GC_OK);
        assert_int_equal(heap->bytes_reserved < reserved, i == BLOCK * 2 - 1);
    }
    assert_null(heap->free_records);
    for (size_t i = 0; i < TYPES; i++) {
        assert_int_equal(gc_type_forget(heap, &types[i]), GC_OK);
    }
    assert_null(heap->records);
    gc_decref(gc_new(heap, &types[0]));
    assert_sound(heap);
}

/* Types that are malformed */

static void assert_refused(struct world *world, const gc_type *type, const char *fault)
{
    size_t records = world->heap->records == NULL ? 0 : world->heap->records->used;
    void *object =
        type->item_size == 0 ? gc_new(world->heap, type) : gc_new_var(world->heap, type, 0);
    assert_null(object);
    assert_int_equal(gc_last_error(world->heap), GC_ERR_TYPE);
    expect_panic(world, "malformed");
    assert_non_null(strstr(world->panic_text, fault));
    assert_int_equal(world->heap->records == NULL ? 0 : world->heap->records->used, records);
}

static void a_type_without_a_name_is_refused(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    gc_type type = { .size = 16 };
    assert_refused(world, &type, "no name");
}

static void a_type_smaller_than_its_head_is_refused(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    gc_type type = { .name = "t", .size = sizeof(gc_object) - 1 };
    assert_refused(world, &type, "size");
    type.size = 0;
    assert_refused(world, &type, "size");
}

static void a_type_beyond_all_memory_is_refused(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    gc_type type = { .name = "t", .size = (size_t)PTRDIFF_MAX + 1 };
    assert_refused(world, &type, "memory");
    type.size = 16;
    type.item_size = SIZE_MAX;
    assert_refused(world, &type, "memory");
}

static void an_align_that_is_no_power_of_two_up_to_64_is_refused(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    static const size_t faults[] = { 3, 24, 63, 65, 128, SIZE_MAX };
    for (size_t i = 0; i < 6; i++) {
        gc_type type = { .name = "t", .size = 16, .align = faults[i] };
        assert_refused(world, &type, "align");
    }
}

static void every_align_up_to_64_is_accepted(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static gc_type types[7];
    for (size_t i = 0; i < 7; i++) {
        types[i] = (gc_type){ .name = "t", .size = 40, .align = (size_t)1 << i };
        void *object = gc_new(heap, &types[i]);
        assert_non_null(object);
        assert_int_equal((uintptr_t)object % (i < 3 ? 8 : types[i].align), 0);
        gc_decref(object);
    }
}

static void unknown_flags_are_refused(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    gc_type type = { .name = "t", .size = 16, .flags = 1 };
    assert_refused(world, &type, "flags");
}

struct counted {
    gc_object object;
    struct node **items;
    uint64_t count;
};

static void fields_that_do_not_lie_inside_are_refused(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    enum { P = sizeof(void *), SIZE = sizeof(struct counted) };
    static const struct {
        const char *what;
        gc_field field;
        size_t item_size;
    } faults[] = {
        { "in the head", { 0, GC_FIELD_REF, 0, 0 }, 0 },
        { "across the end", { SIZE - P + 4, GC_FIELD_REF, 0, 0 }, 0 },
        { "at the end", { SIZE, GC_FIELD_REF, 0, 0 }, 0 },
        { "far outside", { UINT32_MAX - 7, GC_FIELD_REF, 0, 0 }, 0 },
        { "not aligned", { sizeof(gc_object) + 1, GC_FIELD_REF, 0, 0 }, 0 },
        { "of unknown kind", { sizeof(gc_object), 3, 0, 0 }, 0 },
        { "tail without items", { SIZE, GC_FIELD_TAIL, 0, 0 }, 0 },
        { "tail of small items", { SIZE, GC_FIELD_TAIL, 0, 0 }, P / 2 },
        { "tail of large items", { SIZE, GC_FIELD_TAIL, 0, 0 }, 2 * P },
        { "tail not at the end", { SIZE - P, GC_FIELD_TAIL, 0, 0 }, P },
        { "buffer in the head", { 0, GC_FIELD_BUFFER, 8, 16 }, 0 },
        { "buffer at the end", { SIZE, GC_FIELD_BUFFER, 8, 16 }, 0 },
        { "no count", { sizeof(gc_object), GC_FIELD_BUFFER, 0, 16 }, 0 },
        { "count of 3 bytes", { sizeof(gc_object), GC_FIELD_BUFFER, 3, 16 }, 0 },
        { "count of 16 bytes", { sizeof(gc_object), GC_FIELD_BUFFER, 16, 16 }, 0 },
        { "count across the end", { sizeof(gc_object), GC_FIELD_BUFFER, 8, SIZE - 7 }, 0 },
        { "count outside", { sizeof(gc_object), GC_FIELD_BUFFER, 1, UINT32_MAX }, 0 },
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        gc_field_map map = { 1, &faults[i].field };
        gc_type type = {
            .name = faults[i].what, .size = SIZE, .item_size = faults[i].item_size, .refs = &map
        };
        assert_refused(world, &type, faults[i].what);
    }
}

/* The count of a buffer cannot be in the header: reading it would read the reference count. */
static void a_buffer_with_its_count_in_the_head_is_refused(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    static const gc_field field = { offsetof(struct counted, items), GC_FIELD_BUFFER, 4, 0 };
    static const gc_field_map map = { 1, &field };
    static const gc_type type = { .name = "t", .size = sizeof(struct counted), .refs = &map };
    gc_object *object = gc_new(heap, &type);
    if (object != NULL) {
        page_of(object)->field_count = 0; /* or the failing test would not end well */
        gc_decref(object);
    }
    assert_null(object);
    assert_int_equal(gc_last_error(heap), GC_ERR_TYPE);
    expect_panic(world, "refs");
}

static void one_fault_among_good_fields_is_refused(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    gc_field fields[] = { OURO_REF(struct node, left),
                          OURO_REF(struct node, right),
                          { 4, GC_FIELD_REF, 0, 0 } };
    gc_field_map map = { 3, fields };
    gc_type type = { .name = "t", .size = sizeof(struct node), .refs = &map };
    assert_refused(world, &type, "refs");
}

static void more_fields_than_a_page_can_count_are_refused(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    gc_field field = OURO_REF(struct node, left);
    gc_field_map map = { UINT16_MAX + 1, &field };
    gc_type type = { .name = "t", .size = sizeof(struct node), .refs = &map };
    assert_refused(world, &type, "refs");
}

static void a_tail_of_a_type_without_items_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    assert_null(gc_new_var(heap, &node_type, 3));
    assert_int_equal(gc_last_error(heap), GC_ERR_TYPE);
    expect_panic(world, "item_size");
}

static void a_type_with_items_without_a_tail_is_a_panic(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    assert_null(gc_new(heap, &tuple_type));
    assert_int_equal(gc_last_error(heap), GC_ERR_TYPE);
    expect_panic(world, "item_size");
}

static void a_tail_that_overflows_is_refused_before_anything_happens(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    size_t maps = world->pages.maps;
    assert_null(gc_new_var(heap, &tuple_type, SIZE_MAX));
    assert_int_equal(gc_last_error(heap), GC_ERR_SIZE);
    assert_null(gc_new_var(heap, &tuple_type, SIZE_MAX / sizeof(void *)));
    assert_int_equal(gc_last_error(heap), GC_ERR_SIZE);
    assert_null(gc_new_var(heap, &string_type, PTRDIFF_MAX));
    assert_int_equal(gc_last_error(heap), GC_ERR_SIZE);
    assert_int_equal(world->pages.maps, maps);
}

/* Buffers */

#define BUFFER_OF(bits) \
    struct buffer##bits { \
        gc_object object; \
        struct node **items; \
        uint##bits##_t count; \
        unsigned char guard; \
    }; \
    static const gc_type buffer##bits##_type = { \
        .name = "buffer" #bits, \
        .size = sizeof(struct buffer##bits), \
        .refs = OURO_FIELDS(OURO_BUFFER(struct buffer##bits, items, count)), \
    }; \
    static void check_buffer##bits(struct world *world) \
    { \
        gc_heap *heap = world->heap; \
        struct node *items[200] = { NULL }; \
        struct buffer##bits *buffer = gc_new(heap, &buffer##bits##_type); \
        for (size_t i = 0; i < 200; i++) { \
            items[i] = node_new(heap); \
        } \
        buffer->items = items; \
        buffer->count = 200; \
        buffer->guard = 0xFF; \
        assert_int_equal(gci_field_count(&buffer->object, buffer##bits##_type.refs->fields), 200); \
        gc_incref(buffer); \
        gci_death_clear(page_of(buffer), &buffer->object); \
        assert_int_equal(buffer->count, 0); \
        assert_int_equal(buffer->guard, 0xFF); \
        for (size_t i = 0; i < 200; i++) { \
            assert_null(items[i]); \
        } \
        gc_decref(buffer); \
        assert_live(heap, 1); \
        gc_decref(buffer); \
        assert_live(heap, 0); \
    }
BUFFER_OF(8)
BUFFER_OF(16)
BUFFER_OF(32)
BUFFER_OF(64)

static void a_buffer_is_emptied_whatever_the_width_of_its_count(void **state)
{
    struct world *world = *state;
    (void)world_new_heap(world, NULL);
    check_buffer8(world);
    check_buffer16(world);
    check_buffer32(world);
    check_buffer64(world);
}

/* Counts */

static void a_count_saturates_at_immortal(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    node->object.refs = 0x7FFFFFF0u | OURO_REFS_FINALIZED; /* 2^27 */
    gc_incref(node);
    assert_int_equal(node->object.refs, OURO_REFS_IMMORTAL | OURO_REFS_FINALIZED);
    gc_decref(node);
    gc_incref(node);
    assert_int_equal(node->object.refs, OURO_REFS_IMMORTAL | OURO_REFS_FINALIZED);
    world->leftovers = true;
}

static void a_dead_slot_takes_neither_incref_nor_decref(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    struct node *node = node_new(heap);
    gc_decref(node);
    uint32_t word = node->object.gc;
    gc_decref(node);
    expect_panic(world, "dead");
    gc_incref(node);
    expect_panic(world, "dead");
    gc_make_immortal(node);
    expect_panic(world, "dead");
    assert_int_equal(node->object.refs, GCI_REFS_DEAD);
    assert_int_equal(node->object.gc, word);
    assert_sound(heap);
}

/* Every value a queued object's refs can have. */
static void no_link_in_the_queue_looks_like_a_count(void **state)
{
    (void)state;
    for (uint32_t link = 0; link <= GCI_PAGE_SIZE / 8; link++) {
        for (uint32_t flags = 0; flags < 16; flags += 5) {
            uint32_t refs = GCI_REFS_DEAD | link << GCI_REFS_LINK_SHIFT | flags;
            uint32_t more = refs + OURO_REFS_ONE, less = refs - OURO_REFS_ONE;
            assert_true(GCI_IS_DEAD(refs));
            assert_true((int32_t)more < 0 && !OURO_IS_IMMORTAL(more));
            assert_true((int32_t)less < 0 && !OURO_IS_IMMORTAL(less));
            assert_int_equal((uint16_t)(refs >> GCI_REFS_LINK_SHIFT), link);
        }
    }
}

/* A finalizer that takes a reference. */
static void keep(struct world *world, struct actor *actor)
{
    world->memo = actor;
    gc_incref(actor);
}

static void a_resurrected_container_is_old(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    world->on_finalize = keep;
    struct actor *actor = actor_new(heap, 1);
    gc_decref(actor);
    assert_int_equal(state_of(actor), heap->old);
    assert_int_equal(gc_refcount(actor), 1);
    assert_true(actor->object.refs & OURO_REFS_FINALIZED);
    assert_int_equal(heap->young_objects, 0);
    assert_int_equal(heap->finalized, 1);
    assert_sound(heap);
    gc_decref(actor);
    assert_int_equal(heap->finalized, 1);
    assert_story(world, "F1 D1 ");
}

static gc_object *kept;
static void keep_self(gc_object *self)
{
    gc_incref(self);
    kept = self;
}
static const gc_type returning_leaf = { .name = "returning", .size = 16, .finalize = keep_self };
static const gc_type clinging_leaf = { .name = "clinging", .size = 16, .destroy = keep_self };

static void a_resurrected_leaf_is_a_leaf(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *leaf = gc_new(heap, &returning_leaf);
    gc_decref(leaf);
    assert_ptr_equal(kept, leaf);
    assert_int_equal(state_of(leaf), GCI_LEAF);
    assert_int_equal(gc_refcount(leaf), 1);
    assert_sound(heap);
    gc_decref(leaf);
    assert_int_equal(heap->bytes_live, 0);
}

static void an_object_kept_by_its_own_destroy_is_a_panic_and_never_used_again(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gc_object *leaf = gc_new(heap, &clinging_leaf);
    gc_decref(leaf);
    expect_panic(world, "kept by its own");
    assert_int_equal(leaf->gc, GCI_DYING);
    assert_ptr_equal(gci_pages_find(heap, leaf), page_of(leaf));
    assert_sound(heap);
    gc_decref(leaf);
    gc_decref(leaf);
    expect_panic(world, "dying");
    assert_int_equal(state_of(leaf), GCI_DYING);
    world->leftovers = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_container_is_born_young_with_one_reference),
        world_test(a_leaf_is_born_a_leaf_and_is_never_young),
        world_test(a_type_with_traverse_alone_is_a_container),
        world_test(an_object_is_born_zeroed_whatever_its_size),
        world_test(a_birth_in_the_wake_of_another_needs_no_table),
        world_test(the_short_and_the_long_way_to_a_birth_have_the_same_effects),
        world_test(a_birth_inline_has_the_same_effects_as_one_that_is_called),
        world_test(a_birth_inline_takes_no_more_than_is_allowed),
        world_test(the_short_and_the_long_way_to_death_have_the_same_effects),
        world_test(an_immortal_child_is_left_alone_by_both_ways_to_death),
        world_test(the_death_of_an_old_object_does_not_count_as_a_young_one),
        world_test(the_peak_is_the_most_that_ever_lived),
        world_test(dying_objects_are_chained_through_their_pages),
        world_test(a_long_chain_of_many_types_dies_in_the_queue),
        world_test(flags_survive_the_queue),
        world_test(many_types_share_the_cache_and_keep_apart),
        world_test(each_size_of_tail_has_the_record_of_its_class),
        world_test(a_forgotten_type_leaves_its_record_to_the_next),
        world_test(every_forgotten_record_is_used_again),
        world_test(another_type_at_a_forgotten_address_is_another_type),
        world_test(a_type_is_forgotten_with_all_its_classes),
        world_test(a_type_in_use_is_not_forgotten),
        world_test(records_beyond_a_block_come_from_a_second_one),
        world_test(blocks_of_records_go_back_when_their_types_are_forgotten),
        world_test(a_type_without_a_name_is_refused),
        world_test(a_type_smaller_than_its_head_is_refused),
        world_test(a_type_beyond_all_memory_is_refused),
        world_test(an_align_that_is_no_power_of_two_up_to_64_is_refused),
        world_test(every_align_up_to_64_is_accepted),
        world_test(unknown_flags_are_refused),
        world_test(fields_that_do_not_lie_inside_are_refused),
        world_test(a_buffer_with_its_count_in_the_head_is_refused),
        world_test(one_fault_among_good_fields_is_refused),
        world_test(more_fields_than_a_page_can_count_are_refused),
        world_test(a_tail_of_a_type_without_items_is_a_panic),
        world_test(a_type_with_items_without_a_tail_is_a_panic),
        world_test(a_tail_that_overflows_is_refused_before_anything_happens),
        world_test(a_buffer_is_emptied_whatever_the_width_of_its_count),
        world_test(a_count_saturates_at_immortal),
        world_test(a_dead_slot_takes_neither_incref_nor_decref),
        world_test(no_link_in_the_queue_looks_like_a_count),
        world_test(a_resurrected_container_is_old),
        world_test(a_resurrected_leaf_is_a_leaf),
        world_test(an_object_kept_by_its_own_destroy_is_a_panic_and_never_used_again),
    };
    return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
