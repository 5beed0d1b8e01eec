/* The latch of the allocation table (src/core/table/latch.h): one writer, two readers, step by step.
 *
 * Two changes are searched in every test run (3.5 million states); three were once: 59.7 million, no error.
 *
 * What it covers
 *   - SKU A with three rows of two words, SKU B with one. The writer makes PUBLISHES changes, any of: rows 0 and 1 of A; rows 1 and 2 of A; all of A in a
 *     block built anew; the row of B. Each single store is a step, so the writer may also stop for ever after any of them.
 *   - A reader of one row of A and a reader of all of A, again and again, each single load a step, with everything that is parked (slots,
 *     images, block, SKU) read word by word while it may be written anew.
 *   - Whatever a reader gets is, word for word, what A was after one of its changes: not older than the newest change complete when the
 *     read began, and never older than what the same reader got before.
 *   - The reader of one row may, each time, read it by its cell alone instead, found by a hint that is told of a new block last of all: what it gets was
 *     the row's at one of A's changes, not older than what it or a reader through the header got before, and not newer than what is complete.
 *   - A reader starts over only when the writer made a step since it began: a stopped writer stops nobody.
 *
 * The memory view. All stores to shared memory are releases by one thread, all loads acquires. So what a reader may know is always a prefix of the writer's
 * stores: a load of x returns some store to x that is not older than the newest one to x in its prefix, and stretches the prefix to that store
 * at least. A reader whose prefix lags behind sees just what it would see if the writer were that much slower; and prefixes handed on between readers only
 * grow. So the interleavings below, which let the writer be as slow as it likes against every load, are all that release and acquire allow (and
 * more than x86 does).
 *
 * What it does not cover: weaker orders than these (a relaxed load or store would need another model); the count and order of rows, which are read
 * and guarded like the block's address; the epoch, which keeps blocks from being used again (a block built anew is always a fresh one here); sequence
 * numbers that come round (64 bits).
 *
 * Mutants, each of which must fail: -DNO_SECOND_LOOK (at the version), -DNO_PARK_LOOK (at the park sequence, neither time),
 * -DNO_SECOND_PARK_LOOK (only the first time), -DONE_PARKED (of two rows only the first is parked), -DNO_SECOND_COUNT (of a cell's changes),
 * -DEVEN_EARLY (a cell's count is even again before the version is), -DNOT_LEFT (the cells of a block that is left stay even). */

#ifndef PUBLISHES
#define PUBLISHES 3
#endif
#define A 0
#define B 1
#define READERS 2
#define ROWS 3
#define NOT_PARKED 9
#define BLOCK_OF_B (PUBLISHES + 1)
#define CELL(block, row, word) cell[((block) * ROWS + (row)) * 2 + (word)]
#define TRUTH(n, row) truth[(n) * ROWS + (row)]

/* ---- shared memory ---- */
byte version[2], seq, park_sku, park_block, park_rows, park_slot[2], park_image[4];
byte block_of_a;
byte cell[(PUBLISHES + 2) * ROWS * 2];
byte count[(PUBLISHES + 2) * ROWS];  /* of a cell's changes */
byte hint;                           /* A's block as the index says it */

/* ---- what only the checks know ---- */
byte done;                           /* changes of A complete: its version went even */
byte changes;                        /* of A, begun */
byte parked_n;                       /* which state of A is parked */
byte truth[(PUBLISHES + 1) * ROWS];  /* A's rows after each change */
bool moved[READERS];                 /* the writer made a step since the reader began */

inline STORE(where, value) {
    d_step {
        where = value;
        moved[0] = true;
        moved[1] = true
    }
}

inline PARK_ROW(k, block, row) {
    STORE(park_slot[k], row);
    STORE(park_image[(k) * 2], CELL(block, row, 0));
    STORE(park_image[(k) * 2 + 1], CELL(block, row, 1))
}

/* The next state of A: rows first to last get the change's number. */
inline NEXT_TRUTH(first, last) {
    d_step {
        parked_n = changes;
        changes++;
        row = 0;
        do
        :: row < ROWS ->
            TRUTH(changes, row) = (row >= first && row <= last -> publish : TRUTH(changes - 1, row));
            row++
        :: else -> break
        od;
        row = 0
    }
}

inline BEGIN(sku) {
    STORE(park_sku, sku);
    STORE(seq, seq + 1);                    /* P1 */
    STORE(version[sku], version[sku] + 1)   /* V1 */
}

inline END(sku) {
    d_step {                                /* V2 */
        version[sku] = version[sku] + 1;
        done = (sku == A -> done + 1 : done);
        moved[0] = true;
        moved[1] = true
    }
    STORE(seq, seq + 1)                     /* P2 */
}

#define COUNT(block, row) count[(block) * ROWS + (row)]
inline MARK(block, row) {
    STORE(COUNT(block, row), COUNT(block, row) + 1)                 /* M1, M2 */
}

inline WRITE_ROW(block, row, value) {
    MARK(block, row);
    STORE(CELL(block, row, 0), value);
    STORE(CELL(block, row, 1), value)
}

