/* SPDX-License-Identifier: MIT */
#ifndef OURO_LAYOUT_H
#define OURO_LAYOUT_H

/* Every internal structure and bit, with its invariants. Data only: functions are on higher floors.
 *
 *   segment (4 MiB, aligned)              Page 0 begins after the segment's own header. An object's
 *   +--------+--------+--------+-----+    address, masked, leads to its segment, and from there to
 *   | header | page 0 | page 1 | ... |    its page's struct gci_page: type, heap, slot size.
 *   | pages[]| slots  | slots  |     |
 *   +--------+--------+--------+-----+
 *
 * Invariants. check.c verifies them, and reports the name of the one that is broken.
 *
 * Objects
 *   OBJ-1    The low four bits of gc_object.gc are a gci_state, which tells how to read the rest:
 *              FREE            refs is GCI_REFS_DEAD; gc links to the next slot of the free list
 *              DYING, queued   refs is GCI_REFS_DEAD | link << 4 | flags; the scratch count is 0
 *              others          refs is (count - 1) << 4 | flags, count > 0; the scratch count is 0
 *                              whenever user code other than a traverse runs
 *            The flag GCI_REFS_HELD is set in DYING objects only. The bit above the state is
 *            OURO_GC_TOUCHED, which only an incremental collection reads.
 *   OBJ-2    No count is below the number of references that live objects hold.
 *   REF-1    Every reference leads to an object of the same heap that is not FREE.
 *   BYTES-1  heap->bytes_live is the sum of the slots that are not FREE.
 *
 * Pages
 *   PAGE-1   A page's slots are first + i * slot_size, below its end. Memory beyond its end was not
 *            used since the page was taken. Exactly the FREE slots are in its free list; the number
 *            of the others is notice + countdown.
 *   PAGE-2   A page is its record's current one, or full, or closed, or emptied, or partial. The
 *            record has four lists of partial pages, by level: 1 with less than a quarter free, 2
 *            with less than half, 3 with less than three quarters, 4 with more. `notice` is where a
 *            page leaves its level. A page that was frozen is closed: it is in no list until three
 *            quarters of what it held then are dead.
 *   PAGE-3   A page that is not in use has a bit in free_pages of its segment. If it also has one in
 *            idle_pages it is in the heap's list of idle pages, in the order of becoming idle. If
 *            not it is clean: nothing was written to it since it came from the system, or went back.
 *            A large segment that is not in use is in the list of idle large ones.
 *   TABLE-1  Each segment and each record of a type is found in its table, which has no other entry.
 *            The vector of a table has no block that begins beyond twice what is in use.
 *
 * Generations
 *   GEN-1    heap->young_objects is the number of objects with a young state.
 *   GEN-2    Every page that holds a YOUNG object is in the heap's list of young pages.
 *   FROZEN-1 The containers of a frozen page are FROZEN, SAVED or DYING, so that no set has a member
 *            in it. Other pages have no FROZEN objects, except for mixed ones.
 *   FROZEN-2 A frozen segment has no page that is free, and none that is not frozen.
 *
 * The incremental collection ("cycle")
 *   CYCLE-1  During a cycle old objects have one of two states. Not yet marked: the one that is not
 *            heap->old; such an object may carry a scratch count. Marked, or promoted since the cycle
 *            began: heap->old. Between cycles every old object has heap->old.
 *   CYCLE-2  A GREY object is in a chain of its page, which is in a list of the cycle. The last of a
 *            chain has GCI_LINK_END. An object that dies in a chain keeps its place: it is DYING with
 *            a link, then GREY with GCI_REFS_DEAD, until the cycle takes it out of the chain. A page
 *            with chains has plain_refs 0, so that no death can overlook this.
 *   CYCLE-3  The page where a cycle stands, and that of the array which it marks, are in_hand, and its
 *            offset there is that of a slot, or beyond all of them. A page that is taken anew is not
 *            in hand any more: the cycle passes over it, since all in it is younger.
 *   CYCLE-4  During a cycle no segment is unmapped, except that of a large object whose page is not in
 *            hand, nor in the list of pages with suspects.
 *
 * The ending of garbage
 *   END-1    While an ending is under way its garbage is DOOMED, and nothing else is; but trivial
 *            garbage keeps the state that it had, and a scratch count. The pages where it is have
 *            in_ending: they stay in use, even when they are empty.
 *   END-2    While an ending is under way no collection starts. So next_in_set, members and marked of
 *            its pages keep their values.
 *
 * Walks
 *   WALK-1   While walks with numbers are under way, births go to pages that were taken during the
 *            innermost of them, or to the end of an older page. So walk n can tell what was born since
 *            it began: the page was taken in n or later, or its end before the first birth was noted.
 *
 * Weak references
 *   WEAK-1   OURO_REFS_WEAK is set in exactly the objects that have a list in the heap's weak table. A
 *            gc_weak is in its target's list, or it has no target.
 *   WEAK-2   In a list only the first may be without callback; so there is one such at most.
 *   WEAK-3   A gc_weak without target that still has its callback is due: it is in a ring, in a stack
 *            frame or in the heap. A watcher that still has its callback is in one of the heap's two
 *            lists of watchers.
 *   WEAK-4   The weak table has at most four buckets for each list in it, and three, beyond the first
 *            GCI_VECTOR_FIRST.
 */

