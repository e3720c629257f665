/* SPDX-License-Identifier: MIT */

/* Pipelines of generators, and what stands at their end: made from generator.c as a user would. */

#include "ouro.h"

struct stage {
    gc_generator generator;
    gc_generator *source;
    gc_object *item;
    gc_map_fn map;       /* or NULL */
    gc_filter_fn filter; /* or NULL */
    void *arg;
    size_t count; /* of items still to be given */
};

OURO_GENERATOR(stage, source, item)
{
    OURO_BEGIN(self);
    while (self->count > 0) {
        OURO_PULL(self, &self->item, self->source);
        if (self->item == NULL) {
            return NULL;
        }
        if (self->filter != NULL && !self->filter(self->item, self->arg)) {
            continue; /* user code may have run here */
        }
        if (--self->count == 0) {
            gc_clear(&self->source); /* user code may run here */
        }
        if (self->map != NULL) {
            gc_set_steal(&self->item,
                         self->map(self->item, self->arg)); /* user code may run here */
        }
        OURO_YIELD(self, gc_take(&self->item));
    }
    OURO_END(self);
}

static gc_generator *stage_new(OURO_STEALS gc_generator *source, gc_map_fn map, gc_filter_fn filter,
                               void *arg, size_t count, const char *where)
{
    struct stage *self =
        source == NULL ? NULL : gc_new_at(gc_heap_of(source), &stage_type.type, where);
    if (self == NULL) {
        gc_xdecref(source); /* user code may run here */
        return NULL;
    }
    self->source = source;
    self->map = map;
    self->filter = filter;
    self->arg = arg;
    self->count = count;
    return &self->generator;
}

gc_generator *gc_generator_map_at(OURO_STEALS gc_generator *source, gc_map_fn map, void *arg,
                                  const char *where)
{
    return stage_new(source, map, NULL, arg, SIZE_MAX, where);
}

gc_generator *gc_generator_filter_at(OURO_STEALS gc_generator *source, gc_filter_fn filter,
                                     void *arg, const char *where)
{
    return stage_new(source, NULL, filter, arg, SIZE_MAX, where);
}

gc_generator *gc_generator_limit_at(OURO_STEALS gc_generator *source, size_t count,
                                    const char *where)
{
    return stage_new(source, NULL, NULL, NULL, count, where);
}

struct chain {
    gc_generator generator;
    gc_generator *first, *second;
};

OURO_GENERATOR(chain, first, second)
{
    OURO_BEGIN(self);
    OURO_YIELD_FROM(self, gc_take(&self->first));
    OURO_YIELD_REST(self, gc_take(&self->second));
    OURO_END(self);
}

gc_generator *gc_generator_chain_at(OURO_STEALS gc_generator *first,
                                    OURO_STEALS gc_generator *second, const char *where)
{
    struct chain *self = NULL;
    if (first != NULL && second != NULL) {
        self = gc_new_at(gc_heap_of(first), &chain_type.type, where);
    }
    if (self == NULL) {
        gc_xdecref(first);  /* user code may run here */
        gc_xdecref(second); /* user code may run here */
        return NULL;
    }
    self->first = first;
    self->second = second;
    return &self->generator;
}

size_t gc_generator_count(OURO_STEALS gc_generator *generator)
{
    size_t count = 0;
    OURO_FOREACH (void, item, generator) {
        count++;
    }
    return count;
}

struct tuple {
    gc_object object;
    void *items[];
};

static const gc_type tuple_type = {
    .name = "tuple",
    .size = offsetof(struct tuple, items),
    .item_size = sizeof(void *),
    .refs = OURO_FIELDS(OURO_TAIL(struct tuple, items)),
};

/* A tuple of another size, to which the first `count` items of `old` move. NULL: no memory. */
static struct tuple *resize(OURO_STEALS struct tuple *old, size_t count, size_t size,
                            const char *where)
{
    struct tuple *tuple = gc_new_var_at(gc_heap_of(old), &tuple_type, size, where);
    if (tuple != NULL) {
        memcpy(tuple->items, old->items, count * sizeof(void *));
        memset(old->items, 0, count * sizeof(void *));
    }
    gc_decref(old); /* user code may run here */
    return tuple;
}

void *gc_generator_to_tuple_at(OURO_STEALS gc_generator *generator, const char *where)
{
    size_t count = 0;
    struct tuple *tuple = NULL;
    if (generator != NULL) {
        tuple = gc_new_var_at(gc_heap_of(generator), &tuple_type, 16, where);
    }
    OURO_FOREACH (void, item, generator) {
        if (tuple != NULL && count == gc_tail_length(tuple)) {
            tuple = resize(tuple, count, 2 * count, where);
        }
        if (tuple == NULL) {
            break;
        }
        tuple->items[count++] = gc_newref(item);
    }
    return tuple == NULL || count == gc_tail_length(tuple) ? tuple
                                                           : resize(tuple, count, count, where);
}
