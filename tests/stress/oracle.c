/* SPDX-License-Identifier: MIT */
/* Random graphs against an oracle.
 *
 * A shadow of the heap in plain arrays knows for each object (a thing, by its id) what its slots
 * hold, how many references it has, which of them the program holds, and its generation. Each step
 * changes the real graph and the shadow alike, in every way a program can, moves of a pointer that
 * touch no count included. The shadow says what must die:
 *
 *   by count    exactly the things whose references are gone, at once;
 *   collected   exactly the containers that no root reaches (for a young collection the old are
 *               roots too), with what they alone held; never anything else, nor at another time.
 *
 * Each real object reports its id when it is destroyed, and the two lists must be the same after
 * every step. Phoenixes are things with a finalizer, and some of them rise: their finalizer takes a
 * reference.
 *
 * Some things have weak references and watchers, which the program keeps in places of their own.
 * The shadow says which of them read NULL, and which must have been called; and in some collections
 * the callbacks take garbage back through the weak reference in the next place.
 * So collections are done at once here; slices.c is about those that are not.
 *
 * The clock chooses the seeds and a failure prints its own: OURO_TEST_SEED=<seed> runs that one
 * again, with the same OURO_TEST_SCALE. */

#include "../support.h"

#include <time.h>

enum {
    THINGS = 3000,
    SLOTS = 12,
    NOTHING = -1,
    ROUNDS = 8, /* of each scenario */
    MESSAGE = 2048,
    WEAKS = 40,
    STEPS = 10000000, /* of all rounds of all scenarios together, and some */
};

/* How a heap is driven. The seed modulo their number says which it is for. */
enum scenario {
    AT_ALLOCATION,
    WITH_PHOENIXES,
    AT_SAFEPOINTS,
    WITH_A_LIMIT,
    BY_HAND,
    PLAIN_THINGS,
    WITH_TOOLS, /* things are frozen and unfrozen, tails change their length, ways are asked for */
    WITH_WEAK_REFERENCES,
    SCENARIOS
};

/* Real objects
 * ============ */

enum kind {
    PAIR,
    PHOENIX,
    BUNDLE,
    SHELF,
    CACHE,
    MIX,
    WIDE,
    BIG,
    PLAIN,
    PLAIN_BUNDLE,
    PLAIN_PEBBLE,
    PEBBLE,
    TEXT,
    KINDS
};

struct thing {
    gc_object object;
    uint32_t id;
    bool rises;
};

struct pair {
    struct thing thing;
    struct thing *slots[3];
};

struct bundle {
    struct thing thing;
    struct thing *slots[];
};

struct shelf {
    struct thing thing;
    uint8_t count;
    struct thing **items;
};

struct cache {
    struct thing thing;
    struct thing *slots[4];
};

struct mix {
    struct thing thing;
    struct thing *hidden[2];
    char text[11];
    struct thing *shown;
};

struct wide {
    struct thing thing;
    struct thing *slots[2];
    char bytes[70];
};

struct big {
    struct thing thing;
    struct thing *first;
    char bytes[100000];
    struct thing *last;
};

struct text {
    struct thing thing;
    char bytes[];
};

static void thing_finalize(gc_object *self);
static void thing_destroy(gc_object *self);

static void cache_traverse(gc_object *self, gc_visitor *visitor)
{
    struct cache *cache = (void *)self;
    for (size_t i = 0; i < 4; i++) {
        gc_visit(visitor, cache->slots[i]);
    }
}

static void cache_clear(gc_object *self)
{
    struct cache *cache = (void *)self;
    for (size_t i = 0; i < 4; i++) {
        gc_clear(&cache->slots[i]);
    }
}

static void mix_traverse(gc_object *self, gc_visitor *visitor)
{
    struct mix *mix = (void *)self;
    gc_visit(visitor, mix->hidden[0]);
    gc_visit(visitor, mix->hidden[1]);
}

static void mix_clear(gc_object *self)
{
    struct mix *mix = (void *)self;
    gc_clear(&mix->hidden[0]);
    gc_clear(&mix->hidden[1]);
}

static const gc_type types[KINDS] = {
    [PAIR] = { .name = "pair",
               .size = sizeof(struct pair),
               .refs = OURO_REFS(struct pair, slots[0], slots[1], slots[2]),
               .destroy = thing_destroy },
    [PHOENIX] = { .name = "phoenix",
                  .size = sizeof(struct pair),
                  .refs = OURO_REFS(struct pair, slots[0], slots[1], slots[2]),
                  .finalize = thing_finalize,
                  .destroy = thing_destroy },
    [BUNDLE] = { .name = "bundle",
                 .size = offsetof(struct bundle, slots),
                 .item_size = sizeof(struct thing *),
                 .refs = OURO_FIELDS(OURO_TAIL(struct bundle, slots)),
                 .destroy = thing_destroy },
    [SHELF] = { .name = "shelf",
                .size = sizeof(struct shelf),
                .refs = OURO_FIELDS(OURO_BUFFER(struct shelf, items, count)),
                .destroy = thing_destroy },
    [CACHE] = { .name = "cache",
                .size = sizeof(struct cache),
                .traverse = cache_traverse,
                .clear = cache_clear,
                .destroy = thing_destroy },
    [MIX] = { .name = "mix",
              .size = sizeof(struct mix),
              .refs = OURO_REFS(struct mix, shown),
              .traverse = mix_traverse,
              .clear = mix_clear,
              .destroy = thing_destroy },
    [WIDE] = { .name = "wide",
               .size = sizeof(struct wide),
               .align = 64,
               .refs = OURO_REFS(struct wide, slots[1], slots[0]),
               .destroy = thing_destroy },
    [BIG] = { .name = "big",
              .size = sizeof(struct big),
              .refs = OURO_REFS(struct big, first, last),
              .destroy = thing_destroy },
    [PLAIN] = { .name = "plain",
                .size = sizeof(struct pair),
                .refs = OURO_REFS(struct pair, slots[0], slots[1], slots[2]) },
    [PLAIN_BUNDLE] = { .name = "plain bundle",
                       .size = offsetof(struct bundle, slots),
                       .item_size = sizeof(struct thing *),
                       .refs = OURO_FIELDS(OURO_TAIL(struct bundle, slots)) },
    [PLAIN_PEBBLE] = { .name = "plain pebble", .size = sizeof(struct thing) },
    [PEBBLE] = { .name = "pebble", .size = sizeof(struct thing), .destroy = thing_destroy },
    [TEXT] = { .name = "text",
               .size = offsetof(struct text, bytes),
               .item_size = 1,
               .destroy = thing_destroy },
};

