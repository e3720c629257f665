/* SPDX-License-Identifier: MIT */
/* Random programs between the slices of a collection, against an oracle.
 *
 * A shadow of the graph in plain arrays knows what each thing's slots hold and which things the
 * program holds. Between any two changes there may be a slice of the smallest size, so a cycle has
 * thousands of them, and anything may happen at any point of it. The oracle is reachability:
 *
 *   safe       what is reachable in the shadow lives: after every slice none of it has reported its
 *              end, and all of it is what it was;
 *   complete   what no root reached when a cycle began is gone when it is over, but for what a
 *              finalizer has brought back; after gc_collect all that no root reaches is gone;
 *   told       who dies has called back each weak reference that asked for it, once;
 *   counted    of things that report nothing the number of live objects tells.
 *
 * What dies at which moment between those is the collector's to choose, so unlike in oracle.c a
 * shadow that nothing reaches may be of the dead: the program never looks at it again.
 *
 * The time of day chooses the seeds and a failure prints its own: OURO_TEST_SEED=<seed> runs that one
 * again, with the same OURO_TEST_SCALE. The collector's clock is one of this program: clock_gettime
 * below is found before the C library's. So all is the same then but where the system puts memory,
 * and `setarch -R` makes that the same, too. */

#include "../support.h"

#include <time.h>

enum {
    THINGS = 1500,
    WEAKS = 200,
    RINGS = 6,
    TANGLE = 40,
    SLOTS = 6,
    NOTHING = -1,
    ROUNDS = 6,
    MESSAGE = 2048,
    DEPTH_MAX = 3,   /* callbacks within each other that do as they like */
    STEPS = 3000000, /* of all rounds of all scenarios together, and some */
};

/* How a heap is driven. The seed modulo their number says which it is for. */
enum scenario {
    BY_STEPS,     /* a slice between any two changes */
    AT_BIRTHS,    /* slices come by themselves */
    WITH_USERS,   /* finalizers, and callbacks that do as they like */
    PLAIN_THINGS, /* dropped and freed in slices */
    IN_CROWDS,    /* with many young at default thresholds, so that they become old unseen */
    SCENARIOS
};

/* The clock
 * ========= */

static uint64_t clock_ns, clock_random, clock_pace = 1;

static void start_clock(uint64_t seed)
{
    clock_ns = 1000000000;
    clock_random = seed * UINT64_C(0xD1342543DE82EF95) + 1;
    clock_pace = (uint64_t)1 << seed / SCENARIOS % 12;
}

static void pass_time(uint64_t most)
{
    clock_random = clock_random * UINT64_C(6364136223846793005) + 1442695040888963407;
    uint64_t dice = clock_random >> 33;
    clock_ns +=
        dice % most + (dice % 509 == 0 ? 30000 : 0) + (dice % 8191 == 0 ? 1000000 * clock_pace : 0);
}

/* Goes on at each look, mostly by a pace that is the play's, at times by much more. */
int clock_gettime(clockid_t which, struct timespec *now)
{
    (void)which;
    pass_time(clock_pace);
    *now = (struct timespec){ (time_t)(clock_ns / 1000000000), (long)(clock_ns % 1000000000) };
    return 0;
}

/* Real objects
 * ============ */

enum kind {
    PAIR,
    PHOENIX,
    BUNDLE,
    SHELF,
    CACHE,
    BIG,
    HUGE_TUPLE,
    PLAIN,
    PLAIN_TWO,
    PLAIN_BUNDLE,
    PLAIN_PEBBLE,
    PEBBLE,
    TEXT,
    KINDS
};

struct thing {
    gc_object object;
    uint32_t id;
    bool rises; /* its finalizer resurrects it, */
    bool lifts; /* or something that it refers to */
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
    uint16_t count;
    struct thing **items;
};

struct big {
    struct thing thing;
    struct thing *slots[2];
    char bytes[70000];
};

struct text {
    struct thing thing;
    char bytes[];
};

static void thing_finalize(gc_object *self);
static void thing_destroy(gc_object *self);

static void cache_traverse(gc_object *self, gc_visitor *visitor)
{
    struct pair *cache = (void *)self;
    for (size_t i = 0; i < 3; i++) {
        gc_visit(visitor, cache->slots[i]);
    }
}

static void cache_clear(gc_object *self)
{
    struct pair *cache = (void *)self;
    for (size_t i = 0; i < 3; i++) {
        gc_clear(&cache->slots[i]);
    }
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
                .size = sizeof(struct pair),
                .traverse = cache_traverse,
                .clear = cache_clear,
                .destroy = thing_destroy },
    [BIG] = { .name = "big",
              .size = sizeof(struct big),
              .refs = OURO_REFS(struct big, slots[0], slots[1]) },
    [HUGE_TUPLE] = { .name = "huge tuple",
                     .size = offsetof(struct bundle, slots),
                     .item_size = sizeof(struct thing *),
                     .refs = OURO_FIELDS(OURO_TAIL(struct bundle, slots)) },
    [PLAIN] = { .name = "plain",
                .size = sizeof(struct pair),
                .refs = OURO_REFS(struct pair, slots[0], slots[1], slots[2]) },
    [PLAIN_TWO] = { .name = "plain two",
                    .size = sizeof(struct pair),
                    .refs = OURO_REFS(struct pair, slots[0], slots[2]) },
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

struct shadow {
    bool used;
    bool dead;    /* it reported its end */
    bool garbage; /* nothing reached it when the cycle that is watched began */
    bool finalized;
    bool finalizing; /* it has not risen yet, so weak references read NULL if it is dying */
    bool immortal;
    enum kind kind;
    uint32_t mark;
    uint32_t serial;     /* its own: another one may have its id later */
    uint32_t held;       /* references of the program */
    uint32_t references; /* of reachable things; scratch of compare */
    size_t place;        /* in the list of held things */
    size_t rescued;      /* the step in which it was brought back last */
    size_t slots;
    int slot[SLOTS];
    void *object;
};

/* A weak reference of the program. */
struct link {
    gc_weak *weak; /* NULL: none */
    int id;
    uint32_t serial;
    bool calls;   /* has a callback */
    size_t made;  /* in this step */
    bool called;  /* and that was run */
    bool is_owed; /* what it led to has died, and it was to run after so many full collections */
    uint64_t collections;
};