#include "ouro.h"

enum {
    GCI_SEGMENT_SHIFT = UINTPTR_MAX > UINT32_MAX ? 22 : 20,
    GCI_PAGE_SHIFT = 16,
    GCI_PAGE_SIZE = 1 << GCI_PAGE_SHIFT,
    GCI_SEGMENT_PAGES = 1 << (GCI_SEGMENT_SHIFT - GCI_PAGE_SHIFT),
    /* Objects up to SMALL share pages; up to SPAN they have pages of a segment, beyond a segment
     * of their own. */
    GCI_SMALL_MAX = GCI_PAGE_SIZE / 4,
    GCI_SPAN_PAGES = GCI_SEGMENT_PAGES / 4,
    GCI_SLOT_MIN = 16, /* the header and a word to zero */
    GCI_ALIGN_MAX = 64,
    GCI_PATCH = 128,
    GCI_PATCH_WORDS = GCI_PAGE_SIZE / GCI_PATCH / 64,
    GCI_BLOCK_SIZE = 16384, /* what the page source is asked for is a multiple of this */
};
#define GCI_SEGMENT_SIZE ((size_t)1 << GCI_SEGMENT_SHIFT)

enum gci_state {
    GCI_FREE = 0,            /* no object; must be 0: a link to a free slot is its gc word */
    GCI_LEAF = OURO_GC_LEAF, /* of a type without references: in no set, ever */
    GCI_OLD_A = 2,  /* old; A and B change places at every full collection, so that what it */
    GCI_OLD_B = 3,  /* has marked is told from what it has not without a pass to reset marks */
    GCI_DYING = 4,  /* count zero: in the queue, or in one of its callbacks (then held by one) */
    GCI_DOOMED = 5, /* END-1: found unreachable, and ending */
    GCI_FROZEN = 6, /* set aside by gc_freeze: in no set */
    GCI_SAVED = 7,  /* garbage that is kept, held by a reference: in no set */

    GCI_YOUNG_SHIFT = 3, /* what GEN-1 counts has this bit */
    GCI_YOUNG = OURO_GC_YOUNG,
    GCI_DOOMED_YOUNG = 9, /* found unreachable by gc_unreachable, was YOUNG */
    GCI_SEEN_YOUNG = 10,  /* found reachable by gc_unreachable, was YOUNG; only inside the search */
    GCI_GREY = 11, /* old, marked by a cycle and not traced yet; counted as old all the same */
    GCI_PART = 12, /* in the part that a cycle examines, or trivial garbage of one; old */
    GCI_DOOMED_OLD = 13, /* found unreachable by gc_unreachable, was old; counted as young */
};
enum {
    GCI_STATE_MASK = 15,
    GCI_SCRATCH = 32, /* one in the scratch count, which has 27 bits */
    GCI_LINK_SHIFT = OURO_LINK_SHIFT,
    GCI_REFS_LINK_SHIFT = 4, /* where it is refs that hold a link */
};

/* The scratch count of a suspect that was in a part, and is alive. */
enum { GCI_PASSED = GCI_SCRATCH };

/* A link to a slot of the same page: its offset in eights, plus one; 0 ends the chain. Words that
 * hold one have it above others: the state, which is FREE in the chain of free slots, and the touched
 * bit; or the flags. */