/* The shadow
 * ========== */

enum state { FREE, ALIVE, DOOMED };

struct shadow {
    enum state state;
    enum kind kind;
    int generation;
    bool lives_on;  /* young, in a collection of the young that roots or the old reach it in */
    bool finalized; /* the shadow expects it */
    bool called;    /* it was */
    bool rises;
    bool immortal;
    bool destroyed; /* reported by the real object */
    size_t weaks;   /* places that lead to it */
    uint32_t mark;
    uint32_t count; /* references, held ones included */
    uint32_t held;  /* by the program */
    size_t place;   /* in the list of held things */
    size_t slots;
    int slot[SLOTS];
    void *object;
};

enum weak_kind { SHARED, CALLS_BACK, WATCHER };

/* A place for a weak reference. */
struct place {
    struct model *model;
    gc_weak *weak; /* NULL: the place is free */
    enum weak_kind kind;
    int target; /* NOTHING: it must read NULL */
    int generation;
    bool expected, called; /* in this step */
};

struct model {
    struct world *world;
    gc_heap *heap;
    uint64_t seed, random;
    enum scenario scenario;
    size_t held_wanted, step;
    bool collecting, closing, failed;
    bool reviving;  /* callbacks take garbage back */
    size_t newborn; /* 1: an object has no shadow yet */
    struct place places[WEAKS];
    size_t weak_objects; /* in the heap */
    char message[MESSAGE];

    struct shadow things[THINGS];
    int vacant[THINGS];
    size_t vacant_count;
    int held[THINGS];
    size_t held_count;
    int doomed[THINGS]; /* must die in this step */
    size_t doomed_count;
    int destroyed[THINGS]; /* did */
    size_t destroyed_count;
    size_t calls_expected, calls; /* of finalizers in this step */
    uint32_t mark;
    int work[THINGS * SLOTS + THINGS];
};

static void broken(struct model *model, const char *what, int id)
{
    if (!model->failed) {
        model->failed = true;
        (void)snprintf(model->message, sizeof(model->message), "seed %llu, step %zu: %s: %s %d",
                       (unsigned long long)model->seed, model->step, what,
                       id == NOTHING ? "heap" : types[model->things[id].kind].name, id);
    }
}

/* xorshift64*, and the upper half of it. */
static uint32_t below(struct model *model, uint32_t limit)
{
    model->random ^= model->random >> 12;
    model->random ^= model->random << 25;
    model->random ^= model->random >> 27;
    uint64_t value = (model->random * UINT64_C(2685821657736338717)) >> 32;
    return (uint32_t)((value * limit) >> 32);
}

static bool is_leaf(const struct shadow *shadow)
{
    return shadow->kind == PEBBLE || shadow->kind == TEXT || shadow->kind == PLAIN_PEBBLE;
}

/* Of a type without callbacks: nobody reports its death, only the number of live objects tells. */
static bool is_plain(const struct shadow *shadow)
{
    return shadow->kind == PLAIN || shadow->kind == PLAIN_BUNDLE || shadow->kind == PLAIN_PEBBLE;
}

static struct thing **slot_at(const struct shadow *shadow, size_t slot)
{
    switch (shadow->kind) {
    case PAIR:
    case PHOENIX:
    case PLAIN:
        return &((struct pair *)shadow->object)->slots[slot];
    case BUNDLE:
    case PLAIN_BUNDLE:
        return &((struct bundle *)shadow->object)->slots[slot];
    case SHELF:
        return &((struct shelf *)shadow->object)->items[slot];
    case CACHE:
        return &((struct cache *)shadow->object)->slots[slot];
    case MIX:
        return slot < 2 ? &((struct mix *)shadow->object)->hidden[slot]
                        : &((struct mix *)shadow->object)->shown;
    case WIDE:
        return &((struct wide *)shadow->object)->slots[slot];
    default:
        return slot == 0 ? &((struct big *)shadow->object)->first
                         : &((struct big *)shadow->object)->last;
    }
}

static void hold(struct model *model, int id)
{
    struct shadow *shadow = &model->things[id];
    if (shadow->held++ == 0) {
        shadow->place = model->held_count;
        model->held[model->held_count++] = id;
    }
}

static void let_go(struct model *model, int id)
{
    struct shadow *shadow = &model->things[id];
    if (--shadow->held == 0) {
        int last = model->held[--model->held_count];
        model->held[shadow->place] = last;
        model->things[last].place = shadow->place;
    }
}

/* Weak references to a thing are dead; of garbage, those with callback at first. */
static void end_weak(struct model *model, int id, bool callbacks_only)
{
    for (size_t i = 0; i < WEAKS && model->things[id].weaks > 0; i++) {
        struct place *place = &model->places[i];
        if (place->weak != NULL && place->target == id &&
            (!callbacks_only || place->kind == CALLS_BACK)) {
            place->target = NOTHING;
            place->expected = place->kind != SHARED;
            model->things[id].weaks--;
        }
    }
}

static void doom(struct model *model, int id)
{
    end_weak(model, id, false);
    model->things[id].state = DOOMED;
    model->doomed[model->doomed_count++] = id;
}

/* One reference to a thing is gone, and all that follows from it. */
static void drop(struct model *model, int first)
{
    size_t work = 0;
    model->work[work++] = first;
    while (work > 0) {
        int id = model->work[--work];
        struct shadow *shadow = &model->things[id];
        if (shadow->immortal || --shadow->count > 0) {
            continue;
        }
        if (shadow->kind == PHOENIX && !shadow->finalized) {
            shadow->finalized = true;
            model->calls_expected++;
            if (shadow->rises) {
                shadow->count = 1;
                shadow->generation = GC_OLD;
                hold(model, id);
                continue;
            }
        }
        doom(model, id);
        for (size_t i = 0; i < shadow->slots; i++) {
            if (shadow->slot[i] != NOTHING) {
                model->work[work++] = shadow->slot[i];
            }
        }
    }
}

