-- The history of an onhand: what every record of the log did to every row. Ask it with sqlite3, at any time, also while
-- onhand writes it (open it read-only: sqlite3 'file:history.sqlite?mode=ro'):
--
--   SELECT appended_at, type, quantity, verdict, on_hand_before, on_hand FROM history
--    WHERE sku = 'SKU-1' AND location = 'store-0042' ORDER BY id DESC LIMIT 20;
--
-- The view `history` is for people: quantities in units, instants as text. The tables are for programs: quantities are
-- integers of thousandths, instants microseconds since 1970 (UTC). The file is a projection: when it is lost or
-- damaged, onhand makes it anew from its log as far as that reaches back.

-- Where this file stands: incarnation (of the log), applied_to (all records before that offset are in here),
-- complete_from (back to that offset; what is older was pruned or could not be had any more).
CREATE TABLE position (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE row (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL,
    location TEXT NOT NULL,
    UNIQUE (sku, location)
);

CREATE TABLE change (
    id INTEGER PRIMARY KEY,       -- offset of the record * 32768 + number of the line in its record: order of the log
    row INTEGER NOT NULL REFERENCES row (id),
    event INTEGER NOT NULL,       -- number of the event in its record
    type TEXT NOT NULL,           -- of the event: sale, count, ...; the step of a reservation: reserve, confirm, ...;
                                  -- what fell due: overdue (an incoming line), expire (a hold), demand_due
    verdict TEXT NOT NULL,        -- applied, partial, superseded, duplicate, rejected
    verdict_reason TEXT,          -- why it was rejected, or what was left out
    event_id TEXT,                -- of a reservation: the step's id
    source TEXT,
    reservation TEXT,             -- its id
    reference TEXT,               -- of the order, delivery or transfer
    line TEXT,
    channel TEXT,
    reason TEXT,                  -- the code that was given
    quantity INTEGER,             -- as it was said; NULL: nothing was said
    occurred_at INTEGER NOT NULL, -- when it happened, as it was said
    appended_at INTEGER NOT NULL, -- when the log took it
    on_hand_before INTEGER NOT NULL,
    unavailable_before INTEGER NOT NULL,
    reserved_before INTEGER NOT NULL,
    committed_before INTEGER NOT NULL,
    safety_stock_before INTEGER NOT NULL,
    incoming_before INTEGER NOT NULL,
    on_hand INTEGER NOT NULL,
    unavailable INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    committed INTEGER NOT NULL,
    safety_stock INTEGER NOT NULL,
    incoming INTEGER NOT NULL
);
CREATE INDEX change_of_row ON change (row);

-- Why a row could not give what a reservation asked of it: the arithmetic as it was then, without what the reservation
-- itself held, less what earlier lines of the same request took.
CREATE TABLE refusal (
    id INTEGER PRIMARY KEY REFERENCES change (id),
    bound TEXT NOT NULL,          -- which term it did not pass: on_hand, demand, set_aside, buffer, max_per_line, ...
    requested INTEGER NOT NULL,
    available INTEGER NOT NULL,   -- the most that it could have given
    on_hand INTEGER NOT NULL,
    unavailable INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    committed INTEGER NOT NULL,
    safety_stock INTEGER NOT NULL, -- the channel's, where a rule sets it
    promisable INTEGER NOT NULL,  -- what may be promised for required_at, over all channels; may be negative
    fenced INTEGER NOT NULL,      -- set aside for the channel
    pool INTEGER NOT NULL,        -- left for everybody; may be negative
    buffer INTEGER NOT NULL,      -- held back by the channel's rules
    backorder_limit INTEGER,      -- NULL: no limit
    max_per_line INTEGER,         -- NULL: no rule
    required_at INTEGER,          -- NULL: now
    ordered INTEGER NOT NULL      -- on order here under the same reference: asking for that takes nothing
);

CREATE VIEW history AS
SELECT c.id, r.sku, r.location, c.id >> 15 AS record, c.event, c.type, c.verdict, c.verdict_reason,
       c.event_id, c.source, c.reservation, c.reference, c.line, c.channel, c.reason,
       c.quantity / 1000.0 AS quantity,
       strftime('%Y-%m-%dT%H:%M:%S', c.occurred_at / 1000000, 'unixepoch') || printf('.%06dZ', c.occurred_at % 1000000) AS occurred_at,
       strftime('%Y-%m-%dT%H:%M:%S', c.appended_at / 1000000, 'unixepoch') || printf('.%06dZ', c.appended_at % 1000000) AS appended_at,
       c.on_hand_before / 1000.0 AS on_hand_before, c.on_hand / 1000.0 AS on_hand,
       c.unavailable_before / 1000.0 AS unavailable_before, c.unavailable / 1000.0 AS unavailable,
       c.reserved_before / 1000.0 AS reserved_before, c.reserved / 1000.0 AS reserved,
       c.committed_before / 1000.0 AS committed_before, c.committed / 1000.0 AS committed,
       c.safety_stock_before / 1000.0 AS safety_stock_before, c.safety_stock / 1000.0 AS safety_stock,
       c.incoming_before / 1000.0 AS incoming_before, c.incoming / 1000.0 AS incoming,
       (c.on_hand_before - c.unavailable_before - c.reserved_before - c.committed_before - c.safety_stock_before) / 1000.0 AS net_available_before,
       (c.on_hand - c.unavailable - c.reserved - c.committed - c.safety_stock) / 1000.0 AS net_available,
       f.bound AS refused_by, f.available / 1000.0 AS could_give
  FROM change c JOIN row r ON r.id = c.row LEFT JOIN refusal f ON f.id = c.id;