#define GCI_LINK(offset)      ((uint16_t)((offset) / 8 + 1))
#define GCI_LINK_END          0xFFFFu /* ends a chain where 0 says that there is none */
#define GCI_LINK_OFFSET(link) (((size_t)(link)-1) * 8)

/* refs of a slot without a living object: neither an incref nor a decref comes out of it as a
 * count or as immortal. */
#define GCI_REFS_DEAD     0xA0000000u
#define GCI_REFS_FLAGS    15u
#define GCI_REFS_HELD     1u /* in one of its callbacks, so that no decref takes it for simple */
#define GCI_REFS_NONE     (0u - OURO_REFS_ONE) /* but for flags, of whose last reference was dropped */
#define GCI_IS_DEAD(refs) ((refs) >> 28 == GCI_REFS_DEAD >> 28)

/* Objects of one type and one size class. A type without a tail has class 0, those of a type
 * with one have the classes from 1 on; the last is for those larger than GCI_SMALL_MAX. */
enum { GCI_CLASS_BITS = 7, GCI_CLASS_LARGE = 73 };
enum { GCI_LEVELS = 4 }; /* of partial pages */

struct gci_record {
    uint64_t key;                          /* type << GCI_CLASS_BITS | class */
    const gc_type *type;                   /* NULL: this record is free */
    struct gci_page *current;              /* where objects are born; NULL: none yet */
    struct gci_page *partial[GCI_LEVELS];  /* PAGE-2; from level 1 on; lists by next and prev */
    struct gci_record *next;               /* of the heap's free records */
    size_t live, bytes;                    /* scratch of questions by type; 0 else */
    size_t pages, bytes_pages, slots_free; /* scratch likewise */
    struct {
        uint64_t objects, bytes;
    } earlier;     /* likewise: what the last answer was */
    uint32_t site; /* the last number given to an object of it, see gci_profile */
    gc_type seen;  /* the type as it was when the current page was taken */
};

/* What there is to do for the objects of a type beside their single references. A type without
 * duties is plain. */
enum gci_duty {
    GCI_DUTY_FINALIZE = 1,
    GCI_DUTY_CLEAR = 2,
    GCI_DUTY_DESTROY = 4,
    GCI_DUTY_TRAVERSE = 8,
    GCI_DUTY_ARRAYS = 16, /* tails and buffers of references */
    GCI_DUTY_LONG = 32,   /* which may be long */
};

/* A page holds objects of one type and one slot size. It is in several lists at once, each through a
 * link of its own: partial, emptied or idle pages (next, prev), young pages, the set that is examined or
 * ending, pages with dying objects, and in a cycle pages with grey objects and pages with suspects.
 * Objects of a page are chained by links of 16 bits, see GCI_LINK. */
struct gci_page {
    /* First cache line: birth and death. */
    union {
        struct ouro_page known; /* to inline code, which knows no more */
        struct {
            OURO_PAGE_FIELDS;
        };
    };
    uint32_t
        plain_refs; /* refs of an object that can end at once, if its last reference was dropped:
                          * GCI_REFS_NONE; 0: objects here cannot. See duties, near */
    uint32_t near_mask; /* mask for the near references: all ones, or 0 if there are none */
    size_t slot_size;
    gc_heap *heap;

    /* Second: tracing. */
    const gc_field *fields; /* of type->refs */
    uint16_t field_count;
    uint16_t dying;   /* link: the queue of dying objects, chained through refs */
    uint16_t members; /* objects in the set that is examined */
    uint16_t marked;  /* those of them found alive */
    union {
        uint16_t grey; /* link: marked and not traced yet, chained through the scratch counts */
        uint16_t dead; /* link: for end_plain of death.c alone, in which nothing is traced */
    };
    uint8_t duties;            /* GCI_DUTY_... of the type */
    uint8_t span;              /* pages of the segment it takes; 0: the segment is all its own */
    bool young : 1;            /* in the heap's list of young pages */
    bool aged : 1;             /* in it, and holds no YOUNG object: a promotion came by */
    bool emptied : 1;          /* in the heap's list of emptied pages */
    bool is_near : 1;          /* trivial objects of at most two references */
    bool in_suspect_pages : 1; /* in the cycle's list, which it leaves at the cycle's end */
    bool frozen : 1;           /* FROZEN-1; until a birth, or until one in it is old again */
    bool chained : 1;          /* CYCLE-2: holds GREY objects, or such that died as such */
    bool mixed : 1;            /* is not frozen, but may hold FROZEN objects beside others */
    uint8_t level;             /* of the list of partial pages that it is in; 0: in none */
    uint16_t first;            /* offset of the first slot */
    union {
        struct gci_page *next_grey, *next_dead;
        uint64_t idle_since_ns; /* when its last object was gone */
    };
    struct gci_page *next_in_set;
    struct gci_page *next_young;
    struct gci_page *next_dying;
    struct gci_record *record; /* NULL: the page is not in use */