/* Mark what `work` things in the list of work reach, themselves included. */
static void mark(struct model *model, size_t work)
{
    while (work > 0) {
        struct shadow *shadow = &model->things[model->work[--work]];
        if (shadow->mark == model->mark) {
            continue;
        }
        shadow->mark = model->mark;
        for (size_t i = 0; i < shadow->slots; i++) {
            if (shadow->slot[i] != NOTHING && model->things[shadow->slot[i]].mark != model->mark) {
                model->work[work++] = shadow->slot[i];
            }
        }
    }
}

static void mark_from_roots(struct model *model, int generation)
{
    size_t work = 0;
    model->mark++;
    for (size_t i = 0; i < model->held_count; i++) {
        model->work[work++] = model->held[i];
    }
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        if (shadow->state == ALIVE && !is_leaf(shadow) && shadow->generation > generation) {
            model->work[work++] = id;
        }
    }
    mark(model, work);
}

static bool is_garbage(const struct model *model, const struct shadow *shadow, int generation)
{
    return shadow->state == ALIVE && !is_leaf(shadow) && shadow->generation <= generation &&
           shadow->mark != model->mark;
}

/* Whether a place has a living weak reference without callback. */
static bool is_shared(const struct place *place)
{
    return place->weak != NULL && place->kind == SHARED && place->target != NOTHING;
}

/* Whether a collection of the young has left those young who live on: what the first of them says. They must
 * be few. */
static bool are_kept(struct model *model)
{
    size_t young = 0, alive = 0;
    const void *first = NULL;
    for (int id = 0; id < THINGS; id++) {
        struct shadow *shadow = &model->things[id];
        bool is_young =
            shadow->state == ALIVE && !is_leaf(shadow) && shadow->generation == GC_YOUNG;
        shadow->lives_on = is_young && shadow->mark == model->mark;
        first = shadow->lives_on ? shadow->object : first;
        young += is_young;
        alive += shadow->lives_on;
    }
    for (size_t i = 0; i < WEAKS; i++) {
        const struct place *place = &model->places[i];
        if (place->weak != NULL && place->kind != SHARED && place->generation == GC_YOUNG) {
            first = place->weak;
            young++;
            alive++;
        }
    }
    bool kept = first != NULL && gc_generation_of(first) == GC_YOUNG;
    if (kept && 32 * alive >= young) {
        broken(model, "many young are still young", NOTHING);
    }
    return kept;
}

/* What a collection must have done; `only` when it was the only one. Returns how many containers it freed. */
static size_t sweep(struct model *model, int generation, bool only)
{
    size_t freed = 0, risen = 0;
    mark_from_roots(model, generation);
    bool kept = generation == 0 && only && are_kept(model);
    for (int id = 0; id < THINGS; id++) {
        if (is_garbage(model, &model->things[id], generation)) {
            end_weak(model, id, true);
        }
    }
    for (size_t i = 0; i < WEAKS && model->reviving; i++) {
        int id = model->places[(i + 1) % WEAKS].target;
        if (model->places[i].expected && is_shared(&model->places[(i + 1) % WEAKS])) {
            model->things[id].count++;
            hold(model, id);
            model->work[risen++] = id;
        }
    }
    for (int id = 0; id < THINGS; id++) {
        struct shadow *shadow = &model->things[id];
        if (is_garbage(model, shadow, generation) && shadow->kind == PHOENIX &&
            !shadow->finalized) {
            shadow->finalized = true;
            model->calls_expected++;
            if (shadow->rises) {
                shadow->count++;
                hold(model, id);
                model->work[risen++] = id;
            }
        }
    }
    mark(model, risen);
    size_t first = model->doomed_count;
    for (int id = 0; id < THINGS; id++) {
        struct shadow *shadow = &model->things[id];
        if (is_garbage(model, shadow, generation)) {
            doom(model, id);
            freed++;
        } else if (shadow->state == ALIVE && shadow->generation != GC_FROZEN &&
                   !(kept && shadow->lives_on)) {
            shadow->generation = GC_OLD;
        }
    }
    for (size_t i = 0; i < WEAKS && !kept; i++) {
        model->places[i].generation = 1;
    }
    /* Leaves die with their last holder, and so do the old that only young garbage held. */
    for (size_t i = first; i < first + freed; i++) {
        const struct shadow *shadow = &model->things[model->doomed[i]];
        for (size_t k = 0; k < shadow->slots; k++) {
            if (shadow->slot[k] != NOTHING && model->things[shadow->slot[k]].state == ALIVE) {
                drop(model, shadow->slot[k]);
            }
        }
    }
    return freed;
}

/* Callbacks
 * ========= */

static void thing_finalize(gc_object *self)
{
    struct thing *thing = (void *)self;
    struct model *model = world_of(self)->note;
    struct shadow *shadow = &model->things[thing->id];
    if (shadow->called) {
        broken(model, "finalized twice", (int)thing->id);
    }
    if (shadow->state == FREE || shadow->object != self) {
        broken(model, "finalized after its death", (int)thing->id);
    }
    shadow->called = true;
    model->calls++;
    if (thing->rises) {
        gc_incref(self);
    }
}

static void thing_destroy(gc_object *self)
{
    struct thing *thing = (void *)self;
    struct model *model = world_of(self)->note;
    struct shadow *shadow = &model->things[thing->id];
    if (shadow->state == FREE || shadow->object != self || shadow->destroyed) {
        broken(model, "destroyed twice", (int)thing->id);
        return;
    }
    if (shadow->state == ALIVE && !model->collecting && !model->closing) {
        broken(model, "died and is referenced", (int)thing->id);
    }
    if (shadow->kind == SHELF) {
        struct shelf *shelf = (void *)self;
        if (shelf->count != 0) {
            broken(model, "destroyed with its references", (int)thing->id);
        }
        free(shelf->items);
    } else {
        for (size_t i = 0; i < shadow->slots; i++) {
            if (*slot_at(shadow, i) != NULL) {
                broken(model, "destroyed with its references", (int)thing->id);
            }
        }
    }
    shadow->destroyed = true;
    model->destroyed[model->destroyed_count++] = (int)thing->id;
}

