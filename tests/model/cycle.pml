/* SPDX-License-Identifier: MIT */

/* A model of incremental collection, for Spin, which tries everything that can happen in it: the
 * cycle of src/cycle.c and src/parts.c finds garbage, and endings of src/ending.c and src/sweep.c
 * end it.
 *
 * The world is three slots, and a program that holds up to HELD references outside of objects.
 * Each step is one of the collector, or one of the program, which
 *
 *   - takes a reference to an object, through a weak one if need be;
 *   - drops one;
 *   - moves one between its hand and a field, no count changing;
 *   - gives birth in a free slot;
 *   - continues a death;
 *   - collects the young.
 *
 * All that a program does is made of these: overwriting a field, say, is to move out what is
 * there, drop that, and move in something else. The collector is at one of three things:
 *
 *   Cycle      PROMOTE, COUNT, MARK, SWEEP, slot by slot. What is left in S is suspect.
 *   Parts      Any part of the suspects is examined, then any other one; at any time the last
 *              part, which is all of them. Each is examined in one step.
 *   Ending     Garbage of a part ends, one part at a time, while the cycle rests: FINALIZE, CLEAR
 *              and RELEASE; or DROP and FREE_SLOTS, if it is trivial. The program runs after each
 *              object.
 *
 * After each step settle() inspects the whole world:
 *
 *   Safe       Each count is the number of references that there are, so nothing refers to a free
 *              slot. The program cannot reach what is past rescue.
 *   Complete   What was garbage when the cycle began is freed when it ends, and what was doomed
 *              is freed even if the cycle is abandoned, but for what the program has reached
 *              meanwhile, which takes a weak reference.
 *   Tidy       In the end no slot is in a chain, no scratch count is left, nothing is in S,
 *              nothing is doomed. Nothing is uncollectable.
 *
 * A run goes from the start of a cycle, of a round or of parts to its end, and starts with every
 * heap there can be. What one of them leaves to the next is verified to be one of those, and left
 * there: so all this is about any number of cycles, of rounds and of passes over parts.
 *
 * What is not as in C, and why that is fair:
 *
 *   Slices     They may end after each object; there, after a number of slots. Tracing an object
 *              and counting or marking what it refers to is one step, for a slice empties the
 *              queue.
 *   Pages      The chains are those of one page: other pages are other chains. But each slot is a
 *              page of its own for the list of those with suspects, so that what is not listed is
 *              not inspected. Not in the model: Sweep passes over pages without suspects; a page
 *              may get another type while the cycle stands in its middle; in_ending keeps pages
 *              in use.
 *   Parts      Any suspects are a part, not only what the first of them reach, and one may be in
 *              several parts, as it is when larger ones are tried.
 *   Death      All that die wait in a queue, and what the program does before they go on may be
 *              their finalizers, any number of times. To end at once is one of those orders. Only
 *              garbage that died by CLEAR is told from them: its finalizer has run, and RELEASE
 *              waits for it, as it is in the backlog. Clearing an object runs no user code.
 *   FINALIZE   stands for WEAK_CALLBACKS and RESCUE as well: user code may take a reference to
 *              what is doomed in all of them, and everything else the program may do at any time.
 *              Who takes one is not told: the ending's callbacks, others, or the program itself,
 *              which in C may not. It is noted only that it happened, where C notes that it might
 *              have; but another search is always possible.
 *   WEAK_ALL   has no effect of its own: a weak reference is refused from then on, cleared or
 *              not.
 *   Young      Garbage among the young ends in one step. Its ending is not interrupted by slices,
 *              and what user code does in it may be done before or afterwards. It is trivial or
 *              not, that makes no difference for the cycle.
 *   States     Leaves, frozen and saved objects are in no set, as what is OLD. An immortal one
 *              has a reference that the program never drops.
 *   Callbacks  Any object may be a weak reference whose target has just died: its callback may
 *              take a reference to its owner, though nobody else can. Before the owner is past
 *              rescue the program takes it anyway; from then on callbacks are held back, those
 *              that were queued earlier as well.
 *   Touched    The bit is set only where somebody will look at it, for fewer states. Those cycles
 *              that do not trust it are the model without, NO_TOUCHED; there a weak reference
 *              that is taken and dropped between two slices leaves no trace, so it keeps no
 *              garbage.
 *   Sizes      One reference an object is enough for rings with and without a tail and for
 *              objects that are referred to by several; for a ring that owns something more one
 *              has two: UNEVEN. With FIELDS=4 the first has two and the others one, which takes
 *              minutes and 2 GB.
 *
 * check.sh has it verified as it is, and broken in each of the ways below, which has to be
 * noticed. A model with a broken cycle does not start with parts, and one with broken parts or
 * endings starts with nothing else, for fewer states. */