    /* Third: changes of use. */
    struct gci_page *next, *prev; /* partial, emptied, idle */
    union {                       /* see gci_profile */
        uint32_t *sites;          /* numbers, one for every GCI_SLOT_MIN bytes; or NULL */
        uint32_t site;            /* of the object that is alone in its page; or 0 */
    } profile;
    struct gci_page *next_waiting, *next_chain, *next_suspect;
    uint16_t waiting;  /* link: the backlog, chained through refs */
    uint16_t chain;    /* link: GREY objects; 0: there are none, or all are in a lane */
    uint16_t counted;  /* members that this round of the cycle has counted */
    uint16_t found;    /* those of them that it has marked */
    uint16_t suspects; /* members that the last sweep has found unmarked */
    uint16_t zombies;  /* slots of dead objects that are still in a chain */
    int16_t notice;    /* when so many objects are left gci_page_noticed() moves the page to another
                         * list (PAGE-2); or GCI_NOTICE_NEVER */
    bool in_hand : 1;  /* CYCLE-3 */
    bool in_part : 1;  /* holds members of the part that is being gathered */
    bool in_ending : 1; /* END-1 */
    uint8_t
        sorted; /* speed only: low bits of the number of objects when the free list was sorted */
    /* Where the members of a sparse set are: a bit for each GCI_PATCH bytes in which some of their
     * slots begin. */
    uint64_t patches[GCI_PATCH_WORDS];
};
enum { GCI_NOTICE_NEVER = -1 };

/* A walk over the objects of a heap. Where user code runs between two of them it has a number, and does
 * not visit what is born meanwhile (WALK-1). */
struct gci_walk {
    struct gci_page *page;
    size_t offset;          /* of the next slot */
    size_t end;             /* of the slots of the page that it visits */
    uint32_t number;        /* from 1 on; 0: no user code runs */
    struct gci_walk *outer; /* the one under way that called for it */
};

/* Which slots of a page are younger than walks that are under way. */
struct gci_births {
    uint32_t taken_in; /* number of the innermost walk when the page was taken; 0: there was none */
    uint32_t noted_in; /* and when `end` was noted: the page's end before the first birth in it */
    uint32_t end;
};

struct gci_segment {
    gc_heap *heap;
    size_t size;         /* mapped: GCI_SEGMENT_SIZE, or what its one large object needs */
    uint64_t free_pages; /* a bit each, as below */
    uint64_t idle_pages; /* PAGE-3 */
    /* All memory of these is there, in use or idle; when it is so of all, huge pages cost none. */
    uint64_t filled_pages;
    enum gci_huge {
        GCI_HUGE_AS_SYSTEM = 0,
        GCI_HUGE_WANTED,
        GCI_HUGE_REFUSED,
    } huge;                                      /* what the system was told */
    bool frozen;                                 /* FROZEN-2: gc_freeze passes over it */
    struct gci_segment *next, *prev;             /* all of the heap, in the order they came */
    struct gci_segment *next_free, *prev_free;   /* those with free pages */
    void *room[6];                               /* pages[] begins on a cache line of its own */
    struct gci_births births[GCI_SEGMENT_PAGES]; /* of the pages */
    /* A segment of one large object has pages[0] only. */
    struct gci_page pages[GCI_SEGMENT_PAGES];
    /* Loads wait for earlier stores with the same low twelve bits of the address. The first slot of
     * the first page, the hottest of a small heap, is not to be such with its page's own line. */
    char gap[GCI_ALIGN_MAX];
};

/* A list of pages by next and prev, the first has been in it for the longest time. */
struct gci_idle {
    struct gci_page *first, *last;
};