/* A ring of nodes that the program holds by its first node. That may own a weak reference to a target of
 * the program's, whose callback takes the ring back if it was dropped. */
struct ring {
    struct node *first; /* NULL: none */
    size_t objects;
};

struct model {
    struct world *world;
    gc_heap *heap;
    uint64_t seed, random;
    enum scenario scenario;
    size_t held_wanted, step;
    bool closing, failed;
    unsigned depth; /* of callbacks */
    char message[MESSAGE];

    struct shadow things[THINGS];
    int vacant[THINGS];
    size_t vacant_count;
    int held[THINGS];
    size_t held_count;
    bool died; /* something did since the last look */
    uint32_t mark;
    int work[THINGS * SLOTS + THINGS];

    struct link links[WEAKS];
    size_t weak_count; /* gc_weak objects, of which links may share one */
    uint32_t serial;

    struct ring rings[RINGS];
    struct node *targets[RINGS]; /* NULL: none */
    size_t taken_back;           /* rings, by a callback */
    struct node *crowd;          /* a list */
    size_t crowd_count;
    size_t loose; /* nodes in rings that were dropped since the last full collection */

    bool watching; /* a cycle, of which we know what was garbage when it began */
    uint64_t collections;
    size_t loose_later; /* of the loose nodes, those dropped since it began */
    size_t cycles;      /* that were watched to their end */
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

static bool reports(const struct shadow *shadow)
{
    return types[shadow->kind].destroy != NULL;
}

static struct thing **slot_at(const struct shadow *shadow, size_t slot)
{
    switch (shadow->kind) {
    case BUNDLE:
    case PLAIN_BUNDLE:
        return &((struct bundle *)shadow->object)->slots[slot];
    case HUGE_TUPLE: /* over its whole length */
        return &((struct bundle *)shadow->object)
                    ->slots[slot * (gc_tail_length(shadow->object) / SLOTS)];
    case SHELF:
        return &((struct shelf *)shadow->object)->items[slot];
    case BIG:
        return &((struct big *)shadow->object)->slots[slot];
    case PLAIN_TWO:
        return &((struct pair *)shadow->object)->slots[slot * 2];
    default:
        return &((struct pair *)shadow->object)->slots[slot];
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

static void mark_all_from(struct model *model, size_t work)
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

static void mark(struct model *model)
{
    size_t work = 0;
    model->mark++;
    for (size_t i = 0; i < model->held_count; i++) {
        model->work[work++] = model->held[i];
    }
    mark_all_from(model, work);
}

static bool is_marked(const struct model *model, const struct shadow *shadow)
{
    return shadow->mark == model->mark;
}

static void vacate(struct model *model, int id)
{
    uint32_t seen = model->things[id].mark;
    model->things[id] = (struct shadow){ .mark = seen };
    model->vacant[model->vacant_count++] = id;
}

/* Looking
 * ======= */

static bool is_in_cycle(const struct model *model)
{
    return gc_step(model->heap, 0);
}

static uint64_t full_collections(const struct model *model)
{
    return stats_of(model->heap).generations[1].collections;
}

/* Told: what has died has called back, or will do so when the next full collection is over. */
static void look_at_links_to(struct model *model, int id)
{
    for (size_t i = 0; i < WEAKS; i++) {
        struct link *link = &model->links[i];
        if (link->weak != NULL && link->id == id && link->serial == model->things[id].serial &&
            link->calls && !link->called) {
            link->is_owed = true;
            link->collections = full_collections(model);
        }
    }
}
static void look_at_owed(struct model *model)
{
    for (size_t i = 0; i < WEAKS; i++) {
        const struct link *link = &model->links[i];
        if (link->weak != NULL && link->is_owed && !link->called &&
            full_collections(model) > link->collections && !is_in_cycle(model)) {
            broken(model, "died and has not called back", link->id);
        }
    }
}

/* Safe: what has died was not reachable. Its shadow goes. */
static void look_at_the_dead(struct model *model)
{
    if (!model->died) {
        return;
    }
    model->died = false;
    mark(model);
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        if (shadow->used && shadow->dead) {
            if (is_marked(model, shadow)) {
                broken(model, "died and is reachable", id);
            }
            look_at_links_to(model, id);
            vacate(model, id);
        }
    }
}

static void look_at_rings(struct model *model);

/* Safe: what is reachable is what it was. */
static void compare(struct model *model)
{
    mark(model);
    look_at_rings(model);
    for (int id = 0; id < THINGS; id++) {
        model->things[id].references = model->things[id].held;
    }
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        for (size_t i = 0; is_marked(model, shadow) && i < shadow->slots; i++) {
            if (shadow->slot[i] != NOTHING) {
                model->things[shadow->slot[i]].references++;
            }
        }
    }
    for (int id = 0; id < THINGS && !model->failed; id++) {
        const struct shadow *shadow = &model->things[id];
        if (!is_marked(model, shadow)) {
            continue;
        }
        size_t count = gc_refcount(shadow->object);
        if (shadow->immortal ? !gc_is_immortal(shadow->object)
                             : count < shadow->references || count > THINGS * SLOTS + 1000) {
            broken(model, "count", id);
        } else if (gc_type_of(shadow->object) != &types[shadow->kind] ||
                   ((struct thing *)shadow->object)->id != (uint32_t)id) {
            broken(model, "type or id", id);
        }
        for (size_t i = 0; i < shadow->slots && !model->failed; i++) {
            const void *child =
                shadow->slot[i] != NOTHING ? model->things[shadow->slot[i]].object : NULL;
            if (*slot_at(shadow, i) != child) {
                broken(model, "slot", id);
            }
        }
    }
}

/* How many things there are that may live: those that nothing reaches only if `garbage_too`. */
static size_t count_things(const struct model *model, bool garbage_too)
{
    size_t count = 0;
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        count += shadow->used && !shadow->dead && (is_marked(model, shadow) || garbage_too);
    }
    return count;
}

/* And what is no thing: the crowd, rings and targets, weak references, and the ballast. */
static size_t count_others(const struct model *model)
{
    size_t count = model->crowd_count + model->weak_count + 1;
    for (size_t i = 0; i < RINGS; i++) {
        count += model->rings[i].objects + (model->targets[i] != NULL);
    }
    return count;
}