/* Runs before the shadow knows of the collection, so `target` of the next place is what it was. */
static void weak_call(gc_weak *weak, void *arg)
{
    struct place *place = arg;
    struct model *model = place->model;
    if (place->called || place->weak != weak || gc_weak_get(weak) != NULL) {
        broken(model, "weak reference called back wrongly", place->target);
    }
    place->called = true;
    const struct place *next = &model->places[(size_t)(place - model->places + 1) % WEAKS];
    /* Only the callbacks of containers are sure to run before anything of the garbage dies. */
    bool revives = model->reviving && place->kind == CALLS_BACK && place->target != NOTHING &&
                   !is_leaf(&model->things[place->target]);
    if (revives && is_shared(next) &&
        gc_weak_get(next->weak) != model->things[next->target].object) {
        broken(model, "garbage could not be revived", next->target);
    }
}

/* Comparing
 * ========= */

/* The end of every step: what had to die has died, and nothing else. */
static void settle(struct model *model)
{
    for (size_t i = 0; i < model->doomed_count; i++) {
        struct shadow *shadow = &model->things[model->doomed[i]];
        if (!shadow->destroyed && !is_plain(shadow)) {
            broken(model, "should be dead", model->doomed[i]);
        }
    }
    for (size_t i = 0; i < model->destroyed_count; i++) {
        struct shadow *shadow = &model->things[model->destroyed[i]];
        if (shadow->state != DOOMED) {
            broken(model, "should be alive", model->destroyed[i]);
        }
    }
    if (model->calls != model->calls_expected) {
        broken(model, "calls of finalizers", NOTHING);
    }
    for (size_t i = 0; i < model->doomed_count; i++) {
        struct shadow *shadow = &model->things[model->doomed[i]];
        if (shadow->kind == PHOENIX && !shadow->called) {
            broken(model, "never finalized", model->doomed[i]);
        }
        memset(shadow, 0, sizeof(*shadow));
        model->vacant[model->vacant_count++] = model->doomed[i];
    }
    for (size_t i = 0; i < WEAKS; i++) {
        struct place *place = &model->places[i];
        if (place->called != place->expected) {
            broken(model, place->called ? "weak reference called back" : "should have called back",
                   NOTHING);
        }
        place->called = place->expected = false;
    }
    model->doomed_count = model->destroyed_count = model->calls = model->calls_expected = 0;
    if (stats_of(model->heap).objects_live !=
        THINGS - model->vacant_count + model->newborn + model->weak_objects) {
        broken(model, "number of live objects", NOTHING);
    }
}

static void settle_collections(struct model *model, const gc_stats *before, size_t *returned)
{
    gc_stats after = stats_of(model->heap);
    size_t freed[2] = { 0, 0 };
    bool only = after.generations[1].collections == before->generations[1].collections;
    for (int generation = 0; generation < 2; generation++) {
        const gc_generation_stats *was = &before->generations[generation],
                                  *is = &after.generations[generation];
        if (is->collections != was->collections) {
            freed[generation] = sweep(model, generation, only);
        }
        if (is->collected - was->collected != freed[generation]) {
            broken(model, "number of the collected", NOTHING);
        }
    }
    if (returned != NULL && *returned != freed[0] + freed[1]) {
        broken(model, "what the collection returned", NOTHING);
    }
    settle(model);
}

/* Everything about everything, now and then. */
static void compare(struct model *model)
{
    uint64_t live = 0, containers[3] = { 0, 0, 0 };
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        if (shadow->state != ALIVE) {
            continue;
        }
        live++;
        containers[shadow->generation] += !is_leaf(shadow);
        if (shadow->immortal ? !gc_is_immortal(shadow->object)
                             : gc_refcount(shadow->object) != shadow->count) {
            broken(model, "count", id);
        }
        if (gc_generation_of(shadow->object) != (is_leaf(shadow) ? GC_LEAF : shadow->generation)) {
            broken(model, "generation", id);
        }
        if (gc_type_of(shadow->object) != &types[shadow->kind] ||
            ((struct thing *)shadow->object)->id != (uint32_t)id) {
            broken(model, "type or id", id);
        }
        for (size_t i = 0; i < shadow->slots; i++) {
            const void *child =
                shadow->slot[i] != NOTHING ? model->things[shadow->slot[i]].object : NULL;
            if (*slot_at(shadow, i) != child) {
                broken(model, "slot", id);
            }
        }
    }
    for (size_t i = 0; i < WEAKS; i++) {
        const struct place *place = &model->places[i];
        void *target = place->target == NOTHING ? NULL : model->things[place->target].object;
        void *read = place->weak == NULL ? target : gc_weak_get(place->weak);
        if (read != target) {
            broken(model, "weak reference", place->target);
        }
        if (place->weak != NULL) {
            gc_xdecref(read);
            containers[place->generation] += place->kind != SHARED;
        }
    }
    gc_stats stats = stats_of(model->heap);
    if (stats.objects_live != live + model->weak_objects ||
        stats.generations[0].objects != containers[0] ||
        stats.generations[1].objects != containers[1] || stats.objects_frozen != containers[2]) {
        broken(model, "number of live objects", NOTHING);
    }
    if (!gc_check(model->heap)) {
        broken(model, model->world->panic_text, NOTHING);
    }
}

/* Visits are counted in the marks: the first visit of a thing moves it from `mark` - 1 to `mark`.
 */
static int visit_expected(void *object, void *arg)
{
    struct model *model = arg;
    const gc_type *type = gc_type_of(object);
    if (type < types || type >= types + KINDS) {
        return 0; /* a weak reference */
    }
    int id = (int)((struct thing *)object)->id;
    struct shadow *shadow = &model->things[id];
    if (shadow->state != ALIVE || shadow->object != object || shadow->mark != model->mark - 1) {
        broken(model, "should not be visited", id);
    }
    shadow->mark = model->mark;
    return 0;
}

static void compare_visits(struct model *model, const char *what)
{
    for (int id = 0; id < THINGS; id++) {
        if (model->things[id].state == ALIVE && model->things[id].mark == model->mark - 1) {
            broken(model, what, id);
        }
    }
}