/* A block of records; more follow when it is full. */
struct gci_records {
    struct gci_records *next;
    size_t used;
    struct gci_record records[(GCI_BLOCK_SIZE - 16) / sizeof(struct gci_record)];
};

/* An array that grows and shrinks without moving: the first block has GCI_VECTOR_FIRST items, each
 * further one as many as all before it. */
enum { GCI_VECTOR_FIRST = 512, GCI_VECTOR_BLOCKS = 32 };
struct gci_vector {
    void *blocks[GCI_VECTOR_BLOCKS];
};

/* A linear hash, which grows and shrinks by one bucket at a time. Item i of the vector is both the
 * head of bucket i and, below `used`, an entry, of whatever bucket. There are as many buckets as
 * entries, but GCI_VECTOR_FIRST at least. Links are the number of an entry plus one; 0 ends a
 * chain. */
struct gci_entry {
    _Alignas(8) uint64_t key; /* on i386, too: one size everywhere */
    void *value;
    uint32_t next;  /* of the entry: the next in its bucket */
    uint32_t first; /* of the bucket */
};
struct gci_table {
    struct gci_vector items;  /* struct gci_entry */
    const uint64_t *hash_key; /* the heap's */
    size_t used;
};

/* A weak reference. Those without callback are leaves; the others are containers that refer to
 * nothing, for the collector has to know whether they are garbage themselves. */
struct gc_weak {
    gc_object object;
    gc_object *target; /* not counted; NULL: it is dead */
    gc_weak *next;     /* an older one to the same target; or the next that is due */
    gc_weak *prev;     /* the one before. Of the first: that of another target in its bucket */
};
struct gci_weak_call {
    gc_weak weak;
    gc_weak_fn callback; /* NULL: it was called, or never will be */
    void *arg;
    struct gci_weak_call *older;  /* the watcher registered before it */
    struct gci_weak_call **place; /* what points to it in the list of watchers; NULL: no watcher */
};

/* From objects to their weak references: a linear hash, which grows and shrinks by one bucket at a
 * time (WEAK-4). */
struct gci_weak_table {
    struct gci_vector heads; /* gc_weak *, of a bucket */
    size_t buckets;          /* in use; 0, or GCI_VECTOR_FIRST at least */
    size_t count;            /* objects that have a list */
};

/* A set of containers to examine, by state (members), on a chain of pages. Each member state has
 * a nibble: what becomes of the state when the object is found alive, and when it is not. 0: not
 * a member. */
struct gci_set {
    uint64_t alive;
    uint64_t garbage;
    uint32_t members;       /* a bit for each state that has nibbles */
    struct gci_page *pages; /* by next_in_set; after the search those with garbage */
    size_t alive_count;
    size_t garbage_count;
    bool finalizers; /* some garbage has a finalizer still to run */
    bool weak;       /* some garbage has weak references to it */
    bool plain;      /* all garbage is plain: it keeps its state, and is freed at once */
    bool closed;     /* surely no garbage refers to what is none */
    bool look;       /* asked for: condemn the plain too, somebody is to see them */
    bool small;      /* asked for: it fits the cache */
    bool sparse;     /* asked for: the members are in patches of their pages */
    bool passed;     /* asked for: who is found alive gets a scratch count of 1 */
    bool keeps;      /* asked for: who is found alive is SEEN_YOUNG */
    bool spares;     /* asked for: objects with very long arrays are alive, unseen */
};
#define GCI_NIBBLE(state, becomes) ((uint64_t)(becomes) << 4 * (state))
#define GCI_BECOMES(nibbles, word) ((uint32_t)((nibbles) >> 4 * ((word)&GCI_STATE_MASK)) & 15u)

/* Who made an object. */
struct gci_caller {
    const char *where;    /* "file.c:12" */
    void *return_address; /* in the caller of ouro; NULL: not known */
};

/* News for higher floors, from object.c and collect.c. */
struct gci_hooks {
    void (*alarm)(gc_heap *heap);            /* a threshold is passed, or nearly */
    bool (*shortage)(gc_heap *heap);         /* memory or limit is short; true: try again */
    void (*owe)(gc_heap *heap, size_t size); /* a slow birth, if destruction is bounded */
    void (*born)(gc_heap *heap, gc_object *self,
                 const struct gci_caller *caller); /* profile is on */
    void (*stop_profile)(gc_heap *heap);           /* the heap ends, with its profile on */
    void (*trim_profile)(gc_heap *heap);           /* memory is to go back, and it is on */
    bool (*starts)(gc_heap *heap, const gc_collection *collection); /* may it? NULL: it may */
    void (*stops)(gc_heap *heap, const gc_collection *collection);  /* NULL: nobody asks */
};