/* After a full collection: what nothing reaches is gone, and the shadows of it with it. */
static void look_after_all(struct model *model)
{
    look_at_the_dead(model);
    mark(model);
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        if (shadow->used && !is_marked(model, shadow)) {
            if (reports(shadow)) {
                broken(model, "survived gc_collect", id);
            }
            vacate(model, id);
        }
    }
    model->loose = model->loose_later = 0;
    model->watching = false;
    if (stats_of(model->heap).objects_live != count_things(model, false) + count_others(model)) {
        broken(model, "number of live objects after gc_collect", NOTHING);
    }
}

/* A thing is reachable again, and all that it reaches: a finalizer or a weak reference has brought it
 * back, and is about to hold it. From here on it may be garbage as of now. */
static void brought_back(struct model *model, int id)
{
    bool was_reachable[THINGS];
    mark(model);
    for (int other = 0; other < THINGS; other++) {
        was_reachable[other] = is_marked(model, &model->things[other]);
    }
    model->mark++;
    model->work[0] = id;
    mark_all_from(model, 1);
    for (int other = 0; other < THINGS; other++) {
        struct shadow *shadow = &model->things[other];
        if (is_marked(model, shadow)) {
            shadow->garbage = false;
            shadow->rescued = was_reachable[other] ? shadow->rescued : model->step;
        }
    }
}

/* Watching a cycle */

/* After what ends a cycle, and all that it has found. */
static void expect_no_cycle(struct model *model, const char *after)
{
    if (is_in_cycle(model)) {
        broken(model, after, NOTHING);
    }
}

/* Before what may begin a cycle. */
static void watch_from_here(struct model *model)
{
    mark(model);
    for (int id = 0; id < THINGS; id++) {
        struct shadow *shadow = &model->things[id];
        shadow->garbage = shadow->used && !shadow->dead && !is_marked(model, shadow);
    }
    model->collections = full_collections(model);
    model->loose_later = 0;
    model->watching = true;
}

/* Let a cycle begin in the next call that may begin one, or go on, by growth that is gone when the
 * call is over. Where that is as much as a cycle has room for, slices wait for nothing. */
static void make_due(struct model *model)
{
    bool in_cycle = is_in_cycle(model);
    if (!in_cycle) {
        watch_from_here(model);
    }
    bool hurries = in_cycle && below(model, 4) != 0;
    gc_external_add(model->heap, hurries ? 8000000 : in_cycle ? 40000 : 4000000);
}

/* Complete: the cycle that was watched is over. */
static void look_after_cycle(struct model *model)
{
    size_t survivors = 0;
    mark(model);
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        if (!shadow->used || !shadow->garbage || is_marked(model, shadow) || is_leaf(shadow)) {
            continue;
        }
        if (reports(shadow)) {
            broken(model, "was garbage at a cycle's start and survived it", id);
        } else {
            survivors++;
        }
    }
    /* Those of them that would not report it are dead if there is no room for them in the number of
     * the living. Who else is no longer reachable may be dead or not. */
    size_t most = count_things(model, true) - survivors + count_others(model) + model->loose_later;
    if (stats_of(model->heap).objects_live > most) {
        broken(model, "plain garbage survived a cycle", NOTHING);
    }
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        if (shadow->used && shadow->garbage && !is_marked(model, shadow) && !reports(shadow) &&
            !is_leaf(shadow)) {
            vacate(model, id);
        }
    }
    model->loose = model->loose_later;
    model->cycles++;
}

static void settle(struct model *model)
{
    look_at_the_dead(model);
    gc_external_remove(model->heap, (size_t)stats_of(model->heap).bytes_external);
    look_at_owed(model);
    if (model->watching && !is_in_cycle(model)) {
        if (full_collections(model) > model->collections) {
            look_after_cycle(model);
        }
        model->watching = false;
    }
    if (model->world->panics != 0) {
        broken(model, model->world->panic_text, NOTHING);
    }
}

/* Callbacks
 * ========= */

static void as_users_like(struct model *model);
static void lift(struct model *model, const struct shadow *shadow);

static void thing_finalize(gc_object *self)
{
    struct thing *thing = (void *)self;
    struct model *model = world_of(self)->note;
    struct shadow *shadow = &model->things[thing->id];
    if (!shadow->used || shadow->dead || shadow->finalized || shadow->object != self) {
        broken(model, "finalized twice, or after its death", (int)thing->id);
        return;
    }
    shadow->finalized = shadow->finalizing = true;
    if (thing->rises && !model->closing) {
        gc_incref(self);
        brought_back(model, (int)thing->id);
        hold(model, (int)thing->id);
    }
    if (thing->lifts && !model->closing) {
        lift(model, shadow);
    }
    as_users_like(model);
    shadow->finalizing = false;
}

static void thing_destroy(gc_object *self)
{
    struct thing *thing = (void *)self;
    struct model *model = world_of(self)->note;
    struct shadow *shadow = &model->things[thing->id];
    if (!shadow->used || shadow->dead || shadow->object != self) {
        broken(model, "destroyed twice", (int)thing->id);
        return;
    }
    if (shadow->kind == SHELF) {
        free(((struct shelf *)(void *)self)->items);
    }
    shadow->dead = true;
    model->died = true;
    as_users_like(model);
}

/* Changes
 * ======= */

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

static bool any_slot(struct model *model, struct shadow **shadow, size_t *slot)
{
    *shadow = &model->things[any_reachable(model)];
    *slot = (*shadow)->slots > 0 ? below(model, (uint32_t)(*shadow)->slots) : 0;
    return (*shadow)->slots > 0;
}

static enum kind any_kind(struct model *model)
{
    static const enum kind common[] = {
        PAIR,         PAIR,  PLAIN,     BUNDLE, TEXT,   PLAIN_TWO,
        PLAIN_BUNDLE, SHELF, PLAIN_TWO, CACHE,  PEBBLE, PLAIN_PEBBLE
    };
    static const enum kind plain[] = {
        PLAIN, PLAIN_TWO, PLAIN_TWO, PLAIN, PLAIN_TWO, PLAIN_PEBBLE
    };
    uint32_t dice = below(model, 4000);
    if (dice < 3) {
        return HUGE_TUPLE;
    }
    if (dice < 20) {
        return BIG;
    }
    if (dice < 600 && model->scenario == WITH_USERS) {
        return PHOENIX;
    }
    if (model->scenario == PLAIN_THINGS) {
        return plain[dice % (sizeof(plain) / sizeof(plain[0]))];
    }
    return common[dice % (sizeof(common) / sizeof(common[0]))];
}