static void inspect(struct model *model)
{
    mark_from_roots(model, 1);
    uint32_t reached = model->mark;
    model->mark += 2;
    for (int id = 0; id < THINGS; id++) {
        struct shadow *shadow = &model->things[id];
        if (shadow->state == ALIVE && !is_leaf(shadow) && shadow->mark != reached) {
            shadow->mark = model->mark - 1;
        }
    }
    (void)gc_unreachable(model->heap, visit_expected, model);
    compare_visits(model, "not reported as unreachable");

    for (int generation = -1; generation <= GC_FROZEN; generation++) {
        model->mark += 2;
        for (int id = 0; id < THINGS; id++) {
            struct shadow *shadow = &model->things[id];
            if (shadow->state == ALIVE &&
                (generation == -1 || (!is_leaf(shadow) && shadow->generation == generation))) {
                shadow->mark = model->mark - 1;
            }
        }
        (void)gc_each_object(model->heap, generation, visit_expected, model);
        compare_visits(model, "not enumerated");
    }

    if (model->held_count > 0) {
        int target = model->held[below(model, (uint32_t)model->held_count)];
        model->mark += 2;
        for (int id = 0; id < THINGS; id++) {
            struct shadow *shadow = &model->things[id];
            for (size_t i = 0; shadow->state == ALIVE && i < shadow->slots; i++) {
                if (shadow->slot[i] == target) {
                    shadow->mark = model->mark - 1;
                }
            }
        }
        (void)gc_referrers(model->heap, model->things[target].object, visit_expected, model);
        compare_visits(model, "not among the referrers");
    }
}

/* Steps
 * ===== */

static int any_held(struct model *model)
{
    return model->held[below(model, (uint32_t)model->held_count)];
}

/* A thing that the program can reach; some steps away from one it holds. */
static int any_reachable(struct model *model)
{
    int id = any_held(model);
    for (uint32_t steps = below(model, 8); steps > 0; steps--) {
        const struct shadow *shadow = &model->things[id];
        if (shadow->slots == 0) {
            break;
        }
        int next = shadow->slot[below(model, (uint32_t)shadow->slots)];
        id = next != NOTHING ? next : id;
    }
    return id;
}

/* A slot of a reachable thing; false when the thing has none. */
static bool any_slot(struct model *model, struct shadow **shadow, size_t *slot)
{
    *shadow = &model->things[any_reachable(model)];
    *slot = (*shadow)->slots > 0 ? below(model, (uint32_t)(*shadow)->slots) : 0;
    return (*shadow)->slots > 0;
}

static enum kind any_kind(struct model *model)
{
    uint32_t dice = below(model, 2000);
    if (dice == 0) {
        return BIG;
    }
    bool rises = model->scenario == WITH_PHOENIXES || model->scenario == WITH_WEAK_REFERENCES ||
                 model->scenario == WITH_TOOLS;
    if (dice < 300 && rises) {
        return PHOENIX;
    }
    if (dice < 1980 && model->scenario == PLAIN_THINGS) {
        static const enum kind plain[] = { PLAIN, PLAIN, PLAIN_BUNDLE, PLAIN_PEBBLE, TEXT };
        return plain[dice % (sizeof(plain) / sizeof(plain[0]))];
    }
    static const enum kind common[] = { PAIR,  PAIR, PLAIN, BUNDLE, PLAIN_BUNDLE, SHELF,
                                        CACHE, MIX,  WIDE,  PEBBLE, TEXT };
    return common[dice % (sizeof(common) / sizeof(common[0]))];
}

static void bear(struct model *model)
{
    static const size_t fixed[KINDS] = {
        [PAIR] = 3, [PLAIN] = 3, [PHOENIX] = 3, [CACHE] = 4, [MIX] = 3, [WIDE] = 2, [BIG] = 2
    };
    enum kind kind = any_kind(model);
    size_t slots = kind == BUNDLE || kind == PLAIN_BUNDLE ? below(model, SLOTS + 1) : fixed[kind];
    size_t tail = kind == TEXT ? below(model, 300) : slots;
    gc_stats before = stats_of(model->heap);
    model->collecting = true;
    struct thing *thing = types[kind].item_size != 0 ? gc_new_var(model->heap, &types[kind], tail)
                                                     : gc_new(model->heap, &types[kind]);
    model->collecting = false;
    model->newborn = thing != NULL;
    settle_collections(model, &before, NULL);
    model->newborn = 0;
    if (thing == NULL) {
        if (model->scenario != WITH_A_LIMIT || gc_last_error(model->heap) != GC_ERR_LIMIT) {
            broken(model, "no memory", NOTHING);
        }
        return;
    }
    int id = model->vacant[--model->vacant_count];
    struct shadow *shadow = &model->things[id];
    shadow->state = ALIVE;
    shadow->kind = kind;
    shadow->count = 1;
    shadow->slots = slots;
    shadow->object = thing;
    shadow->rises = kind == PHOENIX && below(model, 3) == 0;
    thing->id = (uint32_t)id;
    thing->rises = shadow->rises;
    for (size_t i = 0; i < SLOTS; i++) {
        shadow->slot[i] = NOTHING;
    }
    if (kind == SHELF) {
        struct shelf *shelf = (void *)thing;
        shelf->items = calloc(SLOTS, sizeof(struct thing *));
        if (shelf->items == NULL) {
            broken(model, "malloc", NOTHING);
        }
    }
    hold(model, id);
}

/* An immortal thing is held once for ever. */
static bool may_let_go(const struct model *model, int id)
{
    return !model->things[id].immortal || model->things[id].held > 1;
}

static void make_one_immortal(struct model *model)
{
    int id = any_reachable(model);
    if (!model->things[id].immortal) {
        model->things[id].immortal = true;
        hold(model, id);
        gc_make_immortal(model->things[id].object);
    }
}

static void drop_a_held_one(struct model *model)
{
    int id = any_held(model);
    void *object = model->things[id].object;
    if (may_let_go(model, id)) {
        let_go(model, id);
        drop(model, id);
        gc_decref(object);
    }
}

static void hold_one_more(struct model *model)
{
    int id = any_reachable(model);
    model->things[id].count++;
    hold(model, id);
    gc_incref(model->things[id].object);
}

static void set_a_slot(struct model *model, bool to_null)
{
    struct shadow *holder;
    size_t slot;
    int target = to_null ? NOTHING : any_reachable(model);
    if (!any_slot(model, &holder, &slot)) {
        return;
    }
    struct thing **real = slot_at(holder, slot);
    struct thing *value = target != NOTHING ? model->things[target].object : NULL;
    int old = holder->slot[slot];
    holder->slot[slot] = target;
    if (target != NOTHING) {
        model->things[target].count++;
    }
    if (old != NOTHING) {
        drop(model, old);
    }
    if (value == NULL && below(model, 2) == 0) {
        gc_clear(real);
    } else {
        gc_set(real, value);
    }
}

