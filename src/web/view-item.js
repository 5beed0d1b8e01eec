// One item: all its rows, live.

import { get, segment, unless } from './api.js';
import { element, replace, say, settled } from './dom.js';
import { follow } from './live.js';
import { amount, at, card, channels, faces, facts, flags, level, linkTo, locationNames, note, pick, placeOfRow, scroll, since, tile } from './parts.js';
import { to } from './route.js';
import { sheet } from './sheet.js';
import { options } from './view-stock.js';
import { levelWord, quantity } from './words.js';

const ROWS_MOST = 5000;
const ONE_BY_ONE = 50; // more changed rows than that are asked for all together
const SETTLE_MS = 120;
const LOOK_MS = 5000;
const LOOK_MS_A_ROW = 25;

export const FACES = (sku, item) => [
    ['rows', 'Stock', to(['item', sku])],
    ['matrix', 'What channels may promise', to(['matrix'], { sku, product: item?.product })],
];

/** Heading and facts of an item, as far as they are known. */
export function introduce(page, sku, item, face) {
    page.append(facts([
        ['SKU', sku], ['Product', item?.product && linkTo(['stock'], item.product, { product: item.product })], ['Options', item && options(item)],
        ['GTIN', item?.gtins?.join(', ')], ['Unit', item?.unit], ['Released', item?.release_at && at(item.release_at)],
        ['Components', item?.components?.map((one, i) => [i > 0 && ', ', linkTo(['item', one.sku], `${quantity(one.quantity)} × ${one.sku}`)])],
        ['Known from', item?.registered === false && 'events only: nobody has registered it'],
    ]), faces('Views of this item', face, FACES(sku, item)));
}

const sum = (read) => (rows) => amount(rows.reduce((total, row) => total + read(row), 0));

const figure = (id, title, read) => ({ id, title, number: true, value: read, cell: (row) => element('span', { class: read(row) ? '' : 'zero' }, amount(read(row))), total: sum(read) });

const gone = (row) => Object.values(row.unavailable ?? {}).reduce((a, b) => a + b, 0);

const coming = (row) => (row.incoming ?? []).reduce((total, line) => total + line.quantity, 0);

const why = (row) => Object.entries(row.unavailable ?? {}).filter(([, n]) => n).map(([status, n]) => `${quantity(n)} ${status}`).join(', ');

function columns(sku, names) {
    return [
        { id: 'location', title: 'Location', head: true, value: (row) => names.get(row.location) || row.location, cell: (row) => placeOfRow(sku, row.location, names), total: (rows) => `${quantity(rows.length)} locations` },
        figure('available', 'Available', (row) => row.available),
        { id: 'level', title: 'Level', value: (row) => row.level, cell: (row) => level(row.level) },
        figure('on_hand', 'On hand', (row) => row.on_hand ?? 0),
        { ...figure('unavailable', 'Unavailable', gone), cell: (row) => element('span', { class: gone(row) ? '' : 'zero', title: why(row) }, amount(gone(row))) },
        figure('reserved', 'Reserved', (row) => row.reserved ?? 0),
        figure('committed', 'Committed', (row) => row.committed ?? 0),
        figure('safety', 'Safety', (row) => row.safety_stock ?? 0),
        figure('incoming', 'Incoming', coming),
        { id: 'flags', title: 'Flags', value: (row) => (row.flags ?? []).join(' '), cell: (row) => flags(row.flags) },
        { id: 'event', title: 'Last event', value: (row) => row.last_event_at ?? '', cell: (row) => since(row.last_event_at) },
        { id: 'count', title: 'Counted', value: (row) => row.last_count_at ?? '', cell: (row) => since(row.last_count_at) },
    ];
}

const FILTERS = [
    ['', 'All rows', () => true],
    ['stock', 'With stock', (row) => row.available > 0],
    ['out', 'Without stock', (row) => row.available <= 0],
    ['demand', 'With holds or orders', (row) => row.reserved || row.committed],
    ['incoming', 'With supply to come', (row) => coming(row) > 0],
    ['flags', 'Flagged', (row) => row.flags?.length > 0],
];

async function rowsOf(sku, channel, signal) {
    const rows = [];
    for (let after = ''; ;) {
        const answer = await get(`/v1/availability/${segment(sku)}`, { detail: true, channel, limit: 1000, after }, { signal });
        rows.push(...answer.locations);
        after = answer.next;
        if (!after || rows.length >= ROWS_MOST) return { ...answer, locations: rows };
    }
}

