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
 *       └──────────────────────outer────────────────────────────────┘
 *
 * When a delegate delegates, its own delegate goes on top of the owner's. When that owns a stack,
 * since it has begun before, it goes below the bottom of it, to which its `outer` leads, and both
 * on top of the owner's. So giving an item, going deeper and coming back take a constant time each,
 * at any depth, where Python's `yield from` passes each item up through all levels.
 *
 * A delegate whose body has only to end when its own delegate has ended (OURO_YIELD_REST) leaves
 * the stack when it delegates, or if it owns one, when somebody delegates to it. So a list that is
 * walked by recursion, and chains around chains, take no more memory than what is still to come.
 *
 * A generator that pulls owns, in `source`, whom it pulls from, until the item is in its slot.
 *
 *   OWN-1  `source` and `outer` are counted. An owner's `outer` is NULL when its stack is empty;
 *          one that owns a stack is in none itself. `consumer` is borrowed, and right from the
 *          moment that run() comes down through it until the item is given: run() holds the first
 *          generator, and each is held by the one above it, or by the next on its stack.
 *   BUSY-1 BUSY are: who runs, who is being closed, who is pulled from, and delegates, until they
 *          have ended. Nobody else resumes or closes one that is BUSY. Therefore nobody is on two
 *          stacks, and delegates have no stack of their own. */

#include <errno.h>

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
    if (self->source != NULL) {
        gc_clear(&self->outer); /* the bottom, which ends in its turn */
    }
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
        int error = errno;
        gc_incref(self);
        end_all(self);   /* user code may run here */
        gc_decref(self); /* user code may run here */
        errno = error;
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
        ouro_slot_set_steal(slot, NULL); /* user code may run here */
    }
}

/* End a delegate that has left its stack before its turn. */
static void leave(OURO_STEALS gc_generator *self)
{
    end(self);       /* user code may run here */
    gc_decref(self); /* user code may run here */
}

/* The body of self has delegated. Put its delegate, with all of its own, on top of the stack that
 * self is part of. Delegates that have only to end leave the stacks. Returns the owner. */
static gc_generator *push(gc_generator *self)
{
    gc_generator *inner = gc_take(&self->source), *owner = self->consumer;
    gc_generator *top = inner, *bottom = gc_newref(inner);
    if (owner == NULL || owner->slot != NULL) {
        owner = self;
    } else if (self->line == OURO_LINE_LAST) {
        owner->source = gc_take(&self->outer);
        leave(self); /* user code may run here */
    }
    if (inner->source != NULL) { /* it has begun before, and owns a stack */
        gc_generator *last = gc_take(&inner->outer);
        top = gc_take(&inner->source);
        if (inner->line == OURO_LINE_LAST) {
            gc_set_steal(&bottom, last);
            leave(inner); /* user code may run here */
        } else {
            gc_set_steal(&last->outer, inner);
            gc_decref(last);
        }
    }
    gc_set_steal(&bottom->outer, gc_take(&owner->source));
    if (bottom->outer == NULL) {
        gc_set_steal(&owner->outer, bottom);
    } else {
        gc_decref(bottom);
    }
    owner->source = top;
    return owner;
}

/* Give the item to the consumer, who owns self in `source`. NULL: that was all. */
static void give(gc_generator *self, gc_generator *consumer, OURO_STEALS void *item)
{
    if (consumer->slot != NULL) {
        void *slot = consumer->slot;
        consumer->source = NULL;
        consumer->slot = NULL;
        ouro_slot_set_steal(slot, item); /* user code may run here */
    } else {
        consumer->source = gc_take(&self->outer);
        if (consumer->source == NULL) {
            gc_clear(&consumer->outer);
        }
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
    int error = errno;
    gc_incref(self);
    self->flags |= BUSY;
    self->consumer = NULL;
    void *item = run(self); /* user code may run here */
    gc_decref(self);        /* user code may run here */
    errno = error;
    return item;
}