static void take_from_a_slot(struct model *model)
{
    struct shadow *holder;
    size_t slot;
    if (any_slot(model, &holder, &slot) && holder->slot[slot] != NOTHING) {
        hold(model, holder->slot[slot]);
        if (gc_take(slot_at(holder, slot)) != model->things[holder->slot[slot]].object) {
            broken(model, "taken", holder->slot[slot]);
        }
        holder->slot[slot] = NOTHING;
    }
}

/* The program's reference becomes the slot's. It may have been the last that the program had of the
 * whole graph. */
static void give_to_a_slot(struct model *model)
{
    struct shadow *holder;
    size_t slot;
    if (!any_slot(model, &holder, &slot)) {
        return;
    }
    int id = any_held(model), old = holder->slot[slot];
    if (!may_let_go(model, id)) {
        return;
    }
    struct thing **real = slot_at(holder, slot);
    struct thing *value = model->things[id].object;
    holder->slot[slot] = id;
    let_go(model, id);
    if (old != NOTHING) {
        drop(model, old);
    }
    gc_set_steal(real, value);
}

/* Two slots change their contents and no count is touched; by hand, or by gc_swap. */
static void swap_two_slots(struct model *model, bool by_hand)
{
    struct shadow *a, *b;
    size_t slot_a, slot_b;
    if (!any_slot(model, &a, &slot_a) || !any_slot(model, &b, &slot_b)) {
        return;
    }
    struct thing **real_a = slot_at(a, slot_a), **real_b = slot_at(b, slot_b);
    int id = a->slot[slot_a];
    a->slot[slot_a] = b->slot[slot_b];
    b->slot[slot_b] = id;
    if (by_hand) {
        struct thing *value_a, *value_b;
        memcpy(&value_a, real_a, sizeof(value_a));
        memcpy(&value_b, real_b, sizeof(value_b));
        memcpy(real_a, &value_b, sizeof(value_b));
        memcpy(real_b, &value_a, sizeof(value_a));
    } else {
        gc_swap(real_a, real_b);
    }
}

static int any_shelf(struct model *model)
{
    for (int i = 0; i < 8; i++) {
        int id = any_reachable(model);
        if (model->things[id].kind == SHELF) {
            return id;
        }
    }
    return NOTHING;
}

static void push_on_a_shelf(struct model *model)
{
    int id = any_shelf(model);
    if (id == NOTHING || model->things[id].slots == SLOTS) {
        return;
    }
    struct shadow *shadow = &model->things[id];
    struct shelf *shelf = shadow->object;
    int target = any_reachable(model);
    model->things[target].count++;
    shadow->slot[shadow->slots++] = target;
    shelf->items[shelf->count] = gc_newref((struct thing *)model->things[target].object);
    shelf->count++;
}

static void pop_from_a_shelf(struct model *model)
{
    int id = any_shelf(model);
    if (id == NOTHING || model->things[id].slots == 0) {
        return;
    }
    struct shadow *shadow = &model->things[id];
    struct shelf *shelf = shadow->object;
    int old = shadow->slot[--shadow->slots];
    struct thing *value = shelf->items[--shelf->count];
    shadow->slot[shadow->slots] = NOTHING;
    if (old != NOTHING) {
        drop(model, old);
    }
    gc_xdecref(value);
}

enum call { YOUNG, ALL, SAFEPOINT, STEP };

static void collect(struct model *model, enum call call)
{
    gc_stats before = stats_of(model->heap);
    size_t result = 0;
    bool by_hand = call == YOUNG || call == ALL;
    model->collecting = true;
    if (by_hand) {
        result = gc_collect_generation(model->heap, call == ALL);
    } else if (call == SAFEPOINT) {
        gc_safepoint(model->heap);
    } else if (gc_step(model->heap, 1000)) {
        broken(model, "work left over", NOTHING);
    }
    model->collecting = false;
    settle_collections(model, &before, by_hand ? &result : NULL);
    if (by_hand && stats_of(model->heap).generations[call == ALL].collections !=
                       before.generations[call == ALL].collections + 1) {
        broken(model, "no collection", NOTHING);
    }
}

static void freeze(struct model *model)
{
    for (int id = 0; id < THINGS; id++) {
        struct shadow *shadow = &model->things[id];
        shadow->generation = shadow->state == ALIVE ? GC_FROZEN : shadow->generation;
    }
    (void)gc_freeze(model->heap);
}

static void unfreeze(struct model *model)
{
    for (int id = 0; id < THINGS; id++) {
        struct shadow *shadow = &model->things[id];
        shadow->generation = shadow->generation == GC_FROZEN ? GC_OLD : shadow->generation;
    }
    (void)gc_unfreeze(model->heap);
}

/* Change the length of a bundle that the program holds. */
static void resize_a_held_one(struct model *model)
{
    int id = any_held(model);
    struct shadow *shadow = &model->things[id];
    size_t count = below(model, SLOTS + 1);
    if (shadow->kind != BUNDLE && shadow->kind != PLAIN_BUNDLE) {
        return;
    }
    void *before = shadow->object;
    bool alone = shadow->count == 1 && !shadow->immortal;
    bool shrinks = alone && count < shadow->slots;
    gc_stats stats = stats_of(model->heap);
    model->collecting = true;
    gc_status status = gc_resize_var((struct thing **)(void *)&shadow->object, count);
    model->collecting = false;
    if (status != (alone ? GC_OK : GC_ERR_SHARED)) {
        broken(model, "resizing", id);
    }
    while (shrinks && shadow->slots > count) { /* before any collection */
        int old = shadow->slot[--shadow->slots];
        shadow->slot[shadow->slots] = NOTHING;
        if (old != NOTHING) {
            drop(model, old);
        }
    }
    bool moved = shadow->object != before; /* after the collection, which so says nothing of it */
    shadow->generation = moved ? GC_OLD : shadow->generation;
    settle_collections(model, &stats, NULL);
    shadow->slots = alone ? count : shadow->slots;
    shadow->generation = moved ? GC_YOUNG : shadow->generation;
}

/* How long the shortest way to a thing is from one that is held; 0: there is none. `work` has the
 * things in the order they are reached. */
