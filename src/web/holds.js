// The shopper's own reservations: made under an id of the browser's, so that asking again after silence is the same reservation; kept for
// this tab, so that a reload has them still.

import { get, post, Refused, segment, unless } from './api.js';

const KEPT = 'onhand.holds';
const HOLD_SECONDS = 900;

/** Random and never used before; crypto.randomUUID is for https and localhost only. */
function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function read() {
    try {
        return JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
    } catch {
        return [];
    }
}

/**
 * `changed(holds)` is called whenever one changes. A hold: {id, request, what, where, zone, state, until}; `state` is 'asking' while nobody
 * knows whether it was granted, else as the server says it; `until` is in this browser's time.
 */
export function ownHolds(changed) {
    let holds = read();

    function keep() {
        sessionStorage.setItem(KEPT, JSON.stringify(holds));
        changed(holds);
    }

    function take(hold, answer) {
        hold.state = answer.state;
        const now = Date.parse(answer.as_of ?? answer.changed_at); // the server's clock may be another
        hold.until = answer.expires_at ? Date.now() + Date.parse(answer.expires_at) - now : null;
        keep();
    }

    function forget(hold) {
        holds = holds.filter((other) => other !== hold);
        keep();
    }

    /** Sends the request, maybe again. Refused: the hold is gone, and the error says why. Away: it stays, as 'asking'. */
    async function send(hold) {
        try {
            take(hold, await post('/v1/reservations', hold.request));
        } catch (error) {
            if (error instanceof Refused) forget(hold);
            throw error;
        }
        return hold;
    }

    async function step(hold, name) {
        take(hold, await post(`/v1/reservations/${segment(hold.id)}/${name}`, {}));
    }

    return {
        all: () => holds,
        forget,
        again: send,
        confirm: (hold) => step(hold, 'confirm'),
        /** Gives it back, whatever it is by now. */
        end: (hold) => step(hold, hold.state === 'confirmed' ? 'cancel' : 'release'),

        /**
         * One piece at a `location`, or as a `promise` says. `what`, `where`, `zone` and `ready` are for people: the item, the store, its
         * time zone, when it can be fetched.
         */
        reserve({ sku, location, promise, channel, what, where, zone, ready, method = 'pickup' }) {
            const id = newId();
            const from = promise ? { promise } : { method: 'pickup', items: [{ sku, quantity: 1, location }] };
            const hold = { id, request: { id, channel, ttl_seconds: HOLD_SECONDS, ...from }, sku, location, what, where, zone, ready, method, state: 'asking', until: null };
            holds = [...holds, hold];
            keep();
            return send(hold);
        },

        /** What became of them: after a reload, or when one's time is over. */
        async look() {
            for (const hold of [...holds]) {
                if (hold.state === 'asking') {
                    await send(hold);
                    continue;
                }
                const answer = await unless(404, get(`/v1/reservations/${segment(hold.id)}`));
                if (answer) take(hold, answer);
                else forget(hold);
            }
        },
    };
}