static size_t any_tail(struct model *model, enum kind kind, size_t slots)
{
    if (kind == TEXT) {
        return below(model, 3000) == 0 ? 1500000 : below(model, 200);
    }
    return kind == HUGE_TUPLE ? 20000 + below(model, 200000) : slots;
}

/* Returns its number; or NOTHING, as when there is no room: callbacks of births in a row may have used it up. */
static int bear(struct model *model)
{
    if (model->vacant_count == 0) {
        return NOTHING;
    }
    static const size_t fixed[KINDS] = {
        [PAIR] = 3,      [PHOENIX] = 3, [CACHE] = 3,         [PLAIN] = 3,
        [PLAIN_TWO] = 2, [BIG] = 2,     [HUGE_TUPLE] = SLOTS
    };
    enum kind kind = any_kind(model);
    bool any = kind == BUNDLE || kind == PLAIN_BUNDLE || kind == SHELF;
    size_t slots = any ? below(model, SLOTS + 1) : fixed[kind];
    struct thing **items = kind == SHELF ? calloc(SLOTS, sizeof(struct thing *)) : NULL;
    struct thing *thing = types[kind].item_size != 0
                              ? gc_new_var(model->heap, &types[kind], any_tail(model, kind, slots))
                              : gc_new(model->heap, &types[kind]); /* callbacks run here */
    if (thing == NULL || (kind == SHELF && items == NULL)) {
        broken(model, "no memory", NOTHING);
        return NOTHING;
    }
    int id = model->vacant[--model->vacant_count];
    struct shadow *shadow = &model->things[id];
    *shadow = (struct shadow){
        .used = true, .serial = ++model->serial, .kind = kind, .slots = slots, .object = thing
    };
    for (size_t i = 0; i < SLOTS; i++) {
        shadow->slot[i] = NOTHING;
    }
    thing->id = (uint32_t)id;
    thing->rises = kind == PHOENIX && below(model, 3) == 0;
    thing->lifts = kind == PHOENIX && below(model, 3) == 0;
    if (kind == SHELF) {
        ((struct shelf *)(void *)thing)->items = items;
        ((struct shelf *)(void *)thing)->count = (uint16_t)slots;
    }
    hold(model, id);
    return id;
}

static bool may_let_go(const struct model *model, int id)
{
    return !model->things[id].immortal || model->things[id].held > 1;
}

static void drop(struct model *model, int id)
{
    void *object = model->things[id].object;
    if (may_let_go(model, id)) {
        let_go(model, id);
        gc_decref(object);
    }
}

static void drop_a_held_one(struct model *model)
{
    drop(model, any_held(model));
}

static void drop_many(struct model *model)
{
    for (size_t i = model->held_count; i > 0 && model->held_count > 1; i--) {
        drop_a_held_one(model);
    }
}

static void hold_one_more(struct model *model)
{
    int id = any_reachable(model);
    hold(model, id);
    gc_incref(model->things[id].object);
}

static void set_slot(const struct model *model, struct shadow *holder, size_t slot, int target)
{
    holder->slot[slot] = target;
    gc_set(slot_at(holder, slot),
           target == NOTHING ? NULL : (struct thing *)model->things[target].object);
}

static void set_a_slot(struct model *model, bool to_null)
{
    struct shadow *holder;
    size_t slot;
    int target = to_null ? NOTHING : any_reachable(model);
    if (any_slot(model, &holder, &slot)) {
        set_slot(model, holder, slot, target);
    }
}

/* The slot's reference becomes the program's. */
static void take_from_a_slot(struct model *model)
{
    struct shadow *holder;
    size_t slot;
    if (any_slot(model, &holder, &slot) && holder->slot[slot] != NOTHING) {
        hold(model, holder->slot[slot]);
        holder->slot[slot] = NOTHING;
        (void)gc_take(slot_at(holder, slot));
    }
}

/* The program's reference becomes the slot's. */
static void give_to_a_slot(struct model *model)
{
    struct shadow *holder;
    size_t slot;
    int id = any_held(model);
    if (any_slot(model, &holder, &slot) && may_let_go(model, id)) {
        struct thing *value = model->things[id].object;
        struct thing **real = slot_at(holder, slot);
        holder->slot[slot] = id;
        let_go(model, id);
        gc_set_steal(real, value);
    }
}

static void swap_two_slots(struct model *model)
{
    struct shadow *a, *b;
    size_t slot_a, slot_b;
    if (any_slot(model, &a, &slot_a) && any_slot(model, &b, &slot_b)) {
        int id = a->slot[slot_a];
        a->slot[slot_a] = b->slot[slot_b];
        b->slot[slot_b] = id;
        gc_swap(slot_at(a, slot_a), slot_at(b, slot_b));
    }
}

/* As a splay tree does: with p in a slot of a, c in a slot of p and g in a slot of c, three moves
 * put c into the place of p, p below c, and g below p. No count changes. */
static void rotate(struct model *model)
{
    struct shadow *a;
    size_t i;
    if (!any_slot(model, &a, &i) || a->slot[i] == NOTHING) {
        return;
    }
    struct shadow *p = &model->things[a->slot[i]];
    size_t k = p->slots == 0 ? 0 : below(model, (uint32_t)p->slots);
    if (p == a || p->slots == 0 || p->slot[k] == NOTHING) {
        return;
    }
    struct shadow *c = &model->things[p->slot[k]];
    if (c == a || c == p || c->slots == 0) {
        return;
    }
    size_t l = below(model, (uint32_t)c->slots);
    int id = c->slot[l];
    c->slot[l] = a->slot[i];
    a->slot[i] = p->slot[k];
    p->slot[k] = id;
    struct thing *g = gc_take(slot_at(c, l));
    gc_swap(slot_at(c, l), slot_at(a, i));
    gc_swap(slot_at(a, i), slot_at(p, k));
    gc_set_steal(slot_at(p, k), g);
}

