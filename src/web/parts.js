// Small pieces that the views of the console are made of.

import { Away, Refused, get } from './api.js';
import { element, replace, say } from './dom.js';
import { to } from './route.js';
import { ago, levelWord, quantity } from './words.js';

// ---- links ----

export const linkTo = (segments, text, parameters) => element('a', { href: to(segments, parameters) }, text);

export const itemLink = (sku, text = sku) => linkTo(['item', sku], text);

export const rowLink = (sku, location, text = location) => linkTo(['row', sku, location], text);

// ---- words and figures ----

export const level = (name) => element('span', { class: `badge ${name}` }, levelWord(name));

const FLAGS = {
    negative: ['bad', 'Negative', 'More was sold than was known to be there'],
    statuses: ['warn', 'Statuses', 'More is unavailable than is on hand'],
    unmatched: ['warn', 'Unmatched', 'Goods left without an open order'],
    uncounted: ['bare', 'Uncounted', 'Never counted nor received'],
    unregistered: ['bare', 'Unregistered', 'Only events spoke of the item or the location'],
    disabled: ['bare', 'Off', 'The location takes no part'],
    oversold: ['bad', 'Oversold', 'More is promised than there is'],
    stale: ['warn', 'Silent', 'The location has not spoken for too long'],
};

export function flag(name) {
    const [tone, word, meaning] = FLAGS[name] ?? ['bare', name, ''];
    return element('span', { class: `badge ${tone}`, title: meaning }, word);
}

export const flags = (names = []) => element('span', { class: 'badges' }, names.map(flag));

const verdicts = { applied: 'good', partial: 'warn', superseded: 'bare', duplicate: 'bare', rejected: 'bad' };
const states = { held: 'low_stock', confirmed: 'good', fulfilled: 'good', released: 'bare', expired: 'bare', cancelled: 'bare' };

export const verdict = (name) => element('span', { class: `badge ${verdicts[name] ?? 'bare'}` }, name);

export const stateBadge = (name) => element('span', { class: `badge ${states[name] ?? 'bare'}` }, name);

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

const isTime = (text) => Boolean(text) && !Number.isNaN(new Date(text).getTime());

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });

const DAYS_COUNTED = 60;

/** How long ago; of what is long past the day. */
const past = (text) => (Date.now() - new Date(text).getTime() > DAYS_COUNTED * 86400e3 ? day.format(new Date(text)) : ago(text));

/** How long ago; the exact instant when pointed at. */
export const since = (text, none = 'never') => (isTime(text)
    ? element('time', { datetime: text, title: exact.format(new Date(text)), data: { ago: '' } }, past(text)) : element('span', { class: 'soft' }, none));

const thisYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** The instant; without its year when that is this one. */
export function at(text, none = '–') {
    if (!isTime(text)) return none;
    const instant = new Date(text);
    return element('time', { datetime: text }, (instant.getFullYear() === new Date().getFullYear() ? thisYear : exact).format(instant));
}

/** Lets all that says how long ago it was say so anew. */
export function age(root) {
    for (const time of root.querySelectorAll('time[data-ago]')) say(time, past(time.dateTime));
}

export const signed = (value) => (value > 0 ? `+${quantity(value)}` : value < 0 ? `−${quantity(-value)}` : '0');

export const amount = (value) => (value < 0 ? `−${quantity(-value)}` : quantity(value));

/** 93784 → "1 d 2 h", 240 → "4 min" */
export function duration(seconds) {
    const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
    if (days) return `${days} d${hours ? ` ${hours} h` : ''}`;
    if (hours) return `${hours} h${minutes ? ` ${minutes} min` : ''}`;
    return minutes ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

/** 1234567 → "1.2 MB" */
export function bytes(count) {
    const unit = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), 4);
    return `${quantity(Math.round((count / 1000 ** unit) * 10) / 10)} ${['B', 'kB', 'MB', 'GB', 'TB'][unit]}`;
}

// ---- blocks ----

/** A figure with its name. */
export const tile = (name, value, note) => element('div', { class: 'tile' },
    element('dt', {}, name), element('dd', {}, element('span', { class: 'number' }, value), note && element('small', { class: 'soft' }, note)));

export const tiles = (...all) => element('dl', { class: 'tiles' }, all);

export const card = (title, ...contents) => element('section', { class: 'card' }, title && element('h2', {}, title), contents);

export const scroll = (label, ...contents) => element('div', { class: 'scroll', role: 'region', 'aria-label': label, tabindex: '0' }, contents);

export const note = (text, tone = '') => element('p', { class: `note ${tone}` }, element('span', {}, text));

export const empty = (...contents) => element('p', { class: 'empty' }, contents);

/** Names with what they are: facts([['GTIN', …], …]); what is undefined, null or false is left out. */
export const facts = (pairs) => element('dl', { class: 'facts' }, pairs.filter(([, value]) => value !== undefined && value !== null && value !== '' && value !== false)
    .map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))));

