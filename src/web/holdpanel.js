// Shows the shopper's own reservations: what, where, for how much longer, and what can be done.

import { arrange, element, say } from './dom.js';
import { countdown, when } from './words.js';

const ASK_AGAIN_MS = 2000;

const ENDS = {
    expired: 'The time is over, and it went back on the shelf.',
    released: 'It is back on the shelf.',
    cancelled: 'It is back on the shelf.',
    fulfilled: 'Thank you.',
};

/** `actions`: confirm, end, again, forget (each called with the hold); `over` is called when one's time has passed. */
export function holdPanel(section, actions, over) {
    const made = new Map(); // id → its nodes
    let shown = [];

    const button = (kind, label, name, hold) => element('button', {
        class: `button compact ${kind}`, type: 'button', data: { does: name },
        on: { click: async (event) => {
            event.currentTarget.disabled = true;
            await actions[name](current(hold.id));
        } },
    }, label);

    const current = (id) => shown.find((hold) => hold.id === id);

    function buttons(hold) {
        switch (hold.state) {
        case 'asking':
            return [button('first', 'Try again', 'again', hold), button('', 'Give up', 'drop', hold)];
        case 'held':
            return [button('first', 'Confirm', 'confirm', hold), button('', 'Give back', 'end', hold)];
        case 'confirmed':
            return [button('', 'Cancel', 'end', hold)];
        case 'expired':
            return [button('first', 'Take it after all', 'confirm', hold), button('', 'Dismiss', 'forget', hold)];
        default:
            return [button('', 'Dismiss', 'forget', hold)];
        }
    }

    function make(hold) {
        const title = element('p', { class: 'hold-title' });
        const text = element('p', { class: 'hold-text' });
        const clock = element('span', { class: 'hold-clock number', role: 'timer', 'aria-label': 'Time left' });
        const acts = element('div', { class: 'buttons' });
        return { node: element('article', { class: 'hold' }, clock, element('div', { class: 'hold-words' }, title, text), acts), title, text, clock, acts, drawn: '' };
    }

    const TITLES = {
        asking: 'Reserving', held: 'Held for you', confirmed: 'Reserved for you', expired: 'Expired', released: 'Given back', cancelled: 'Cancelled',
        fulfilled: 'Collected',
    };

    function text(hold) {
        if (hold.state === 'asking') return hold.silent ? 'The server did not answer. It may have it already: trying again does not reserve twice.' : 'One moment…';
        if (hold.state === 'held') return 'Confirm before the time is over, or it goes back on the shelf.';
        if (hold.state === 'confirmed') return hold.ready ? `${hold.method === 'pickup' ? 'Ready' : 'Leaves'} ${when(hold.ready, hold.zone)}.` : 'We keep it at the counter.';
        return ENDS[hold.state] ?? '';
    }

    function draw(hold) {
        if (!made.has(hold.id)) made.set(hold.id, make(hold));
        const nodes = made.get(hold.id);
        say(nodes.title, `${TITLES[hold.state] ?? hold.state}: ${hold.what}, ${hold.where}`);
        say(nodes.text, text(hold));
        nodes.node.className = `hold is-${hold.state}`;
        nodes.clock.hidden = hold.state !== 'held' || hold.until === null;
        const acting = `${hold.state} ${hold.silent ?? ''} ${hold.tries ?? ''}`;
        if (nodes.drawn !== acting) nodes.acts.replaceChildren(...buttons(hold));
        nodes.drawn = acting;
        return nodes.node;
    }

    function tick() {
        for (const hold of shown) {
            if (hold.state !== 'held' || hold.until === null) continue;
            const seconds = (hold.until - Date.now()) / 1000;
            say(made.get(hold.id).clock, countdown(Math.max(0, Math.ceil(seconds))));
            if (seconds < -0.5 && Date.now() - (hold.asked ?? 0) > ASK_AGAIN_MS) {
                hold.asked = Date.now(); // the server says when it is over: until it does, it is held
                over();
            }
        }
    }
    setInterval(tick, 500);

    return {
        show(holds) {
            shown = holds;
            section.hidden = !holds.length;
            for (const id of made.keys()) if (!current(id)) made.delete(id);
            arrange(section, holds.map(draw));
            tick();
        },
    };
}