/* One place in the program that allocates: the unit in which the profiler counts. */
struct gci_site {
    uint64_t count; /* on record now */
    uint64_t bytes; /* the same, where size is 0 */
    size_t size;    /* of each; 0: they differ */
    const char *where;
    const gc_type *type; /* NULL: a tracked buffer */
    unsigned domain;
    size_t frame_count;
    void *frames[]; /* as many as the profile asks for */
};

enum {
    GCI_RECENT_SITES = 256,
    GCI_SITES_SIZE = GCI_PAGE_SIZE / GCI_SLOT_MIN * 4, /* of the array of a page, in bytes */
};

/* The profiler, while it is on. Sites have numbers, their places in words; 0 is none. An object's
 * site stands in an array of its page, made when the page has its first object on record. The
 * latest of each record is at hand: the next birth is likely to be at the same line. */
struct gci_profile {
    struct ouro_page *pages[OURO_PLACES]; /* in place of the heap's */
    uint32_t recent[GCI_RECENT_SITES];    /* sites of one frame */
    uint64_t *sites;
    uint32_t site_size;           /* in words */
    uint32_t site_end, site_room; /* words used, and there; number 0 is not used */
    uint32_t free_site;          /* below them: a list by `bytes`, of sites without `where`; or 0 */
    bool swept;                  /* numbers of dead objects may be of other sites, or none */
    struct gci_table site_table; /* by hash, or an odd number above it */
    struct gci_table buffer_sites; /* tracked buffers by address: site */
    struct gci_table buffer_sizes; /* and size */
    unsigned frames;
    size_t bytes_arrays;
    uint64_t bytes, bytes_peak, dropped;
};

/* The ending of garbage: see ending.c. The steps are in the order in which they happen. */
enum gci_ending_step {
    GCI_END_NONE = 0,       /* no ending is under way */
    GCI_END_WEAK_CALLBACKS, /* weak references with callbacks are cleared, and called */
    GCI_END_FINALIZE,       /* every finalizer runs, before anything is cleared */
    GCI_END_RESCUE,         /* what callbacks and finalizers made reachable leaves the set */
    GCI_END_WEAK_ALL,       /* all other weak references are cleared: past rescue from here on */
    GCI_END_CLEAR,          /* reference cycles break, and objects die by count */
    GCI_END_RELEASE,        /* what still lives is uncollectable: old again */
    GCI_END_SAVE,           /* in place of the last three: kept, for GC_DEBUG_SAVE_ALL */
    GCI_END_DROP,           /* trivial garbage drops its references to what is not garbage */
    GCI_END_FREE,           /* and its slots are freed */
};

/* Slots from one offset in a page to another. */
struct gci_run {
    size_t from, end;
};

/* A place in a set. */
struct gci_cursor {
    struct gci_page *page;
    struct gci_run run; /* what is left of it */
};

struct gci_ending {
    enum gci_ending_step step;
    struct gci_set set;
    struct gci_cursor at; /* how far the step has come */
    bool user_code_ran;   /* since the last search, or it will: there has to be another */
    bool is_second_rescue;
    gc_collection *report; /* where the numbers below go in the end */
    size_t freed;          /* what was found; less the others it is what was collected */
    size_t resurrected, uncollectable, saved;
};

/* A collection of the old in slices, see cycle.c. */
enum gci_phase {
    GCI_PHASE_NONE = 0, /* no cycle is under way */
    GCI_PHASE_PROMOTE,
    GCI_PHASE_COUNT,
    GCI_PHASE_MARK,
    GCI_PHASE_SWEEP,
    GCI_PHASE_PARTS,
    GCI_PHASE_DONE, /* all garbage was found, and the last of it may be ending */
};
enum { GCI_LANES = 16 };

/* A place among the arrays of an object: an item of one of its fields. Both 0: at the first. */
struct gci_array_place {
    size_t field, item;
};

/* Where counting or marking is among long arrays. `page` and `offset` are those of the object that is
 * being marked; page NULL: none is. An object that is being counted is where the cycle stands. */