/** Links between the faces of one thing; the present one is marked. */
export const faces = (label, present, all) => element('nav', { class: 'faces', 'aria-label': label }, all.map(([id, text, href]) => element('a',
    { href, 'aria-current': id === present && 'page' }, text)));

/** A choice with its label: pick('Channel', [['', 'Everybody'], …], 'web', (value) => …) */
export function pick(label, choices, present, chosen) {
    const select = element('select', { class: 'input', on: { change: () => chosen(select.value) } },
        choices.map(([value, text]) => element('option', { value, selected: value === present }, text)));
    return element('label', { class: 'field' }, label, select);
}

// ---- what went wrong ----

/** Why a question has no answer, in words. */
export function reason(error) {
    if (error instanceof Away) return 'The server does not answer. This page goes on by itself when it does.';
    if (error instanceof Refused && error.status === 401) return 'This server wants a key.';
    if (error instanceof Refused && error.status === 403) return `This key does not allow it. ${error.message}`;
    return error.message;
}

/** Fills the node with what `fill` promises, or with why it could not. An aborted question leaves it alone. */
export async function into(node, fill, signal) {
    node.setAttribute('aria-busy', 'true');
    try {
        const contents = await fill();
        if (!signal.aborted) replace(node, contents);
    } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Refused || error instanceof Away)) throw error;
        replace(node, note(reason(error), 'warn'));
    } finally {
        node.removeAttribute('aria-busy');
    }
}

// ---- lists that come in pages ----

/** All of a collection, page after page, at most `most` pages of a thousand. */
export async function all(path, key, parameters = {}, signal, most = 10) {
    const found = [];
    let after = '';
    for (let page = 0; page < most; page++) {
        const answer = await get(path, { limit: 1000, ...parameters, after }, { signal });
        found.push(...answer[key]);
        after = answer.next;
        if (!after) break;
    }
    return found;
}

/** A list that grows by a button: more(button text, page) where page(after) → {nodes, next}. Resolves when the first page is in. */
export async function growing(list, ask, signal, text = 'Show more') {
    const button = element('button', { class: 'button compact', type: 'button' }, text);
    const told = element('span', { class: 'unseen', role: 'status' });
    const foot = element('div', { class: 'more', hidden: true }, button, told);
    let after = '';

    async function next() {
        button.setAttribute('aria-busy', 'true');
        try {
            const page = await ask(after);
            after = page.next ?? '';
            foot.hidden = !after;
            return page;
        } finally {
            button.removeAttribute('aria-busy');
        }
    }

    button.addEventListener('click', async () => {
        if (button.getAttribute('aria-busy')) return;
        try {
            const page = await next();
            say(told, `${page.count ?? ''} more shown`);
        } catch (error) {
            if (!signal.aborted) say(told, reason(error));
        }
    });
    list.after(foot);
    await next();
    return foot;
}

// ---- who and where ----

const NAMES_MS = 60000;
let known; // location → name
let knownAt = 0;

/** location → its name; empty where nobody gave one. Asked for now and then. */
export function locationNames() {
    if (Date.now() - knownAt > NAMES_MS) known = undefined;
    if (!known) knownAt = Date.now();
    known ??= all('/v1/locations', 'locations').then((found) => new Map(found.map((one) => [one.id, one.name ?? ''])))
        .catch(() => {
            known = undefined;
            return new Map();
        });
    return known;
}

export const channels = (signal) => all('/v1/channels', 'channels', {}, signal).then((found) => found.filter((one) => one.id !== '*'));

/** What leads to a place: its name, and its id behind. */
export const place = (id, names, link) => [link(names.get(id) || id), names.get(id) && element('span', { class: 'id' }, id)];

export const locationLink = (id, names) => place(id, names, (text) => linkTo(['locations', id], text));

export const placeOfRow = (sku, id, names) => place(id, names, (text) => rowLink(sku, id, text));

// ---- a question before something is done ----

/** Asks in a dialog; resolves to its form's values when confirmed, else undefined. */
export function confirmed({ title, contents, yes, danger = false }) {
    return new Promise((done) => {
        const form = element('form', { method: 'dialog' }, element('h2', { id: 'ask-title' }, title), contents,
            element('div', { class: 'buttons' }, element('button', { class: `button ${danger ? 'danger' : 'first'}`, value: 'yes' }, yes),
                element('button', { class: 'button plain', value: '', formnovalidate: true, autofocus: danger }, 'Not now')));
        const dialog = element('dialog', { 'aria-labelledby': 'ask-title' }, form);
        dialog.addEventListener('close', () => {
            dialog.remove();
            done(dialog.returnValue === 'yes' ? Object.fromEntries(new FormData(form)) : undefined);
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}