static void empty_one(struct model *model)
{
    struct shadow *shadow = &model->things[any_reachable(model)];
    void *object = gc_newref(shadow->object);
    for (size_t i = 0; i < shadow->slots; i++) {
        shadow->slot[i] = NOTHING;
    }
    if (shadow->kind == SHELF) {
        shadow->slots = 0;
    }
    model->depth += DEPTH_MAX; /* callbacks see slots that are not emptied yet */
    gc_drop_references(object);
    model->depth -= DEPTH_MAX;
    gc_decref(object);
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

/* A crowd of nodes: a list that grows, and at some time is dropped at once. */
static void crowd(struct model *model)
{
    if (model->crowd_count > 60000 || below(model, 40) == 0) {
        struct node *list = gc_take(&model->crowd);
        model->crowd_count = 0;
        gc_xdecref(list);
        return;
    }
    for (uint32_t count = below(model, 2000); count > 0; count--) {
        struct node *node = gc_new(model->heap, &node_type);
        if (node == NULL) {
            broken(model, "no memory", NOTHING);
            return;
        }
        node->left = model->crowd;
        model->crowd = node;
        model->crowd_count++;
    }
}

static struct node *ring_new(struct model *model, size_t count)
{
    struct node *first = NULL, *last = NULL;
    for (size_t i = 0; i < count; i++) {
        struct node *node = gc_new(model->heap, &node_type);
        if (node == NULL) {
            broken(model, "no memory", NOTHING);
            return NULL;
        }
        *(first == NULL ? &first : &last->left) = node;
        last = node;
    }
    last->left = gc_newref(first);
    return first;
}

/* Called as long as no collection has found the rings. Then they are whole, and may be had. */
static void call_from_garbage(gc_weak *weak, void *arg)
{
    struct world *world = world_of(weak);
    struct model *model = world->note;
    struct node *owner = arg;
    if (owner->right != (void *)weak || owner->left == NULL) {
        broken(model, "a weak reference calls back for garbage that is not whole", NOTHING);
    }
    gc_decref(gc_newref(owner));
}

/* Rings of nodes, each of which refers to the one before, some too large for a part; mostly old. The first
 * may refer to a weak reference to the last. */
static void drop_rings(struct model *model)
{
    size_t most = below(model, 30) == 0 ? 12000 : below(model, 3) == 0 ? 300 : 20, all = 0;
    struct node *rings = NULL, *bottom = NULL;
    for (uint32_t more = 1 + below(model, 6); more > 0; more--) {
        size_t count = 1 + below(model, (uint32_t)most);
        struct node *ring = ring_new(model, count);
        if (ring == NULL) {
            return;
        }
        gc_set_steal(&ring->right, rings);
        rings = ring;
        bottom = bottom == NULL ? ring : bottom;
        all += count;
    }
    uint32_t dice = below(model, 8);
    if (dice == 0) {
        bottom->right = (void *)gc_weak_new(rings, call_from_garbage, bottom);
        all++;
    }
    model->loose += all;
    model->loose_later += all;
    if (dice < 6) {
        (void)gc_collect_generation(model->heap, 0);
    }
    gc_decref(rings);
}

/* Rings that own a weak reference
 * =============================== */

static size_t ring_length(struct model *model, const struct node *first)
{
    size_t length = 1;
    for (const struct node *node = first->left; node != first; node = node->left, length++) {
        if (node == NULL || length > 100000) {
            broken(model, "a ring is broken", NOTHING);
            break;
        }
    }
    return length;
}

static struct ring *any_ring(struct model *model, bool is_there)
{
    for (uint32_t tries = RINGS, i = below(model, RINGS); tries > 0; tries--, i = (i + 1) % RINGS) {
        if ((model->rings[i].first != NULL) == is_there) {
            return &model->rings[i];
        }
    }
    return NULL;
}

/* Nothing that can still be taken is half cleared, or about to be freed. */
static void take_ring_back(gc_weak *weak, void *arg)
{
    struct world *world = world_of(weak);
    struct model *model = world->note;
    struct node *first = arg;
    struct ring *ring = any_ring(model, false);
    if (first->right != (void *)weak) {
        broken(model, "called back for a ring that is cleared", NOTHING);
    } else if (ring != NULL && !model->closing && gc_try_incref(first)) {
        *ring = (struct ring){ .first = first, .objects = ring_length(model, first) + 1 };
        model->taken_back++;
    }
}

static void make_a_ring(struct model *model)
{
    struct ring *ring = any_ring(model, false);
    uint32_t most = below(model, 400) == 0 ? 40000 : below(model, 2) == 0 ? 1500 : 30;
    size_t count = 3 + below(model, most);
    struct node *first = ring == NULL ? NULL : ring_new(model, count); /* callbacks may run here */
    ring = any_ring(model, false);
    if (first != NULL && ring != NULL) {
        *ring = (struct ring){ .first = first, .objects = count };
    } else if (first != NULL) {
        model->loose += count;
        model->loose_later += count;
        gc_decref(first);
    }
}

/* Give a ring a weak reference, and drop it: by its count, or by a move that leaves no trace. */
static void drop_a_ring_that_owns(struct model *model)
{
    struct ring *ring = any_ring(model, true);
    uint32_t place = below(model, RINGS);
    if (ring == NULL || model->targets[place] != NULL) {
        return;
    }
    struct node *first = ring->first;
    if (first->right == NULL) {
        struct node *target = gc_new(model->heap, &node_type); /* callbacks may run here */
        model->targets[place] = target;
        gc_weak *weak = target == NULL ? NULL : gc_weak_new(target, take_ring_back, first);
        if (weak == NULL) {
            broken(model, "no memory", NOTHING);
            return;
        }
        first->right = (struct node *)(void *)weak;
        ring->objects++;
    }
    model->loose += ring->objects;
    model->loose_later += ring->objects;
    *ring = (struct ring){ .first = NULL };
    if (first->left->right == NULL && below(model, 4) != 0) {
        first->left->right = first;
    } else {
        gc_decref(first);
    }
}

static void drop_a_target(struct model *model)
{
    struct node *target = gc_take(&model->targets[below(model, RINGS)]);
    gc_xdecref(target);
}

static void look_at_rings(struct model *model)
{
    for (size_t i = 0; i < RINGS; i++) {
        struct node *first = model->rings[i].first;
        if (first != NULL &&
            ring_length(model, first) + (first->right != NULL) != model->rings[i].objects) {
            broken(model, "a ring has lost objects", NOTHING);
        }
    }
}

/* Weak references
 * =============== */

static bool leads_to(const struct model *model, const struct link *link)
{
    const struct shadow *shadow = &model->things[link->id];
    return shadow->used && !shadow->dead && shadow->serial == link->serial;
}

static void call_back(gc_weak *weak, void *arg)
{
    struct world *world = world_of(weak);
    struct model *model = world->note;
    struct link *link = arg;
    if (link->weak != weak || link->called || gc_weak_get(weak) != NULL) {
        broken(model, "a callback that is not due", link->id);
        return;
    }
    link->called = true;
    mark(model);
    /* It may have been rescued since this was due, by what was called, or finalized, in a slice before. */
    const struct shadow *shadow = &model->things[link->id];
    if (leads_to(model, link) && is_marked(model, shadow) && shadow->rescued < link->made) {
        broken(model, "called back and is reachable", link->id);
    }
    as_users_like(model);
}

static void end_link(struct model *model, struct link *link)
{
    gc_weak *weak = link->weak;
    if (weak == NULL) {
        return;
    }
    link->weak = NULL;
    bool shared = false;
    for (size_t i = 0; i < WEAKS; i++) {
        shared = shared || model->links[i].weak == weak;
    }
    model->weak_count -= !shared;
    gc_decref(weak);
}

static void link_weakly_to(struct model *model, int id)
{
    struct link *link = &model->links[below(model, WEAKS)];
    end_link(model, link);
    bool calls = below(model, 3) == 0;
    void *object = gc_newref(model->things[id].object); /* callbacks may run here */
    hold(model, id);
    gc_weak *weak = gc_weak_new(object, calls ? call_back : NULL, calls ? link : NULL);
    if (weak == NULL || link->weak != NULL) {
        broken(model, "no memory", NOTHING);
        return;
    }
    bool shared = false;
    for (size_t i = 0; i < WEAKS; i++) {
        shared = shared || model->links[i].weak == weak;
    }
    model->weak_count += !shared;
    *link = (struct link){ .weak = weak,
                           .id = id,
                           .serial = model->things[id].serial,
                           .calls = calls,
                           .made = model->step };
    let_go(model, id);
    gc_decref(object);
}

/* Read a weak reference, and keep what it gives or drop it again. */
static void upgrade(struct model *model)
{
    struct link *link = &model->links[below(model, WEAKS)];
    void *object = link->weak == NULL ? NULL : gc_weak_get(link->weak);
    if (object != NULL) {
        if (!leads_to(model, link) || model->things[link->id].object != object) {
            broken(model, "a weak reference leads to a dead one", link->id);
            return;
        }
        brought_back(model, link->id);
        hold(model, link->id);
        if (below(model, 2) == 0) {
            let_go(model, link->id);
            gc_decref(object);
        }
    } else if (link->weak != NULL && !link->called && leads_to(model, link)) {
        mark(model);
        const struct shadow *shadow = &model->things[link->id];
        /* Likewise; and those that are not called read NULL between the slices in which garbage ends. */
        bool is_due = shadow->rescued >= link->made && (link->calls || is_in_cycle(model));
        if (is_marked(model, shadow) && !shadow->finalizing && !is_due) {
            broken(model, "a weak reference does not lead to the living", link->id);
        }
    }
}

/* Tangles
 * ======= */

/* A finalizer: hold what the thing refers to, and have others refer to it. */
static void lift(struct model *model, const struct shadow *shadow)
{
    struct shadow *holder;
    size_t slot;
    int id = shadow->slots == 0 ? NOTHING : shadow->slot[below(model, (uint32_t)shadow->slots)];
    if (id == NOTHING) {
        return;
    }
    gc_incref(model->things[id].object);
    brought_back(model, id);
    hold(model, id);
    if (model->depth < DEPTH_MAX && any_slot(model, &holder, &slot)) {
        set_slot(model, holder, slot, id);
    }
}

/* Whether one is held that was when it was born; callbacks may have dropped it. */
static bool is_still(const struct model *model, int id, uint32_t serial)
{
    const struct shadow *shadow = &model->things[id];
    return shadow->used && !shadow->dead && shadow->serial == serial && shadow->held > 0;
}

/* Circles of things, which refer to those before them, some of them with weak references. They mostly
 * get old before they are dropped. */
static void drop_a_tangle(struct model *model)
{
    int ids[TANGLE];
    uint32_t serials[TANGLE];
    size_t count = 2 + below(model, TANGLE - 1), circle = 1 + below(model, 5);
    for (size_t i = 0; i < count; i++) {
        ids[i] = bear(model);
        if (ids[i] == NOTHING) {
            return;
        }
        serials[i] = model->things[ids[i]].serial;
    }
    for (size_t i = 0; i < count; i++) {
        size_t next = (i + 1) % circle != 0 && i + 1 < count ? i + 1 : i - i % circle;
        size_t others[2] = { next, below(model, (uint32_t)i + 1) };
        for (size_t k = 0; k < 2 && is_still(model, ids[i], serials[i]); k++) {
            struct shadow *holder = &model->things[ids[i]];
            if (holder->slots > k && is_still(model, ids[others[k]], serials[others[k]]) &&
                (k == 0 || below(model, 3) != 0)) {
                set_slot(model, holder, k, ids[others[k]]);
            }
        }
        if (below(model, 8) == 0 && is_still(model, ids[i], serials[i])) {
            link_weakly_to(model, ids[i]);
        }
    }
    if (below(model, 4) != 0) {
        (void)gc_collect_generation(model->heap, 0);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_still(model, ids[i], serials[i])) {
            drop(model, ids[i]);
        }
    }
}