#ifndef FIELDS
#define FIELDS 3 /* of all objects together */
#endif
#ifndef HELD
#define HELD 2
#endif
#ifndef BROKEN
#define BROKEN AS_IS
#endif

#define AS_IS               0
/* These are safe and complete all the same. */
#define NO_TOUCHED          1 /* marking goes by the counts alone: there are more suspects */
#define UNEVEN             28 /* as it is; but the first object has two fields, the last none */
/* These are not. The cycle: */
#define STALE_COUNTS        2 /* Sweep leaves the scratch counts of the round */
#define LEAVES_TOUCHED      3 /* Count does not reset the bit */
#define FREES_GREY          4 /* an object that dies in a chain leaves its slot at once */
#define DYING_LEAVES_CHAIN  5 /* it loses its link when its count reaches zero */
#define RISEN_LEAVES_CHAIN  6 /* or when its finalizer has brought it back */
#define TRACES_DYING        7 /* the cycle takes an object that dies in a chain for alive */
#define ABANDONS_DEAD       8 /* an abandoned cycle forgets the slots that stayed in chains */
#define DYING_KEEPS_COUNT   9 /* an object that dies in S keeps its scratch count */
#define BORN_WITH_COUNT    10 /* there is one in the slot where an object is born */
#define BORN_IN_S          11 /* an object that is born in the cycle is in S */
#define PROMOTED_INTO_S    12 /* so is one that survives a collection of the young */
/* Parts: */
#define PART_IS_GARBAGE    13 /* all members of a part are garbage */
#define SLICED_PART        14 /* the program runs between counting and marking */
#define PART_OF_ALL        15 /* references from other suspects count as inside the part */
#define PASSED_ARE_OLD     16 /* members that are alive are not looked at again */
/* Endings: */
#define NO_RESCUE          17 /* what user code has made reachable is cleared all the same */
#define TAKES_UNNOTED      18 /* or it is not known that user code could: no search is made */
#define LATE_PAST_RESCUE   19 /* user code runs between the search and past_rescue */
#define UPGRADES_LOST      20 /* weak references lead to garbage that is past rescue */
#define CALLS_PAST_RESCUE  21 /* callbacks are not held back, or not if queued before */
#define CALLS_BEFORE_DROP  22 /* of trivial garbage: until it has dropped its first reference */
#define RELEASES_EARLY     23 /* the last step does not wait for the backlog */
#define FREES_EARLY        24 /* trivial garbage leaves its slot as soon as it has dropped */
#define YOUNG_IN_ENDING    25 /* a collection of the young starts, and uses the pages' set again */
#define ABANDONS_DOOMED    26 /* an abandoned cycle returns the doomed to the old */
#define ABANDONS_TRIVIAL   27 /* it leaves trivial garbage as it is, in the middle of its ending */

#define OBJECTS  3
#define ALL      7
#define BIT(o)   (1 << (o))
#define NIL      OBJECTS
#define DANGLING (OBJECTS + 1) /* dropped, but not reset: to be looked at by nobody */

/* Where a ring of garbage has to own something more. */
#define IS_UNEVEN                                                                                  \
    (BROKEN == UNEVEN || BROKEN == CALLS_PAST_RESCUE || BROKEN == CALLS_BEFORE_DROP ||             \
     BROKEN == ABANDONS_TRIVIAL)
#define OWNER(f) (IS_UNEVEN && (f) == 2 -> 0 : (f) % OBJECTS) /* the object that has the field */

/* States of a slot, those of layout.h. */
#define FREE   0
#define YOUNG  1
#define OLD    2 /* heap->old: old, but not or no longer in S */
#define IN_S   3
#define GREY   4 /* with a count of 0: dead, and in a chain */
#define DYING  5
#define DOOMED 6
#define PART   7 /* in the part that is examined in this step, or trivial garbage of one */
#define WAITS  8 /* DYING in C: cleared, and in the backlog; its finalizer has run */
#define GONE   9 /* young garbage, which ends in this step */