struct gci_array_cursor {
    struct gci_page *page;
    size_t offset;
    struct gci_array_place at;
};

struct gci_cycle {
    enum gci_phase phase;
    gc_collection report;  /* for the hooks */
    bool only_promotes;    /* the first phase is all of it */
    bool of_suspects;      /* a later phase, over the pages with suspects only */
    bool owes_stop;        /* its start hooks were called, its stop hooks not yet */
    bool trusts_touched;   /* what was touched is marked */
    struct gci_page *page; /* where the phase is: at the slot at `offset`, */
    size_t offset;
    size_t end; /* of the page's slots when the phase came; what is born behind it is young */
    struct gci_array_cursor array;
    struct gci_page *suspect_pages;
    size_t suspects, suspects_before;
    size_t part_max; /* members of a part; SIZE_MAX: it is of all suspects; 0: there was none yet */
    size_t examined;
    struct gci_page *chains; /* pages with GREY objects */
    struct {
        struct gci_page *page;
        uint32_t link;
    } lanes[GCI_LANES]; /* chains that are being traced */
    unsigned lane_count;
    uint64_t number;
};

/* What pacing.c knows of the past; it alone writes here. Bytes are live and external ones; "own" are
 * those beyond the frozen. */
struct gci_pacing {
    size_t frozen;        /* those that were there at gc_freeze, or less: in use since */
    size_t alive;         /* own: found alive by the last full collection, or less: in use since */
    size_t high;          /* the same without the "or less" */
    size_t at_collection; /* in use when the last collection ended */
    size_t put_off;       /* own when the last full collection came to nothing, or less since; 0 */
    size_t weight;        /* references visited for an object in the last collection at once */
    unsigned barren;      /* collections of the young that were for nothing, in a row */
    unsigned looks;       /* then they are left alone for longer and longer times, */
    bool look_next;       /* after each of which they are collected once */
    bool barren_full;     /* the last full collection by itself was for nothing */
    unsigned early;       /* of those below `high` that were so, in a row */
    unsigned shortages;   /* full collections for shortage that were so, in a row */
    unsigned skips;       /* of shortages since the last one */
    /* A cycle, or a promotion alone. */
    size_t begun;         /* own when it began, or one before it that came to no end; 0: none */
    size_t size;          /* own when its objects were known */
    size_t room;          /* so much may be born before it ends */
    size_t freed;         /* by its slices */
    size_t after_slice;   /* own then, or less since */
    size_t looked;        /* the same when the clock was last looked at */
    uint64_t ran_ns;      /* all its slices */
    double ns_per_byte;   /* that full collections took, of `size`; 0: there was none */
    uint64_t late_slices; /* ever: that came before the program had its rest */
    uint64_t pause_end_ns, pause_ns; /* when the last pause ended, and how long it was */
    uint64_t rest_ns; /* how long the program was then to run before the next slice */
};

/* Pauses of one phase, counted by length: a bucket for each of the first eight units, then four an
 * octave. The last has all that are longer. */
enum { GCI_PAUSE_SHIFT = 10, GCI_PAUSE_BUCKETS = 88 }; /* of nanoseconds: microseconds to seconds */
struct gci_pauses {
    uint64_t ns_total, ns_max;
    uint64_t counts[GCI_PAUSE_BUCKETS];
};