/* Tails and the frozen
 * ==================== */

static void resize(struct model *model)
{
    struct shadow *holder;
    size_t slot;
    if (model->scenario == WITH_USERS || !any_slot(model, &holder, &slot) ||
        holder->slot[slot] == NOTHING) {
        return;
    }
    int id = holder->slot[slot];
    struct shadow *shadow = &model->things[id];
    struct thing **real = slot_at(holder, slot);
    bool is_bundle = shadow->kind == BUNDLE || shadow->kind == PLAIN_BUNDLE;
    if ((!is_bundle && shadow->kind != TEXT) || shadow == holder || gc_refcount(*real) != 1) {
        return;
    }
    size_t count = below(model, is_bundle ? SLOTS + 1 : 3000), slots = shadow->slots;
    int before[SLOTS];
    memcpy(before, shadow->slot, sizeof(before));
    for (size_t i = count; is_bundle && i < slots; i++) {
        shadow->slot[i] = NOTHING;
    }
    gc_status status = gc_resize_var(real, count);
    if (status == GC_OK) {
        shadow->object = *real;
        shadow->slots = is_bundle ? count : 0;
    } else if (status == GC_ERR_SHARED) { /* it has weak references */
        memcpy(shadow->slot, before, sizeof(before));
    } else {
        broken(model, "not resized", id);
    }
}