/* Phases of the cycle. */
#define PROMOTE 0
#define COUNT   1
#define MARK    2
#define SWEEP   3
#define PARTS   4 /* any parts of the suspects, in any order; and at any time the last part */
#define DONE    5 /* or abandoned; an ending may go on */

/* Steps of the ending. */
#define NONE       0
#define FINALIZE   1 /* all steps up to RESCUE: user code runs, and may do the same in each */
#define WEAK_ALL   2 /* in LATE_PAST_RESCUE only: else no user code runs before CLEAR */
#define CLEAR      3 /* object by object; then RELEASE */
#define DROP       4 /* of trivial garbage, object by object: references to other objects */
#define FREE_SLOTS 5 /* then its slots */

#define IS_TRIVIAL(o) (step >= DROP && (state[o] == PART || last && state[o] == IN_S))

/* Past rescue. */
#define IS_LOST(o) (state[o] == WAITS || state[o] == DOOMED && step >= CLEAR || IS_TRIVIAL(o))

/* The gc word above the state: a scratch count, or a link. */
#define LINK(o)  ((o) + 1)
#define LINK_END 15

byte state[OBJECTS];
byte count[OBJECTS];
byte word[OBJECTS];
byte field[FIELDS];
byte held[OBJECTS]; /* references that the program holds outside of objects */
byte holds;         /* their sum */
byte phase, step;
byte at;            /* the slot where the step of the ending stands, or else the phase */
byte chain, lane;   /* links to what is grey: the chain, and the one that is being traced */

/* Sets of objects, a bit each. */
byte touched;
byte suspects; /* the list that Sweep makes */
byte within;   /* the program, or a finalizer, can reach it */
byte garbage;  /* since the cycle began, or doomed */

bool last; /* trivial garbage of the last part is ending, which has the state IN_S */
bool ran;  /* user code took a reference to what is doomed, since the last search */

/* For use inside a step; 0 between steps. */
byte i, j, child, set;

/* Add to a set what it refers to. */
inline close(objects)
{
    for (j : 2 .. OBJECTS) {
        for (i : 0 .. FIELDS - 1) {
            if
            :: field[i] != NIL && (objects & BIT(OWNER(i))) -> objects = objects | BIT(field[i])
            :: else
            fi
        }
    }
}

inline find_within()
{
    within = 0;
    for (i : 0 .. OBJECTS - 1) {
        within = within | (held[i] > 0 || state[i] == DYING -> BIT(i) : 0)
    }
    close(within)
}

/* Show the world, where Spin shows the way to an error. */
inline print_world()
{
    printf("phase %d step %d at %d  chain %d lane %d  touched %d suspects %d garbage %d ran %d\n",
           phase, step, at, chain, lane, touched, suspects, garbage, ran);
    for (i : 0 .. OBJECTS - 1) {
        printf("    %d: state %d count %d word %d held %d refers to %d\n", i, state[i], count[i],
               word[i], held[i], field[i])
    }
}

/* Verify what holds after each step. */
inline settle()
{
    print_world();
    find_within();
    garbage = garbage & ~within;
    for (i : 0 .. OBJECTS - 1) {
        child = held[i];
        for (j : 0 .. FIELDS - 1) {
            child = child + (field[j] == i && !(step == FREE_SLOTS && IS_TRIVIAL(OWNER(j))))
        }
        assert(child == count[i] || step == FREE_SLOTS && IS_TRIVIAL(i));
        assert(count[i] > 0 || state[i] == FREE || state[i] == GREY || state[i] == DYING ||
               state[i] == WAITS);
        assert(count[i] == 0 || state[i] != FREE);
        assert(step != NONE || state[i] != DOOMED && (state[i] != PART || BROKEN == SLICED_PART));
        assert(!IS_LOST(i) || !(within & BIT(i)));
        garbage = garbage & ~(state[i] == FREE -> BIT(i) : 0);
        suspects = suspects & ~(phase == PARTS && state[i] != IN_S && state[i] != PART -> BIT(i) :
                                                                                         0);
        /* An ending passes over what is not its garbage, and nothing becomes that. */
        at = at + (at == i && (step == CLEAR && state[i] != DOOMED ||
                               step >= DROP && !IS_TRIVIAL(i)))
    }
    /* Only what Count has come by, and Mark has not. */
    touched = touched & (phase == COUNT -> BIT(at) - 1 : ALL & ~(BIT(at) - 1));
    touched = (phase == COUNT || phase == MARK -> touched : 0);
    i = 0;
    j = 0;
    child = 0;
    set = 0
}

