// The console: which view is open, whether the server is there, and the search that is always at hand.

import { Away, Refused } from './api.js';
import { byId, element, replace, say, settled } from './dom.js';
import { keyButton } from './key.js';
import { lastAt, latest, onSample, poll } from './metrics.js';
import { age, linkTo, note, reason } from './parts.js';
import { parse, to } from './route.js';
import * as channels from './view-channels.js';
import * as insights from './view-insights.js';
import * as item from './view-item.js';
import * as locations from './view-locations.js';
import * as matrix from './view-matrix.js';
import * as overview from './view-overview.js';
import * as reservations from './view-reservations.js';
import * as row from './view-row.js';
import * as shortfalls from './view-shortfalls.js';
import * as stock from './view-stock.js';

const SECTIONS = [
    ['', 'Overview'], ['stock', 'Stock'], ['reservations', 'Reservations'], ['shortfalls', 'Shortfalls'],
    ['locations', 'Locations'], ['channels', 'Channels'], ['insights', 'Insights'],
];

/** First segment of an address → its view and the section it belongs to. */
const VIEWS = {
    '': [overview, ''],
    stock: [stock, 'stock'],
    item: [item, 'stock'],
    matrix: [matrix, 'stock'],
    row: [row, 'stock'],
    reservations: [reservations, 'reservations'],
    shortfalls: [shortfalls, 'shortfalls'],
    locations: [locations, 'locations'],
    groups: [locations, 'locations'],
    channels: [channels, 'channels'],
    insights: [insights, 'insights'],
};

let leaving = new AbortController();
let again = () => {};

// ---- one view after another ----

function mark(section) {
    for (const link of byId('sections').children) {
        if (link.dataset.section === section) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
    }
    byId('sections').querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

/** What a view is given: where to draw, its address, and how to say who it is. */
function stage(address, focus) {
    const page = element('div', { class: 'view' });
    const { signal } = leaving;
    replace(byId('main'), page);
    return {
        page,
        signal,
        segments: address.segments.slice(1),
        parameters: address.parameters,
        /** The heading; the keyboard goes there when one came by a link. */
        heading(text, ...beside) {
            const h1 = element('h1', { tabindex: '-1' }, text);
            document.title = `${text} · onhand`;
            page.append(element('div', { class: 'heading' }, h1, beside));
            if (focus) h1.focus({ preventScroll: true });
            return h1;
        },
        /** Keeps a choice in the address, without a step of its own in the history. */
        keep(parameters) {
            for (const [name, value] of Object.entries(parameters)) {
                if (value) address.parameters.set(name, value);
                else address.parameters.delete(name);
            }
            history.replaceState(null, '', to(address.segments, Object.fromEntries(address.parameters)));
        },
        /** What is to be done when the server was away and is back. */
        again(f) {
            again = f;
        },
    };
}

async function go(focus) {
    const address = parse(location.hash);
    const [view, section] = VIEWS[address.segments[0] ?? ''] ?? [];

    leaving.abort();
    leaving = new AbortController();
    again = () => go(false);
    mark(section);
    if (focus) scrollTo(0, 0);
    const on = stage(address, focus);
    if (!view) {
        on.heading('There is no such view');
        on.page.append(linkTo([], 'To the overview'));
        return;
    }
    try {
        await view.show(on);
    } catch (error) {
        if (on.signal.aborted) return;
        if (!(error instanceof Refused || error instanceof Away)) throw error;
        on.page.append(note(reason(error), 'warn'));
    }
}

// ---- whether the server is there ----

const STATES = { wait: ['wait', 'Connecting'], here: ['live', 'Live'], away: ['away', 'Away'], key: ['wait', 'Key wanted'] };

function showState(state, before) {
    const live = byId('live');
    const behind = latest()?.onhand_log_behind_records ?? 0;
    const [dot, word] = STATES[state];

    live.dataset.state = dot;
    say(live, state === 'here' && latest().onhand_ready === 0 ? `Catching up, ${behind} behind` : word);
    byId('away').hidden = state !== 'away';
    if (state === 'away') {
        const when = lastAt() ? new Date(lastAt()).toLocaleTimeString('en-GB') : '';
        say(byId('away'), `The server does not answer.${when ? ` What you see is from ${when}.` : ''} Trying again every few seconds.`);
    }
    if (before === 'away' && state === 'here') again();
}

// ---- search ----

function search() {
    const text = byId('find-text').value.trim();
    const target = to(['stock'], { q: text });
    if (location.hash === target) return;
    if (parse(location.hash).segments[0] === 'stock') {
        history.replaceState(null, '', target);
        go(false);
    } else {
        location.hash = target;
    }
}

function listenToSearch() {
    const field = byId('find-text');
    const soon = settled(() => parse(location.hash).segments[0] === 'stock' && search(), 150);
    field.addEventListener('input', soon);
    byId('find').addEventListener('submit', (event) => {
        event.preventDefault();
        search();
    });
    document.addEventListener('keydown', (event) => {
        const typing = event.target.closest?.('input, select, textarea, dialog');
        if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        field.focus();
        field.select();
    });
}

// ---- begin ----

replace(byId('sections'), SECTIONS.map(([id, text]) => element('a', { href: id ? to([id]) : '#/', data: { section: id } }, text)));
byId('skip').addEventListener('click', (event) => { // the address says which view it is: it is left alone
    event.preventDefault();
    byId('main').focus();
});
listenToSearch();
keyButton(() => {
    poll();
    go(false);
});
onSample(showState);
addEventListener('hashchange', () => go(true));
setInterval(() => age(byId('main')), 10000);
poll();
go(false);