struct gc_heap {
    /* Birth and death. `pages` is where births look first: current pages by type and size class, or no_page
     * where a place is empty; it is emptied when young pages change. The counts are GEN-1 and BYTES-1. */
    union {
        struct ouro_heap known; /* to inline code, which knows no more */
        struct {
            OURO_HEAP_FIELDS;
        };
    };
    size_t bytes_live_peak; /* brought up to date when bytes_live is about to shrink */
    uint64_t objects_died;
    struct gci_page *dying_pages;
    struct gci_page no_page;  /* all zero: of no type, with no free slot */
    size_t backlog_count;     /* of those objects */
    struct gci_page *backlog; /* pages with dead objects that wait for their end, by next_waiting */
    gc_object *emptying;      /* it has arrays that are emptied in slices; or NULL */
    size_t emptied;           /* so many items of its tail are */
    size_t owed;          /* bytes born while there is a backlog, and not paid for by its end yet */
    void *frame;          /* of the outermost function under way that runs user code; or NULL */
    const int *thread;    /* and the address of errno there, which tells threads apart */
    const char *callback; /* what runs now: "finalize"; or NULL */
    const gc_type *callback_type; /* of the object it is about; or NULL */
    struct gci_walk *walk; /* the innermost of those with a number; NULL: none is under way */
    /* The garbage that is ending is past rescue: nobody gets a reference to it any more. Callbacks
     * wait in the ring `held_back` until it is gone. */
    bool past_rescue;
    gc_weak held_back;
    unsigned weak_calls; /* callbacks of weak references under way */
    bool draining;       /* somebody further up the stack empties the queue of the dying */
    bool slicing;        /* a slice is under way: what dies of it joins the backlog */
    bool
        in_cycle; /* a cycle is under way: segments stay (CYCLE-4), and slow births go on with it */
    bool closing; /* no births any more */
    bool enabled;
    unsigned busy;       /* collections and searches under way: no collection starts */
    unsigned pinned;     /* walks under way: no page leaves, none is used for something else */
    uint32_t walk_count; /* the last number given to a walk */
    uint8_t old;         /* GCI_OLD_A or GCI_OLD_B, whichever the old are in now */
    bool few_live_on;    /* of the latest young that were collected */
    bool deferring;      /* somebody further up the stack ends some of the backlog: see end_some */

    /* Pages. */
    struct gci_page *young_pages;
    struct gci_page *emptied_pages;
    struct gci_segment *segments, *last_segment;
    struct gci_segment *free_segments; /* with free pages */
    struct gci_idle idle_pages;        /* PAGE-3 */
    struct gci_idle idle_large;        /* of large segments the only page */
    size_t idle_large_bytes;           /* of these segments */
    uint64_t purge_end_ns;             /* when a birth waited for a purge */
    struct gci_table segment_table;    /* by address >> GCI_SEGMENT_SHIFT */
    struct gci_table record_table;     /* by key */
    struct gci_records *records;
    struct gci_record *free_records;
    size_t segment_count, empty_segments;
    size_t bytes_reserved;

    /* Collecting. */
    struct gci_cycle cycle;
    struct gci_ending ending;
    struct gci_page *grey_pages;
    size_t bytes_external;
    struct gci_pacing pacing;
    size_t bytes_low;        /* live: with less than that the alarm rings at a slow birth */
    size_t visited;          /* references, since the last collection at once began; about */
    size_t unstressed;       /* births since the last collection for config.stress */
    uint64_t slice_end_ns;   /* while slicing: when time is up */
    uint64_t drain_start_ns; /* when the drain under way turned out to be long; 0: it has not */
    unsigned debug;          /* GC_DEBUG_... */
    gc_hook *first_hook;     /* of the program's, the one added last */
    gc_hook *next_hook;      /* while they are called: the one after that */
    struct gci_hooks hooks;
    struct gci_profile *profile; /* NULL: off */

    struct gci_weak_table weak_table;
    gc_weak due; /* the ring of weak references whose callbacks an ending or a slice will call */
    struct gci_weak_call *watchers;      /* the latest first; the heap owns a reference to each */
    struct gci_weak_call *last_watchers; /* those that are being called at the end of the heap */

    gc_status last_error;
    gc_config config;
    gc_generation_stats generations[2]; /* but for what stats.c knows from elsewhere */
    struct gci_pauses pauses[GC_PHASES];
    uint64_t finalized;
    uint64_t died_by_count; /* as the statistics last said */
};

static_assert(sizeof(gc_object) == 8, "the header is the promise");
static_assert((int)GCI_REFS_FLAGS == (int)OURO_REFS_ONE - 1, "flags stay below the count");
static_assert(sizeof(void *) != 8 || sizeof(struct gci_page) == 256, "four cache lines");
static_assert(sizeof(void *) != 8 || offsetof(struct gci_page, fields) == 64, "one is for births");
static_assert(sizeof(void *) != 8 || offsetof(struct gci_segment, pages) % 64 == 0,
              "pages are on cache lines");
static_assert(GCI_PAGE_SIZE / 8 < UINT16_MAX, "links and numbers of slots have 16 bits");
static_assert(GCI_SEGMENT_PAGES <= 64, "free_pages has a bit for each");
static_assert(sizeof(struct gci_records) <= GCI_BLOCK_SIZE, "a block of records is one block");

#endif