/* Counting and death. */

inline let_go(o) /* gc_decref */
{
    if
    :: state[o] == DYING -> count[o]--
    :: state[o] != DYING && count[o] > 1 ->
       count[o]--;
       touched = touched | (state[o] == IN_S && BROKEN != NO_TOUCHED -> BIT(o) : 0)
    :: else -> /* turn_dying */
       count[o] = 0;
       touched = touched & ~BIT(o);
       word[o] = (state[o] == GREY && BROKEN != DYING_LEAVES_CHAIN ||
                  BROKEN == DYING_KEEPS_COUNT -> word[o] : 0);
       state[o] = (state[o] == DOOMED && step >= CLEAR -> WAITS : DYING)
    fi
}

inline drop_fields(o)
{
    for (j : 0 .. FIELDS - 1) {
        if
        :: OWNER(j) == o && field[j] != NIL ->
           child = field[j];
           field[j] = NIL;
           let_go(child)
        :: else
        fi
    }
}

inline leave_slot(o)
{
    state[o] = FREE;
    word[o] = (BROKEN == BORN_WITH_COUNT -> 1 : 0)
}

/* A death goes on: the finalizer has run, or there is none. */
inline end(o)
{
    if
    :: count[o] > 0 -> /* resurrect */
       state[o] = (word[o] == 0 || BROKEN == RISEN_LEAVES_CHAIN -> OLD : GREY);
       word[o] = (state[o] == OLD -> 0 : word[o])
    :: else ->
       drop_fields(o);
       if
       :: word[o] != 0 && BROKEN != FREES_GREY -> state[o] = GREY /* stay_in_chain */
       :: else -> leave_slot(o)
       fi
    fi
}

/* The set algorithm, as in trace.c: S is what has the state `from` and is on the list. */

inline count_inside(from, list)
{
    for (i : 0 .. FIELDS - 1) {
        if
        :: field[i] != NIL && state[OWNER(i)] == from && (list & BIT(OWNER(i))) &&
           state[field[i]] == from -> word[field[i]]++
        :: else
        fi
    }
}

/* The rest of it, unless everything is taken for garbage. What is garbage gets a state, and is the
 * set afterwards. */
inline condemn_rest(from, list, alive, becomes, exact)
{
    set = 0;
    for (i : 0 .. OBJECTS - 1) {
        if
        :: state[i] == from && (list & BIT(i)) && word[i] != count[i] && exact -> set = set | BIT(i)
        :: else
        fi
    }
    for (j : 2 .. OBJECTS) {
        for (i : 0 .. FIELDS - 1) {
            if
            :: field[i] != NIL && (set & BIT(OWNER(i))) && state[field[i]] == from ->
               set = set | BIT(field[i])
            :: else
            fi
        }
    }
    for (i : 0 .. OBJECTS - 1) {
        if
        :: set & BIT(i) ->
           set = set & ~BIT(i);
           state[i] = alive;
           word[i] = 0
        :: !(set & BIT(i)) && state[i] == from && (list & BIT(i)) ->
           set = set | BIT(i);
           state[i] = becomes;
           word[i] = 0
        :: else
        fi
    }
}

/* The end of garbage without its counts: it drops its references to what is no garbage. One that
 * leads to a free slot is to garbage that has ended just before. */
inline free_plain(from)
{
    for (i : 0 .. OBJECTS - 1) {
        if
        :: state[i] == from ->
           for (j : 0 .. FIELDS - 1) {
               if
               :: OWNER(j) == i && field[j] != NIL ->
                  child = field[j];
                  field[j] = NIL;
                  if
                  :: state[child] == from || state[child] == FREE -> count[child]--
                  :: else -> let_go(child)
                  fi
               :: else
               fi
           }
           leave_slot(i)
        :: else
        fi
    }
}

/* All at once: what user code may do meanwhile, it may do before or afterwards. */
inline collect_young()
{
    count_inside(YOUNG, ALL);
    condemn_rest(YOUNG, ALL, (phase == PROMOTE || BROKEN == PROMOTED_INTO_S -> IN_S : OLD), GONE,
                 true);
    free_plain(GONE);
    at = (step != NONE -> OBJECTS : at) /* in YOUNG_IN_ENDING: there is nothing more in the set */
}