export async function show({ page, segments: [sku], parameters, signal, heading, keep, again }) {
    if (!sku) {
        location.replace(to(['stock']));
        return;
    }
    const h1 = heading(sku);
    const [item, names, known] = await Promise.all([unless(404, get(`/v1/items/${segment(sku)}`, {}, { signal })), locationNames(), channels(signal)]);
    if (signal.aborted) return;
    if (!item) {
        page.append(note('Nobody has spoken of this SKU.', 'warn'), linkTo(['stock'], 'Search for another', { q: sku }));
        return;
    }
    say(h1, item.name || sku);
    document.title = `${item.name || sku} · onhand`;
    introduce(page, sku, item, 'rows');

    let channel = parameters.get('channel') ?? '';
    let filter = parameters.get('show') ?? '';
    let words = parameters.get('in') ?? '';
    let rows = new Map();
    const totals = element('dl', { class: 'tiles' });
    const told = element('p', { class: 'unseen', role: 'status' });
    const table = sheet({
        caption: `Rows of ${sku}`, columns: columns(sku, names), key: (row) => row.location,
        by: parameters.get('sort') ?? 'location', down: parameters.has('down'), empty: 'No row is like that.',
        sorted: (by, down) => keep({ sort: by, down: down ? '1' : '' }),
    });

    const wanted = (row) => FILTERS.find(([id]) => id === filter)?.[2](row)
        && `${row.location} ${names.get(row.location) ?? ''}`.toLowerCase().includes(words.toLowerCase());

    function showTotals() {
        const every = [...rows.values()];
        const all = (read) => amount(every.reduce((total, row) => total + read(row), 0));
        replace(totals, tile(channel ? `Available to ${channel}` : 'Available', all((row) => row.available)), tile('On hand', all((row) => row.on_hand ?? 0)),
            tile('Reserved', all((row) => row.reserved ?? 0)), tile('Committed', all((row) => row.committed ?? 0)), tile('Incoming', all(coming)),
            tile('Locations with stock', quantity(every.filter((row) => row.available > 0).length), `of ${quantity(every.length)}`));
    }

    function showAll() {
        table.show([...rows.values()].filter(wanted));
        showTotals();
    }

    /** Takes rows that were asked for; what is as it was is left alone. */
    function take(found) {
        for (const row of found) {
            if (JSON.stringify(rows.get(row.location)) === JSON.stringify(row)) continue;
            rows.set(row.location, row);
            if (table.put(row)) say(told, `${names.get(row.location) || row.location}: ${quantity(row.available)} available, ${levelWord(row.level)}`);
        }
        showTotals();
    }

    async function load() {
        const { locations } = await rowsOf(sku, channel, signal);
        if (locations.length === rows.size && locations.every((row) => rows.has(row.location))) {
            take(locations);
        } else {
            rows = new Map(locations.map((row) => [row.location, row]));
            showAll();
        }
    }

    // What is told to have changed is asked for at once. Figures behind one that stays the same (a hold that becomes an order, a sale where
    // there is nothing left) are told nobody: they are looked after every few seconds.
    const changed = new Set();
    const refresh = settled(async () => {
        const places = [...changed];
        changed.clear();
        if (places.length > ONE_BY_ONE || places.some((one) => !rows.has(one))) {
            await load();
            return;
        }
        const answer = await get(`/v1/availability/${segment(sku)}`, { detail: true, channel, location: places }, { signal });
        take(answer.locations);
    }, SETTLE_MS);
    let stop = () => {};
    function listen() {
        stop();
        stop = follow({ sku, channel }, (type, change) => {
            if (change.location) changed.add(change.location);
            if (change.location) refresh();
            else quietly(load)();
        }, (state) => state === 'live' && quietly(load)());
    }
    const quietly = (f) => (...given) => Promise.resolve(f(...given)).catch(() => {}); // the banner says when the server is away

    page.append(totals, element('div', { class: 'filters' },
        pick('Channel', [['', 'No channel: the pool'], ...known.map((one) => [one.id, one.name || one.id])], channel, quietly((value) => {
            channel = value;
            keep({ channel });
            listen();
            return load();
        })),
        pick('Show', FILTERS, filter, (value) => {
            filter = value;
            keep({ show: value });
            showAll();
        }),
        element('label', { class: 'field' }, 'Location', element('input', {
            class: 'input', type: 'search', value: words, autocomplete: 'off', placeholder: 'Name or id',
            on: { input: (event) => { words = event.target.value.trim(); keep({ in: words }); showAll(); } },
        }))), told, card('', scroll('Rows', table.node)));
    await load();
    if (signal.aborted) return;
    again(quietly(load));
    listen();
    let look;
    const lookAgain = () => {
        look = setTimeout(() => quietly(load)().then(() => signal.aborted || lookAgain()), Math.max(LOOK_MS, rows.size * LOOK_MS_A_ROW));
    };
    lookAgain();
    signal.addEventListener('abort', () => {
        stop();
        refresh.stop();
        clearTimeout(look);
    });
}