static size_t distance(struct model *model, int target)
{
    size_t used = 0, length = 1;
    model->mark++;
    for (size_t i = 0; i < model->held_count; i++) {
        model->things[model->held[i]].mark = model->mark;
        model->work[used++] = model->held[i];
    }
    for (size_t i = 0; i < used; length++) {
        for (size_t end = used; i < end; i++) {
            const struct shadow *shadow = &model->things[model->work[i]];
            if (model->work[i] == target) {
                return length;
            }
            for (size_t k = 0; k < shadow->slots; k++) {
                int next = shadow->slot[k];
                if (next != NOTHING && model->things[next].mark != model->mark) {
                    model->things[next].mark = model->mark;
                    model->work[used++] = next;
                }
            }
        }
    }
    return 0;
}

static bool refers(const struct model *model, int id, int target)
{
    const struct shadow *shadow = &model->things[id];
    size_t i = 0;
    while (i < shadow->slots && shadow->slot[i] != target) {
        i++;
    }
    return i < shadow->slots;
}

static void ask_why(struct model *model)
{
    int target = (int)below(model, THINGS);
    gc_holder way[100];
    if (model->things[target].state != ALIVE) {
        return;
    }
    size_t expected = distance(model, target);
    ptrdiff_t length = gc_why_alive(model->heap, model->things[target].object, way, 100);
    if (length != (ptrdiff_t)expected) {
        broken(model, "length of the way", target);
        return;
    }
    int last = NOTHING;
    for (size_t i = 0; i < expected && i < 100; i++) {
        int id = (int)((struct thing *)way[i].object)->id;
        const struct shadow *shadow = &model->things[id];
        if (shadow->object != way[i].object ||
            (i == 0 ? shadow->held == 0 : !refers(model, last, id))) {
            broken(model, "the way", id);
        }
        if (!shadow->immortal && (way[i].references != shadow->count ||
                                  way[i].explained != shadow->count - shadow->held)) {
            broken(model, "references and explained", id);
        }
        last = id;
    }
    if (expected > 0 && expected <= 100 && last != target) {
        broken(model, "the end of the way", target);
    }
}

static void use_a_tool(struct model *model)
{
    uint32_t dice = below(model, 100);
    if (dice < 80) {
        resize_a_held_one(model);
    } else if (dice < 95) {
        ask_why(model);
    } else if (dice < 97) {
        freeze(model);
    } else {
        unfreeze(model);
    }
}

/* Weak references. */

static void make_a_weak_reference(struct model *model, struct place *place)
{
    int id = any_reachable(model);
    void *object = model->things[id].object;
    enum weak_kind kind = (enum weak_kind)below(model, 3);
    bool shares = false;
    for (size_t i = 0; i < WEAKS; i++) {
        shares = shares || (is_shared(&model->places[i]) && model->places[i].target == id);
    }
    gc_stats before = stats_of(model->heap);
    model->collecting = true;
    gc_weak *weak = kind == SHARED       ? gc_weak_new(object, NULL, NULL)
                    : kind == CALLS_BACK ? gc_weak_new(object, weak_call, place)
                                         : gc_watch(object, weak_call, place);
    model->collecting = false;
    model->weak_objects += weak != NULL && !(shares && kind == SHARED);
    settle_collections(model, &before, NULL);
    if (weak == NULL) {
        broken(model, "no memory", NOTHING);
        return;
    }
    *place = (struct place){ model, weak, kind, id, 0, false, false };
    model->things[id].weaks++;
}

static void drop_a_weak_reference(struct model *model, struct place *place)
{
    if (place->kind == WATCHER && gc_unwatch(place->weak) != (place->target != NOTHING)) {
        broken(model, "watcher taken away", place->target);
    }
    if (place->target != NOTHING) {
        model->things[place->target].weaks--;
    }
    model->weak_objects -= gc_is_unique(place->weak);
    gc_decref(place->weak);
    place->weak = NULL;
    place->target = NOTHING;
}

/* What it leads to may be garbage, which then is none any more. */
static void follow_a_weak_reference(struct model *model, struct place *place)
{
    void *object = gc_weak_get(place->weak);
    if (object != (place->target == NOTHING ? NULL : model->things[place->target].object)) {
        broken(model, "weak reference", place->target);
    }
    if (object != NULL) {
        model->things[place->target].count++;
        hold(model, place->target);
    }
}

static void use_a_place(struct model *model)
{
    struct place *place = &model->places[below(model, WEAKS)];
    if (place->weak == NULL) {
        make_a_weak_reference(model, place);
    } else if (below(model, 3) == 0) {
        drop_a_weak_reference(model, place);
    } else {
        follow_a_weak_reference(model, place);
    }
}

static void step(struct model *model)
{
    uint32_t dice = below(model, 10000);
    if (model->scenario == WITH_TOOLS && model->held_count > 0 && below(model, 50) == 0) {
        use_a_tool(model);
        settle(model);
        return;
    }
    if (model->scenario == WITH_WEAK_REFERENCES && model->held_count > 0 && below(model, 8) == 0) {
        use_a_place(model);
        settle(model);
        return;
    }
    if (model->held_count == 0 || (model->held_count < model->held_wanted && dice < 500)) {
        bear(model);
        return;
    }
    if (model->vacant_count < 10) {
        dice = 9995; /* full: make room */
    } else if (model->held_count > model->held_wanted && dice < 5000) {
        dice = 0;
    }
    if (dice < 1200) {
        drop_a_held_one(model);
    } else if (dice < 3700) {
        bear(model);
    } else if (dice < 4200) {
        hold_one_more(model);
    } else if (dice < 4800) {
        take_from_a_slot(model);
    } else if (dice < 6800) {
        set_a_slot(model, false);
    } else if (dice < 7300) {
        set_a_slot(model, true);
    } else if (dice < 8100) {
        give_to_a_slot(model);
    } else if (dice < 8600) {
        swap_two_slots(model, false);
    } else if (dice < 9200) {
        swap_two_slots(model, true);
    } else if (dice < 9600) {
        push_on_a_shelf(model);
    } else if (dice < 9900) {
        pop_from_a_shelf(model);
    } else if (dice < 9940) {
        collect(model, YOUNG);
    } else if (dice < 9960) {
        collect(model, SAFEPOINT);
    } else if (dice < 9980) {
        collect(model, STEP);
    } else if (dice < 9990) {
        inspect(model);
        if (below(model, 30) == 0) {
            make_one_immortal(model);
        }
    } else {
        model->reviving = model->scenario == WITH_WEAK_REFERENCES && below(model, 2) == 0;
        collect(model, ALL);
        model->reviving = false;
        for (int i = 0; i < 20 && model->vacant_count < THINGS / 4 && model->held_count > 0; i++) {
            drop_a_held_one(model);
            settle(model);
        }
        compare(model);
    }
    settle(model);
}