/* The cycle, step by step. */

inline go_to(next)
{
    phase = next;
    at = 0
}

inline promote(o)
{
    state[o] = (state[o] == YOUNG -> IN_S : state[o]);
    at++
}

inline count_one(o)
{
    if
    :: state[o] == IN_S ->
       touched = (BROKEN == LEAVES_TOUCHED -> touched | BIT(o) : touched & ~BIT(o));
       for (j : 0 .. FIELDS - 1) {
           if
           :: OWNER(j) == o && field[j] != NIL && state[field[j]] == IN_S -> word[field[j]]++
           :: else
           fi
       }
    :: else
    fi
    at++
}

inline mark(o)
{
    state[o] = GREY;
    touched = touched & ~BIT(o);
    word[o] = (chain == 0 -> LINK_END : chain);
    chain = LINK(o)
}

inline mark_root(o)
{
    if
    :: state[o] == IN_S && (word[o] != count[o] || (touched & BIT(o))) -> mark(o)
    :: else
    fi
    at++
}

/* Take one from the chain. */
inline trace_grey()
{
    if
    :: lane == 0 ->
       lane = chain;
       chain = 0
    :: else
    fi
    i = lane - 1;
    lane = (word[i] == LINK_END -> 0 : word[i]);
    word[i] = 0;
    if
    :: state[i] == DYING && BROKEN != TRACES_DYING -> skip
    :: state[i] != DYING && count[i] == 0 -> leave_slot(i)
    :: else ->
       state[i] = OLD;
       for (j : 0 .. FIELDS - 1) {
           if
           :: OWNER(j) == i && field[j] != NIL && state[field[j]] == IN_S -> mark(field[j])
           :: else
           fi
       }
    fi
}

inline sweep(o)
{
    suspects = suspects | (state[o] == IN_S -> BIT(o) : 0);
    word[o] = (state[o] == IN_S && BROKEN != STALE_COUNTS -> 0 : word[o]);
    at++
}

/* Parts, and their endings. */

inline enter(next)
{
    step = next;
    at = 0
}

inline end_ending()
{
    enter(NONE);
    last = false;
    ran = false
}

inline gather(part)
{
    for (i : 0 .. OBJECTS - 1) {
        state[i] = (state[i] == IN_S && (part & BIT(i)) -> PART : state[i])
    }
    count_inside(PART, ALL);
    for (i : 0 .. FIELDS - 1) {
        if
        :: field[i] != NIL && state[field[i]] == PART && state[OWNER(i)] == IN_S &&
           BROKEN == PART_OF_ALL -> word[field[i]]++
        :: else
        fi
    }
}

/* The rest of the set algorithm. The ending of the garbage begins. */
inline condemn(alive, becomes, first)
{
    condemn_rest(PART, ALL, alive, becomes, BROKEN != PART_IS_GARBAGE);
    garbage = garbage | set;
    find_within();
    assert(!(within & set));
    enter((set == 0 -> NONE : first))
}

inline examine(part, becomes, first)
{
    gather(part);
    condemn((BROKEN == PASSED_ARE_OLD -> OLD : IN_S), becomes, first)
}

/* Examine the last part: what is alive leaves S, and the cycle is over, but for the ending. */
inline examine_last(becomes, first)
{
    gather(suspects);
    condemn(OLD, becomes, first);
    last = (step == DROP);
    phase = DONE
}

/* Past rescue from here on, in the same step. Garbage may turn out to be trivial. */
inline rescue(becomes, next)
{
    count_inside(DOOMED, ALL);
    condemn_rest(DOOMED, ALL, OLD, becomes, BROKEN != NO_RESCUE);
    ran = false;
    if
    :: set == 0 -> end_ending()
    :: else -> enter(next)
    fi
}

/* Clear an object, which may die by that, as may others of the garbage. */
inline clear(o)
{
    count[o]++;
    drop_fields(o);
    let_go(o);
    at++
}

/* The backlog: one that died of the garbage ends. */
inline end_waiting(o)
{
    drop_fields(o);
    leave_slot(o)
}

