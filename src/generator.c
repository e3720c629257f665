/* SPDX-License-Identifier: MIT */

/* Generators.
 *
 * Bodies never call each other: they return to run(), below, and say what they wait for. So the
 * depth of delegation and of pipelines is a matter of objects, and not of the C stack.
 *
 * A generator that delegates owns, in `source`, the innermost of its delegates, who gives the next
 * item; `outer` leads from there to whoever goes on after it, each owned by the one before:
 *
 *     owner ──source──> innermost ──outer──> ... ──outer──> the one that owner's body named
 *
 * When a delegate delegates, its own delegate goes on top of the owner's. So giving an item, going
 * deeper and coming back take a constant time each, at any depth, where Python's `yield from`
 * passes each item up through all levels.
 *
 * A generator that pulls owns, in `source`, whom it pulls from, until the item is in its slot.
 *
 *   OWN-1  `source` and `outer` are counted. `consumer` is borrowed, and right from the moment that
 *          run() comes down through it until the item is given: run() holds the first generator, and
 *          each is held by the one above it, or by the next on its stack.
 *   BUSY-1 BUSY are: who runs, who is being closed, who is pulled from, and delegates, until they
 *          have ended. Nobody else resumes or closes one that is BUSY. Therefore nobody is on two
 *          stacks, and delegates have no stack of their own. */

#include "ouro.h"

enum { BUSY = 1, CLOSED = 2 };

static const gc_generator_type *type_of(const gc_generator *self)
{
    return (const gc_generator_type *)(const void *)gc_type_of(self);
}

static bool is_busy(const gc_generator *self)
{
    bool busy = (self->flags & BUSY) != 0;
    if (busy) {
        gc_set_error(gc_heap_of(self), GC_ERR_RUNNING);
    }
    return busy;
}

/* The end of one generator alone. */
static void end(gc_generator *self)
{
    const gc_generator_type *type = type_of(self);
    bool first = !(self->flags & CLOSED);
    self->flags = CLOSED;
    if (first && type->cleanup != NULL) {
        type->cleanup(self); /* user code may run here */
    }
    gc_drop_references(self); /* user code may run here */
}

/* The end of a generator and, before it, of its delegates, from the innermost. */
static void end_all(gc_generator *self)
{
    self->flags |= BUSY;
    while (self->source != NULL) {
        gc_generator *inner = gc_take(&self->source);
        self->source = gc_take(&inner->outer);
        end(inner);       /* user code may run here */
        gc_decref(inner); /* user code may run here */
    }
    end(self); /* user code may run here */
}

bool gc_generator_close(gc_generator *self)
{
    if (is_busy(self)) {
        return false;
    }
    if (!(self->flags & CLOSED)) {
        gc_incref(self);
        end_all(self);   /* user code may run here */
        gc_decref(self); /* user code may run here */
    }
    return true;
}

void gc_generator_finalize(gc_object *object)
{
    gc_generator *self = (gc_generator *)(void *)object;
    if (!(self->flags & CLOSED)) { /* BUSY it may be: a delegate, in a circle with its owner */
        end_all(self);             /* user code may run here */
    }
}

void gc_generator_delegate(gc_generator *self, OURO_STEALS gc_generator *inner)
{
    if (inner != NULL && !is_busy(inner)) {
        inner->flags |= BUSY;
        self->source = inner;
    } else {
        gc_xdecref(inner);
    }
}

void gc_generator_pull(gc_generator *self, void *slot, gc_generator *from)
{
    if (from != NULL && !is_busy(from)) {
        from->flags |= BUSY;
        self->source = gc_newref(from);
        self->slot = slot;
        gc_slot_set_steal(slot, NULL); /* user code may run here */
    }
}

/* The body of self has delegated. Put its delegate, with all of its own, on top of the stack that
 * self is part of. Returns the owner of that stack. */
static gc_generator *push(gc_generator *self)
{
    gc_generator *owner = self->consumer;
    gc_generator *inner = gc_take(&self->source);
    if (owner == NULL || owner->slot != NULL) {
        owner = self;
    } else {
        inner->outer = owner->source; /* which is self */
    }
    owner->source = inner;
    if (inner->source != NULL) { /* it has begun before */
        gc_generator *bottom = inner->source;
        while (bottom->outer != NULL) {
            bottom = bottom->outer;
        }
        bottom->outer = inner;
        owner->source = gc_take(&inner->source);
    }
    return owner;
}

/* Give the item, or NULL: that was all, to the consumer, who owns self in `source`. */
static void give(gc_generator *self, gc_generator *consumer, OURO_STEALS void *item)
{
    consumer->source = gc_take(&self->outer);
    if (consumer->slot != NULL) {
        void *slot = consumer->slot;
        consumer->slot = NULL;
        gc_slot_set_steal(slot, item); /* user code may run here */
    }
}

/* Run a generator, which somebody holds, until it gives an item or ends. */
static void *run(gc_generator *self)
{
    for (;;) {
        while (self->source != NULL) {
            self->source->consumer = self;
            self = self->source;
        }
        /* user code may run here */
        void *item = self->flags & CLOSED ? NULL : type_of(self)->next(self);
        if (self->source != NULL) {
            self = self->slot != NULL ? self : push(self);
            continue;
        }
        gc_generator *consumer = self->consumer;
        while (item != NULL && consumer != NULL && consumer->slot == NULL) {
            self = consumer; /* a delegate's item is its owner's */
            consumer = self->consumer;
        }
        if (consumer != NULL) {
            give(self, consumer, item); /* user code may run here */
        }
        if (item != NULL) {
            self->flags &= ~(uint32_t)BUSY;
        } else {
            end(self); /* user code may run here */
        }
        if (consumer == NULL) {
            return item;
        }
        gc_decref(self); /* user code may run here */
        self = consumer;
    }
}

void *gc_generator_next(gc_generator *self)
{
    if (is_busy(self) || (self->flags & CLOSED)) {
        return NULL;
    }
    gc_incref(self);
    self->flags |= BUSY;
    self->consumer = NULL;
    void *item = run(self); /* user code may run here */
    gc_decref(self);        /* user code may run here */
    return item;
}