/* Rounds
 * ====== */

static gc_config any_config(struct model *model)
{
    gc_config config = { .collect = GC_AT_ALLOCATION, .slice_ns = SIZE_MAX };
    config.thresholds.young_objects = 1 + below(model, 1000);
    config.thresholds.young_bytes = 1000 + below(model, 200000);
    config.thresholds.old_growth_percent = 1 + below(model, 100);
    config.thresholds.old_bytes = 1 + below(model, 100000);
    if (model->scenario == AT_SAFEPOINTS) {
        config.collect = GC_AT_SAFEPOINT;
    } else if (model->scenario == WITH_A_LIMIT) {
        config.limit_bytes = 20000 + below(model, 100000);
    } else if (model->scenario == BY_HAND) {
        config.disabled = true;
    }
    return config;
}

/* The end: every thing that is left dies once, and every phoenix has had its call. */
static void close_heap(struct model *model)
{
    size_t reports = 0;
    for (int id = 0; id < THINGS; id++) {
        reports += model->things[id].state == ALIVE && !is_plain(&model->things[id]);
    }
    for (size_t i = 0; i < WEAKS; i++) {
        model->places[i].expected = model->places[i].kind == WATCHER && //
                                    model->places[i].target != NOTHING;
    }
    model->closing = true;
    model->destroyed_count = 0;
    gc_heap_free(model->heap);
    model->world->heap = NULL;
    for (size_t i = 0; i < WEAKS; i++) {
        if (model->places[i].called != model->places[i].expected) {
            broken(model, "watcher at the end", NOTHING);
        }
    }
    if (model->destroyed_count != reports) {
        broken(model, "number of the dead at the end", NOTHING);
    }
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        if (shadow->state == ALIVE && !is_plain(shadow) &&
            (!shadow->destroyed || (shadow->kind == PHOENIX && !shadow->called))) {
            broken(model, "forgotten at the end", id);
        }
    }
}

static void play(struct world *world, uint64_t seed, size_t steps)
{
    char message[MESSAGE] = "";
    struct model *model = calloc(1, sizeof(*model));
    assert_non_null(model);
    model->world = world;
    model->seed = seed;
    model->random = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
    model->scenario = (enum scenario)(seed % SCENARIOS);
    model->held_wanted = 10 + below(model, 300);
    for (size_t i = 0; i < WEAKS; i++) {
        model->places[i].target = NOTHING;
    }
    for (int id = 0; id < THINGS; id++) {
        model->vacant[model->vacant_count++] = THINGS - 1 - id;
    }
    gc_config config = any_config(model);
    world->note = model;
    model->heap = world_heap(world, &config);
    if (model->heap == NULL) {
        broken(model, "no heap", NOTHING);
    }
    for (model->step = 0; model->step < steps && !model->failed; model->step++) {
        step(model);
        if (world->panics != 0) {
            broken(model, world->panic_text, NOTHING);
        }
    }
    if (!model->failed) {
        collect(model, ALL);
        compare(model);
        close_heap(model);
    }
    /* After a failure the heap is not to be touched any more: it is left alone and leaks. */
    world->heap = NULL;
    memcpy(message, model->message, sizeof(message));
    bool failed = model->failed;
    free(model);
    if (failed) {
        memset(&world->pages, 0, sizeof(world->pages));
        world->panics = 0;
        fail_msg("%s", message);
    }
}

static void play_all(struct world *world, enum scenario scenario)
{
    const char *text = getenv("OURO_TEST_SEED");
    size_t steps = scaled(STEPS) / (SCENARIOS * ROUNDS) + 1;
    if (text != NULL) {
        uint64_t seed = strtoull(text, NULL, 10);
        if (seed % SCENARIOS == (uint64_t)scenario) {
            play(world, seed, steps);
        }
        return;
    }
    uint64_t seed = (uint64_t)time(NULL) * SCENARIOS * ROUNDS + (uint64_t)scenario;
    print_message("# seeds %llu to %llu by %d\n", (unsigned long long)seed,
                  (unsigned long long)(seed + (uint64_t)(ROUNDS - 1) * SCENARIOS), SCENARIOS);
    for (int round = 0; round < ROUNDS; round++) {
        play(world, seed + (uint64_t)round * SCENARIOS, steps);
    }
}

static void what_dies_is_what_the_oracle_says(void **state)
{
    play_all(*state, AT_ALLOCATION);
}

static void what_rises_is_what_the_oracle_says(void **state)
{
    play_all(*state, WITH_PHOENIXES);
}

static void what_dies_at_safepoints_is_what_the_oracle_says(void **state)
{
    play_all(*state, AT_SAFEPOINTS);
}

static void what_dies_at_the_limit_is_what_the_oracle_says(void **state)
{
    play_all(*state, WITH_A_LIMIT);
}

static void what_dies_by_hand_is_what_the_oracle_says(void **state)
{
    play_all(*state, BY_HAND);
}

static void what_dies_of_plain_things_is_what_the_oracle_says(void **state)
{
    play_all(*state, PLAIN_THINGS);
}

static void what_dies_among_the_frozen_is_what_the_oracle_says(void **state)
{
    play_all(*state, WITH_TOOLS);
}

static void what_weak_references_read_is_what_the_oracle_says(void **state)
{
    play_all(*state, WITH_WEAK_REFERENCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(what_dies_is_what_the_oracle_says),
        world_test(what_rises_is_what_the_oracle_says),
        world_test(what_dies_at_safepoints_is_what_the_oracle_says),
        world_test(what_dies_at_the_limit_is_what_the_oracle_says),
        world_test(what_dies_by_hand_is_what_the_oracle_says),
        world_test(what_dies_of_plain_things_is_what_the_oracle_says),
        world_test(what_dies_among_the_frozen_is_what_the_oracle_says),
        world_test(what_weak_references_read_is_what_the_oracle_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