/* RELEASE. What is still doomed is uncollectable; nothing is, for garbage keeps no reference. */
inline release_all()
{
    for (i : 0 .. OBJECTS - 1) {
        assert(state[i] != DOOMED);
        state[i] = (state[i] == DOOMED -> OLD : state[i])
    }
    end_ending()
}

/* Drop the references to what is not garbage; the others stay as they are. */
inline drop_outside(o)
{
    for (j : 0 .. FIELDS - 1) {
        if
        :: OWNER(j) == o && field[j] < NIL && !IS_TRIVIAL(field[j]) ->
           child = field[j];
           field[j] = DANGLING;
           let_go(child)
        :: else
        fi
    }
}

inline free_slot(o)
{
    for (j : 0 .. FIELDS - 1) {
        field[j] = (OWNER(j) == o -> NIL : field[j])
    }
    count[o] = 0;
    leave_slot(o)
}

inline finish_trivial()
{
    for (i : 0 .. OBJECTS - 1) {
        if
        :: step == DROP && IS_TRIVIAL(i) -> drop_outside(i)
        :: else
        fi
    }
    for (i : 0 .. OBJECTS - 1) {
        if
        :: IS_TRIVIAL(i) -> free_slot(i)
        :: else
        fi
    }
    end_ending()
}

/* Somebody is to look at the heap: the cycle ends, and an ending of trivial garbage. Any other
 * ending continues. */
inline abandon()
{
    if
    :: step >= DROP && BROKEN != ABANDONS_TRIVIAL -> finish_trivial()
    :: else
    fi;
    at = (step == NONE -> 0 : at);
    for (i : 0 .. OBJECTS - 1) {
        garbage = garbage & ~(state[i] == DOOMED || IS_LOST(i) -> 0 : BIT(i))
    }
    for (i : 0 .. OBJECTS - 1) {
        if
        :: state[i] == IN_S && phase < DONE || state[i] == GREY && count[i] > 0 ||
           state[i] == DOOMED && BROKEN == ABANDONS_DOOMED ->
           state[i] = OLD;
           word[i] = 0
        :: state[i] == GREY && count[i] == 0 && BROKEN != ABANDONS_DEAD -> leave_slot(i)
        :: state[i] == DYING -> word[i] = 0
        :: else
        fi
    }
    chain = 0;
    lane = 0;
    suspects = 0;
    phase = DONE;
    for (i : 0 .. FIELDS - 1) {
        assert(field[i] != DANGLING)
    }
}

/* A phase or a round is over, and the next begins: in a heap as start() makes them. */
inline end_round()
{
    set = within;
    for (i : 0 .. OBJECTS - 1) {
        set = set | (state[i] == OLD || state[i] == YOUNG -> BIT(i) : 0);
        assert(state[i] != IN_S || phase == PROMOTE || (suspects & BIT(i)) && word[i] == 0);
        assert(state[i] == IN_S || !(garbage & BIT(i)));
        word[i] = (state[i] == IN_S -> 0 : word[i]);
        state[i] = (state[i] == IN_S -> OLD : state[i])
    }
    close(set);
    assert(!(garbage & set));
    garbage = 0;
    phase = DONE
}

inline verify_end()
{
    assert(garbage == 0);
    assert(chain == 0 && lane == 0);
    for (i : 0 .. OBJECTS - 1) {
        assert(state[i] == FREE || state[i] == YOUNG || state[i] == OLD || state[i] == DYING);
        assert(word[i] == 0)
    }
}

/* All ends are one, for fewer states. */
inline forget()
{
    for (i : 0 .. OBJECTS - 1) {
        state[i] = FREE;
        count[i] = 0;
        word[i] = 0;
        held[i] = 0
    }
    for (i : 0 .. FIELDS - 1) {
        field[i] = NIL
    }
    holds = 0;
    at = 0;
    garbage = 0;
    suspects = 0;
    within = 0;
    i = 0;
    j = 0;
    child = 0;
    set = 0
}

/* What is at the start of a cycle, of a round, or of parts: any heap. S is complete; of what is
 * outside, and may refer to it, everything that is not dying counts as alive. Garbage is what that
 * does not reach. */