inline CHANGE_TWO(first) {
    NEXT_TRUTH(first, first + 1);
    PARK_ROW(0, block_of_a, first);
#ifdef ONE_PARKED
    STORE(park_rows, 1);
#else
    PARK_ROW(1, block_of_a, first + 1);
    STORE(park_rows, 2);
#endif
    STORE(park_block, block_of_a);
    BEGIN(A);
    WRITE_ROW(block_of_a, first, publish);
    WRITE_ROW(block_of_a, first + 1, publish);
#ifdef EVEN_EARLY
    MARK(block_of_a, first);
    MARK(block_of_a, first + 1);
    END(A)
#else
    END(A);
    MARK(block_of_a, first);
    MARK(block_of_a, first + 1)
#endif
}

inline BUILD_ANEW() {
    NEXT_TRUTH(0, 2);
    d_step { /* nobody sees it yet */
        fresh++;
        do
        :: row < 2 * ROWS -> cell[fresh * ROWS * 2 + row] = publish; row++
        :: else -> break
        od;
        row = 0
    }
    STORE(park_rows, 0);
    STORE(park_block, block_of_a);
    BEGIN(A);
#ifndef NOT_LEFT
    MARK(block_of_a, 0);
    MARK(block_of_a, 1);
    MARK(block_of_a, 2);
#endif
    STORE(block_of_a, fresh);
    END(A);
    STORE(hint, fresh)
}

inline CHANGE_B() {
    PARK_ROW(0, BLOCK_OF_B, 0);
    STORE(park_rows, 1);
    STORE(park_block, BLOCK_OF_B);
    BEGIN(B);
    WRITE_ROW(BLOCK_OF_B, 0, publish);
    END(B);
    MARK(BLOCK_OF_B, 0)
}

active proctype writer() {
    byte publish = 0, row = 0, fresh = 0;

end:
    do
    :: publish < PUBLISHES ->
        publish++;
        if
        :: CHANGE_TWO(0)
        :: CHANGE_TWO(1)
        :: BUILD_ANEW()
        :: CHANGE_B()
        fi
    :: else -> break
    od
}

/* One row, from the area if it is parked there, else from the block; a load and what the reader makes of it for itself are one step. ok stays true
 * while all is of state n. */
inline READ_ROW(row) {
    if
    :: rows > 0 -> atomic { k = (park_slot[0] == row -> 0 : NOT_PARKED) }
    :: else
    fi;
    if
    :: rows > 1 && k == NOT_PARKED -> atomic { k = (park_slot[1] == row -> 1 : NOT_PARKED) }
    :: else
    fi;
    if
    :: k == NOT_PARKED ->
        ok = ok && CELL(block, row, 0) == TRUTH(n, row);
        ok = ok && CELL(block, row, 1) == TRUTH(n, row)
    :: else ->
        ok = ok && park_image[k * 2] == TRUTH(n, row);
        ok = ok && park_image[k * 2 + 1] == TRUTH(n, row);
        k = NOT_PARKED
    fi
}

#define FORGET ok = true; is_parked = false; rows = 0; block = 0; k = NOT_PARKED; n = 0; seen = 0

/* The row by its cell alone. What it is tells the first state, from the newest known on, that it can be of. */
inline READ_ALONE(row) {
    block = hint;
    atomic {
        seen = COUNT(block, row);                                     /* C0 */
        if
        :: seen % 2 == 1 -> FORGET; goto attempt
        :: else
        fi
    }
    k = CELL(block, row, 0);
    rows = CELL(block, row, 1);
    atomic {
        if
#ifndef NO_SECOND_COUNT
        :: COUNT(block, row) != seen -> FORGET; goto attempt          /* C1 */
#endif
        :: else
        fi;
        assert(k == rows);
        do
        :: newest <= done && TRUTH(newest, row) != k -> newest++
        :: else -> break
        od;
        assert(newest <= done);
        FORGET;
        goto again
    }
}

#define START_OVER assert(moved[me]); FORGET; goto attempt

proctype reader(byte me; byte first; byte last) {
    byte seen, n, block, rows, newest, row, k = NOT_PARKED;
    bool is_parked, ok = true;

end:
again:
    newest = (newest > done -> newest : done);
    if
    :: first == last -> READ_ALONE(first)
    :: true
    fi;
attempt:
    atomic {
        moved[me] = false;
        seen = version[A];                                            /* V0 */
        if
        :: seen % 2 == 0 -> n = seen / 2; goto whole
        :: else
        fi
    }
    atomic {
        seen = seq; n = parked_n; is_parked = true;                   /* S0 */
#ifndef NO_PARK_LOOK
        if
        :: seen % 2 == 0 -> START_OVER
        :: else
        fi
#endif
    }
    atomic {
        if
        :: park_sku != A -> START_OVER
        :: else
        fi
    }
    block = park_block;
    rows = park_rows;
    goto read;
whole:
    block = block_of_a;
read:
    row = first;
    do
    :: atomic { row <= last -> skip }; READ_ROW(row); row++
    :: atomic { else -> row = 0; break }
    od;
    atomic {
        if
#if !defined(NO_PARK_LOOK) && !defined(NO_SECOND_PARK_LOOK)
        :: is_parked && seq != seen -> START_OVER                     /* S1 */
#endif
#ifndef NO_SECOND_LOOK
        :: !is_parked && version[A] != seen -> START_OVER             /* V1' */
#endif
        :: else
        fi;
        assert(ok);
        assert(n >= newest);
        newest = n;
        FORGET;
        goto again
    }
}

init {
    atomic {
        run reader(0, 1, 1);
        run reader(1, 0, 2)
    }
}
