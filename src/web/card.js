// One store in the list: how far, open or not, what is there, when it can be fetched.

import { element, flash, replace, say } from './dom.js';
import { ago, clock, distance, HAS, left, levelWord, when } from './words.js';

const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));

/** {open, word}: whether it is open, and until when, or when it opens again. */
function opening(store, now) {
    if (store.open_now === null || store.open_now === undefined) return { open: undefined, word: 'Hours not known' };
    const today = store.hours_today ?? [];
    const time = minutes(clock(now, store.time_zone));
    if (store.open_now) {
        const running = today.find((span) => minutes(span.opens) <= time && (time < minutes(span.closes) || span.closes <= span.opens)) ?? today[0];
        const round = running && running.opens === '00:00' && ['24:00', '23:59', '00:00'].includes(running.closes);
        return { open: true, word: round ? 'Open day and night' : running ? `Open until ${running.closes}` : 'Open now' };
    }
    const next = today.find((span) => minutes(span.opens) > time);
    return { open: false, word: next ? `Closed, opens ${next.opens}` : 'Closed now' };
}

const hours = (store) => (store.hours_today.length ? store.hours_today.map((span) => `${span.opens}–${span.closes}`).join(', ') : 'closed');

export const has = (store) => HAS.has(store.level) || store.available > 0;

/** "Camden, 1.2 km, open until 20:00, last one": the store in one breath. */
export function storeWords(store, now = Date.now()) {
    return [store.name ?? store.location, distance(store.distance_km), opening(store, now).word.toLowerCase(),
        has(store) ? left(store.available, store.capped) : levelWord(store.level ?? 'out_of_stock').toLowerCase()].filter(Boolean).join(', ');
}

/** `select(location)` and `reserve(location)` are called for its buttons. `.update(store, {number, selected, held, busy})` draws. */
export function storeCard(location, { select, reserve }) {
    const number = element('span', { class: 'card-number', 'aria-hidden': 'true' });
    const name = element('button', { class: 'card-name', type: 'button', on: { click: () => select(location) } });
    const place = element('p', { class: 'card-place soft small' });
    const badge = element('span', { class: 'badge' });
    const open = element('span', { class: 'card-open' });
    const today = element('span', { class: 'soft nowrap' });
    const pickup = element('p', { class: 'card-pickup' });
    const age = element('span', { class: 'card-age soft' });
    const refusal = element('p', { class: 'card-refusal', role: 'alert', hidden: true });
    const button = element('button', { class: 'button compact', type: 'button', on: { click: () => reserve(location) } });
    const node = element('li', { class: 'card', data: { location } },
        element('div', { class: 'card-head' }, number, element('h3', {}, name), badge),
        element('div', { class: 'card-body' }, place, element('p', { class: 'small' }, open, ' ', today), pickup,
            element('div', { class: 'card-foot' }, button, age), refusal));
    let before;

    return {
        node,
        focus: () => name.focus(),
        refuse(text) {
            refusal.hidden = !text;
            say(refusal, text);
        },
        update(store, { number: nth, selected, held, busy, now = Date.now() }) {
            const figure = has(store) ? left(store.available, store.capped) : levelWord(store.level ?? 'out_of_stock');
            const hoursNow = opening(store, now);
            const title = store.name ?? store.location;
            if (before !== undefined && before !== figure) flash(badge);
            before = figure;
            say(number, nth ? String(nth) : '');
            say(name, title);
            name.setAttribute('aria-pressed', String(selected));
            node.classList.toggle('selected', selected);
            node.classList.toggle('without', !has(store));
            say(place, [distance(store.distance_km), store.address].filter(Boolean).join(' · '));
            badge.className = `badge ${has(store) && store.level === 'out_of_stock' ? 'in_stock' : store.level ?? 'out_of_stock'}${badge.classList.contains('changed') ? ' changed' : ''}`;
            say(badge, figure.charAt(0).toUpperCase() + figure.slice(1));
            open.className = `card-open ${hoursNow.open ? 'is-open' : 'is-closed'}`;
            say(open, hoursNow.word);
            say(today, store.hours_today ? `Today ${hours(store)}` : '');
            const ready = store.pickup?.ready_at && has(store);
            pickup.hidden = !ready;
            if (ready) replace(pickup, 'Ready ', element('time', { datetime: store.pickup.ready_at }, when(store.pickup.ready_at, store.time_zone, now)));
            button.hidden = !has(store);
            button.disabled = Boolean(busy);
            say(button, busy ? 'Reserving…' : held ? 'Reserve another' : 'Reserve for pickup');
            button.setAttribute('aria-label', `${button.textContent} at ${title}`);
            button.classList.toggle('first', selected && !held);
            say(age, store.last_event_at ? `Figure from ${ago(store.last_event_at, now)}` : '');
        },
    };
}