inline start()
{
    holds = held[0] + held[1] + held[2];
    for (i : 0 .. OBJECTS - 1) {
        count[i] = held[i];
        for (j : 0 .. FIELDS - 1) {
            count[i] = count[i] + (field[j] == i)
        }
        child = child + (count[i] == 0 && state[i] != FREE && state[i] != DYING);
        garbage = garbage | (state[i] == IN_S || state[i] == YOUNG -> BIT(i) : 0);
        set = set | (state[i] == OLD || state[i] == YOUNG && phase != PROMOTE -> BIT(i) : 0);
        suspects = suspects | (state[i] == IN_S && phase == PARTS -> BIT(i) : 0)
    }
    close(set);
    garbage = garbage & ~set;
    if
    :: child > 0 || holds > HELD || phase == PARTS && suspects == 0 ->
       phase = DONE /* no such heap */
    :: else
    fi
}

#define CYCLE(guard, act)                                                                          \
    :: d_step {                                                                                    \
        (guard) -> act;                                                                            \
        settle();                                                                                  \
        if                                                                                         \
        :: phase == DONE && step == NONE -> verify_end(); forget()                                 \
        :: else                                                                                    \
        fi                                                                                         \
    }
#define PROGRAM(guard, act)                                                                        \
    :: d_step { (phase < DONE || step != NONE) && (guard) -> act; settle() }

#define IN_PARTS (phase == PARTS && step == NONE)
#define ON_PART(part)                                                                              \
    CYCLE(IN_PARTS && (suspects & part) == part, examine(part, DOOMED, FINALIZE))                  \
    CYCLE(IN_PARTS && (suspects & part) == part, examine(part, PART, DROP))

/* What the program can do with an object, and with a field. */
#define ON_OBJECT(o)                                                                               \
    PROGRAM(state[o] == FREE && holds < HELD,                                                      \
            state[o] = (BROKEN == BORN_IN_S -> IN_S : YOUNG); count[o] = 1; held[o] = 1; holds++)  \
    PROGRAM((count[o] > 0 || state[o] == DYING) && holds < HELD &&                                 \
                (!IS_LOST(o) || BROKEN == UPGRADES_LOST),                                          \
            count[o]++; held[o]++; holds++;                                                        \
            ran = ran || state[o] == DOOMED && BROKEN != TAKES_UNNOTED)                            \
    PROGRAM(held[o] > 0, held[o]--; holds--; let_go(o))                                            \
    PROGRAM(state[o] == DYING, end(o))                                                             \
    PROGRAM(state[o] == WAITS, end_waiting(o))

#define MOVE_OUT(f)                                                                                \
    PROGRAM(field[f] != NIL && holds < HELD && (within & BIT(OWNER(f))),                           \
            held[field[f]]++; holds++; field[f] = NIL)
#define MOVE_IN(o, f)                                                                              \
    PROGRAM(field[f] == NIL && held[o] > 0 && (within & BIT(OWNER(f))),                            \
            field[f] = o; held[o]--; holds--)
#if BROKEN == CALLS_PAST_RESCUE || BROKEN == CALLS_BEFORE_DROP
/* A callback takes a reference to its argument, the owner of the weak reference, which is garbage.
 * The weak reference is not, or is not known to be. */
#define MAY_CALL(o) (count[o] > 0 && state[o] != DYING && state[o] != DOOMED && !IS_LOST(o))
#define DROPS_FIRST (step == DROP && (at == 0 || !IS_TRIVIAL(0)) && (at < 2 || !IS_TRIVIAL(1)))
#define CALL_BACK(f)                                                                               \
    PROGRAM(field[f] < NIL && IS_LOST(OWNER(f)) && step < FREE_SLOTS && MAY_CALL(field[f]) &&      \
                holds < HELD && (BROKEN == CALLS_PAST_RESCUE || DROPS_FIRST),              \
            count[OWNER(f)]++; held[OWNER(f)]++; holds++)
#else
#define CALL_BACK(f)
#endif
#define ON_FIELD(f) MOVE_OUT(f) MOVE_IN(0, f) MOVE_IN(1, f) MOVE_IN(2, f) CALL_BACK(f)