/* What is frozen is in no cycle, so nothing is said of those that begin meanwhile. */
static void freeze_for_a_while(struct model *model)
{
    (void)gc_freeze(model->heap);
    model->watching = false;
    expect_no_cycle(model, "a cycle goes on after a freeze");
    for (uint32_t steps = below(model, 30); steps > 0 && model->held_count > 1; steps--) {
        if (steps % 3 == 0) {
            drop_a_held_one(model);
        } else if (steps % 3 == 1) {
            set_a_slot(model, false);
        } else {
            swap_two_slots(model);
        }
        gc_external_add(model->heap, 4000000);
        (void)gc_step(model->heap, 1);
        gc_external_remove(model->heap, 4000000);
        look_at_the_dead(model);
    }
    (void)gc_unfreeze(model->heap); /* in the middle of one that has begun, or not */
}

/* Calls
 * ===== */

static int visit_one(void *object, void *arg)
{
    struct model *model = arg;
    const gc_type *type = gc_type_of(object);
    if (type < types || type >= types + KINDS) {
        return 0;
    }
    struct thing *thing = object;
    struct shadow *shadow = &model->things[thing->id];
    if (!shadow->used || shadow->dead || shadow->object != object) {
        broken(model, "a dead one is visited", (int)thing->id);
    }
    if (shadow->references++ != 0) {
        broken(model, "visited twice", (int)thing->id);
    }
    return 0;
}

static void inspect(struct model *model)
{
    bool all = below(model, 2) == 0;
    for (int id = 0; id < THINGS; id++) {
        model->things[id].references = 0;
    }
    model->depth += DEPTH_MAX; /* callbacks keep still, but for what finalizers bring back */
    if (all) {
        (void)gc_each_object(model->heap, -1, visit_one, model);
    } else {
        (void)gc_unreachable(model->heap, visit_one, model);
    }
    model->depth -= DEPTH_MAX;
    mark(model);
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        bool seen = shadow->references != 0;
        if (all && is_marked(model, shadow) && !seen) {
            broken(model, "not visited", id);
        } else if (!all && is_marked(model, shadow) && seen) {
            broken(model, "reported as unreachable", id);
        } else if (!all && shadow->used && !shadow->dead && !is_marked(model, shadow) &&
                   reports(shadow) && !is_leaf(shadow) && !seen) {
            broken(model, "not reported as unreachable", id);
        }
    }
    expect_no_cycle(model, "a cycle goes on after an inspection");
}

static void forget_a_type(struct model *model)
{
    enum kind kind = (enum kind)below(model, KINDS);
    bool forgotten = gc_type_forget(model->heap, &types[kind]) == GC_OK;
    mark(model);
    for (int id = 0; id < THINGS && forgotten; id++) {
        const struct shadow *shadow = &model->things[id];
        if (is_marked(model, shadow) && shadow->kind == kind) {
            broken(model, "its type was forgotten", id);
        }
    }
}

/* What callbacks make garbage in a collection is found by the next, in which they keep still. */
static void collect_all(struct model *model)
{
    (void)gc_collect(model->heap);
    model->depth += DEPTH_MAX;
    (void)gc_collect(model->heap);
    model->depth -= DEPTH_MAX;
    look_after_all(model);
    compare(model);
}

static void slice(struct model *model)
{
    uint32_t dice = below(model, 20);
    if (dice < 10) {
        make_due(model);
    }
    (void)gc_step(model->heap, dice == 0 ? 100000 : dice < 3 ? 10000 : 1);
    settle(model);
}

/* Inside callbacks everything is allowed that does not look at things at once. */
static void as_users_like(struct model *model)
{
    if (model->closing || model->scenario != WITH_USERS || model->depth >= DEPTH_MAX) {
        return;
    }
    model->depth++;
    uint64_t collections = full_collections(model);
    uint32_t dice = below(model, 60);
    if (dice < 10) {
        (void)gc_step(model->heap, 1);
    } else if (dice < 12) {
        (void)gc_collect(model->heap);
    } else if (dice < 14) {
        (void)gc_collect_generation(model->heap, 0);
    } else if (dice < 20 && model->vacant_count > 20) {
        (void)bear(model);
    } else if (dice < 24 && model->held_count > 1) {
        drop_a_held_one(model);
    } else if (dice < 28 && model->held_count > 0) {
        swap_two_slots(model);
    } else if (dice >= 30 && dice < 36) {
        upgrade(model);
    } else if (dice == 28) {
        (void)gc_check(model->heap);
    } else if (dice == 29) {
        (void)gc_heap_trim(model->heap);
    }
    if (full_collections(model) != collections) {
        model->watching = false; /* what waits to die behind this callback holds what it held */
    }
    model->depth--;
}