active proctype world()
{
    atomic {
        if
        :: BROKEN < PART_IS_GARBAGE || BROKEN == UNEVEN -> phase = PROMOTE
        :: BROKEN < PART_IS_GARBAGE || BROKEN == UNEVEN -> phase = COUNT
        :: BROKEN <= NO_TOUCHED || BROKEN >= PART_IS_GARBAGE -> phase = PARTS
        fi
        for (i : 0 .. OBJECTS - 1) {
            if
            :: state[i] = FREE
            :: state[i] = YOUNG
            :: state[i] = IN_S
            :: state[i] = DYING
            :: phase != PROMOTE -> state[i] = OLD
            fi
            if
            :: true
            :: state[i] != FREE -> held[i] = 1
            :: state[i] != FREE -> held[i] = 2
            fi
        }
        for (i : 0 .. FIELDS - 1) {
            if
            :: field[i] = NIL
            :: state[OWNER(i)] != FREE && state[0] != FREE -> field[i] = 0
            :: state[OWNER(i)] != FREE && state[1] != FREE -> field[i] = 1
            :: state[OWNER(i)] != FREE && state[2] != FREE -> field[i] = 2
            fi
        }
        d_step {
            start();
            if
            :: phase == DONE -> forget()
            :: else -> settle()
            fi
        }
    }
    do
    CYCLE(phase == PROMOTE && at < OBJECTS, promote(at))
    CYCLE(phase == PROMOTE && at == OBJECTS, end_round())
    CYCLE(phase == COUNT && at < OBJECTS, count_one(at))
    CYCLE(phase == COUNT && at == OBJECTS, go_to(MARK))
    CYCLE(phase == MARK && at < OBJECTS, mark_root(at))
    CYCLE(phase == MARK && (lane != 0 || chain != 0), trace_grey())
    CYCLE(phase == MARK && at == OBJECTS && lane == 0 && chain == 0, go_to(SWEEP))
    CYCLE(phase == SWEEP && at < OBJECTS, sweep(at))
    CYCLE(phase == SWEEP && at == OBJECTS && suspects == 0, phase = DONE)
    CYCLE(phase == SWEEP && at == OBJECTS && suspects != 0, end_round())
    CYCLE(IN_PARTS && at == 0, end_round())
#if BROKEN == SLICED_PART
    CYCLE(IN_PARTS && at == 0, gather(suspects); at++)
    CYCLE(IN_PARTS && at != 0, condemn(OLD, DOOMED, FINALIZE); phase = DONE)
#else
    ON_PART(1) ON_PART(2) ON_PART(3) ON_PART(4) ON_PART(5) ON_PART(6) ON_PART(7)
    CYCLE(IN_PARTS, examine_last(DOOMED, FINALIZE))
    CYCLE(IN_PARTS, examine_last(IN_S, DROP))
#endif
#if BROKEN == LATE_PAST_RESCUE
    CYCLE(step == FINALIZE, rescue(DOOMED, WEAK_ALL))
    CYCLE(step == WEAK_ALL, enter(CLEAR))
#else
    CYCLE(step == FINALIZE, rescue(DOOMED, CLEAR))
#endif
    CYCLE(step == FINALIZE && ran, rescue(DOOMED, FINALIZE))
    CYCLE(step == FINALIZE, rescue(PART, DROP))
    CYCLE(step == FINALIZE && !ran, enter(CLEAR))
    CYCLE(step == CLEAR && at < OBJECTS, clear(at))
    CYCLE(step == CLEAR && at == OBJECTS &&
              (state[0] != WAITS && state[1] != WAITS && state[2] != WAITS ||
               BROKEN == RELEASES_EARLY),
          release_all())
#if BROKEN == FREES_EARLY
    CYCLE(step == DROP && at < OBJECTS, drop_outside(at); free_slot(at); at++)
#else
    CYCLE(step == DROP && at < OBJECTS, drop_outside(at); at++)
#endif
    CYCLE(step == DROP && at == OBJECTS, enter(FREE_SLOTS))
    CYCLE(step == FREE_SLOTS && at < OBJECTS, free_slot(at); at++)
    CYCLE(step == FREE_SLOTS && at == OBJECTS, end_ending())
    CYCLE((phase < DONE || step >= DROP) && !(IN_PARTS && at != 0), abandon())

    ON_OBJECT(0)
    ON_OBJECT(1)
    ON_OBJECT(2)
    ON_FIELD(0)
    ON_FIELD(1)
    ON_FIELD(2)
#if FIELDS > 3
    ON_FIELD(3)
#endif
    PROGRAM((state[0] == YOUNG || state[1] == YOUNG || state[2] == YOUNG) &&
                (step == NONE || BROKEN == YOUNG_IN_ENDING),
            collect_young())
    :: phase == DONE && step == NONE -> break
    od
}