static void change(struct model *model)
{
    uint32_t dice = below(model, 10000);
    if (model->vacant_count < 100) {
        collect_all(model); /* shadows of the dead that nobody reported */
        while (model->vacant_count < THINGS / 3 && model->held_count > 1) {
            drop_many(model);
            collect_all(model);
        }
        return;
    }
    if (model->held_count == 0 || (model->held_count < model->held_wanted && dice < 500)) {
        (void)bear(model);
    } else if (model->held_count > model->held_wanted && dice < 4000) {
        drop_a_held_one(model);
    } else if (dice < 1200) {
        drop_a_held_one(model);
    } else if (dice < 3400) {
        if (model->scenario == AT_BIRTHS || model->scenario == IN_CROWDS) {
            make_due(model);
        }
        (void)bear(model);
    } else if (dice < 3800) {
        hold_one_more(model);
    } else if (dice < 4600) {
        take_from_a_slot(model);
    } else if (dice < 6000) {
        set_a_slot(model, false);
    } else if (dice < 6300) {
        set_a_slot(model, true);
    } else if (dice < 7300) {
        give_to_a_slot(model);
    } else if (dice < 8300) {
        swap_two_slots(model);
    } else if (dice < 9300) {
        rotate(model);
    } else if (dice < 9400) {
        link_weakly_to(model, any_reachable(model));
    } else if (dice < 9460) {
        end_link(model, &model->links[below(model, WEAKS)]);
    } else if (dice < 9600) {
        upgrade(model);
    } else if (dice < 9740) {
        resize(model);
    } else if (dice < 9800) {
        drop_a_tangle(model);
    } else if (dice < 9830) {
        empty_one(model);
    } else if (dice < 9860) {
        drop_rings(model);
    } else if (dice < 9880 || (model->scenario == IN_CROWDS && dice < 9920)) {
        crowd(model);
    } else if (dice < 9922) {
        freeze_for_a_while(model);
    } else if (dice < 9925) {
        (void)gc_collect_generation(model->heap, 0);
    } else if (dice < 9980) {
        gc_safepoint(model->heap);
    } else if (dice < 9984) {
        drop_many(model);
    } else if (dice < 9988) {
        inspect(model);
    } else if (dice < 9990) {
        (void)gc_heap_trim(model->heap);
    } else if (dice < 9992) {
        forget_a_type(model);
    } else if (dice < 9994) {
        if (!gc_check(model->heap)) {
            broken(model, model->world->panic_text, NOTHING);
        }
    } else if (dice < 9998) {
        collect_all(model);
    } else if (below(model, 20) == 0) {
        make_one_immortal(model);
    }
}

/* Rounds
 * ====== */

static gc_config any_config(struct model *model)
{
    gc_config config = { .slice_ns = 1 + below(model, 2000) };
    if (below(model, 2) == 0) {
        config.destroy_ns = 1 + below(model, 2000); /* what the program drops waits, too */
    }
    if (model->scenario != IN_CROWDS) {
        config.thresholds.young_objects = 1 + below(model, 300);
        config.thresholds.young_bytes = 1000 + below(model, 20000);
    }
    config.thresholds.old_growth_percent = 1;
    config.thresholds.old_bytes = 1 + below(model, 20000);
    if (model->scenario == BY_STEPS || model->scenario == PLAIN_THINGS) {
        config.collect = GC_AT_SAFEPOINT;
    }
    return config;
}

static void close_heap(struct model *model)
{
    bool in_cycle = below(model, 2) == 0; /* whatever there is of one */
    if (!in_cycle) {
        collect_all(model);
    }
    model->closing = true;
    gc_heap_free(model->heap);
    model->world->heap = NULL;
    for (int id = 0; id < THINGS; id++) {
        const struct shadow *shadow = &model->things[id];
        if (shadow->used && reports(shadow) && !shadow->dead) {
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
    model->held_wanted = 10 + below(model, 200);
    for (int id = 0; id < THINGS; id++) {
        model->vacant[model->vacant_count++] = THINGS - 1 - id;
    }
    start_clock(seed);
    gc_config config = any_config(model);
    world->note = model;
    model->heap = world_heap(world, &config);
    /* So much is not collected at once when a collection comes by itself. */
    struct string *ballast =
        model->heap != NULL ? gc_new_var(model->heap, &string_type, (size_t)1 << 20) : NULL;
    if (ballast == NULL) {
        broken(model, "no heap", NOTHING);
    }
    for (model->step = 1; model->step <= steps && !model->failed; model->step++) {
        pass_time(32 * clock_pace);
        uint32_t dice = below(model, 120);
        if (dice < 2) {
            make_a_ring(model);
        } else if (dice < 6) {
            drop_a_ring_that_owns(model);
        } else if (dice < 16) {
            drop_a_target(model);
        }
        change(model);
        settle(model);
        if (model->scenario != AT_BIRTHS) {
            slice(model);
        }
        if (below(model, 64) == 0 && !model->failed) {
            compare(model);
        }
    }
    if (!model->failed) {
        compare(model);
        close_heap(model);
    }
    /* After a failure the heap is not to be touched any more: it is left alone and leaks. */
    world->heap = NULL;
    memcpy(message, model->message, sizeof(message));
    bool failed = model->failed;
    size_t cycles = model->cycles;
    free(model);
    if (failed) {
        memset(&world->pages, 0, sizeof(world->pages));
        world->panics = 0;
        fail_msg("%s", message);
    }
    /* Where slices come by themselves the clock says how many do. */
    assert_true(cycles > 0 || steps < 20000 || seed % SCENARIOS == AT_BIRTHS);
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

static void slices_between_any_two_changes_are_safe_and_complete(void **state)
{
    play_all(*state, BY_STEPS);
}

static void slices_that_come_by_themselves_are_safe_and_complete(void **state)
{
    play_all(*state, AT_BIRTHS);
}

static void slices_with_callbacks_that_do_as_they_like_are_safe_and_complete(void **state)
{
    play_all(*state, WITH_USERS);
}

static void slices_that_free_plain_garbage_are_safe_and_complete(void **state)
{
    play_all(*state, PLAIN_THINGS);
}

static void slices_with_the_young_in_crowds_are_safe_and_complete(void **state)
{
    play_all(*state, IN_CROWDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(slices_between_any_two_changes_are_safe_and_complete),
        world_test(slices_that_come_by_themselves_are_safe_and_complete),
        world_test(slices_with_callbacks_that_do_as_they_like_are_safe_and_complete),
        world_test(slices_that_free_plain_garbage_are_safe_and_complete),
        world_test(slices_with_the_young_in_crowds_are_safe_and_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
