// What an agent needs while a customer waits: one item, every store, every channel, and its variants beside it.

import { get, post, segment, unless } from './api.js';
import { element, flash, replace, say, settled } from './dom.js';
import { follow } from './live.js';
import { amount, card, channels, itemLink, linkTo, locationNames, note, pick, placeOfRow, reason, scroll } from './parts.js';
import { to } from './route.js';
import { introduce } from './view-item.js';
import { options } from './view-stock.js';
import { levelWord } from './words.js';

const SETTLE_MS = 250;
const LOOK_MS = 10000; // what concerns one channel alone is told to nobody else
const GRID_FROM = 5; // variants

/** What a channel may promise of the item at each location, and of its product's variants in all: {item, product}. */
async function ask(channel, sku, product, signal) {
    const [items, variants] = await Promise.all([post('/v1/availability', { ...(channel && { channel }), items: [{ sku }] }, { signal }),
        product && get(`/v1/products/${segment(product)}/availability`, { channel }, { signal })]);
    return { item: items.items[0], product: variants };
}

/** A cell that lights up when its figure changes. */
function put(cell, row) {
    const text = row ? amount(row.available) : '·';
    if (cell.textContent === text) return;
    const before = cell.textContent;
    say(cell, text);
    cell.className = `number level ${row?.level ?? 'none'}`;
    cell.title = row ? levelWord(row.level) : 'No row here';
    if (before) flash(cell);
}

/** A table with a heading a line and a figure for each channel. lines: [{id, head: nodes, present}] */
function matrix(caption, corner, lines, views) {
    const cells = new Map();
    const cell = (line, view) => {
        const one = element('td', { class: 'number' });
        cells.set(`${line.id}\n${view.id}`, one);
        return one;
    };
    const node = element('table', { class: 'table sheet matrix' }, element('caption', { class: 'unseen' }, caption),
        element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, corner), views.map((view) => element('th', { scope: 'col', class: 'number', title: view.why },
            view.name, view.why && element('span', { class: 'unseen' }, `: ${view.why}`))))),
        element('tbody', {}, lines.map((line) => element('tr', { 'aria-current': line.present && 'true' }, element('th', { scope: 'row' }, line.head), views.map((view) => cell(line, view))))));
    return { node, put: (id, view, row) => put(cells.get(`${id}\n${view.id}`), row) };
}

/** {rows, columns, at: Map('row\ncolumn' → sku)} when the variants differ in two options, else undefined; rows, columns: {name, values}. */
function gridOf({ options: found, variants }) {
    if (found.length !== 2 || variants.length < GRID_FROM || variants.some((one) => Object.keys(one.options).length !== 2)) return undefined;
    const [rows, columns] = [...found].sort((a, b) => a.values.length - b.values.length);
    return { rows, columns, at: new Map(variants.map((one) => [`${one.options[rows.name]}\n${one.options[columns.name]}`, one.sku])) };
}

/** Variants as a grid of their two options, for one channel at a time. */
function variantGrid(product, sku, grid, views, chosen) {
    const cells = new Map();
    const cell = (row, column) => {
        const one = grid.at.get(`${row}\n${column}`);
        if (!one) return element('td', { class: 'number soft' }, '·');
        const link = element('a', { href: to(['matrix'], { sku: one, product }) });
        cells.set(one, { link, name: `${row}, ${column}` });
        return element('td', { class: 'number', 'aria-current': one === sku && 'true' }, link);
    };
    const table = element('table', { class: 'table sheet matrix grid' }, element('caption', { class: 'unseen' }, `Variants of ${product}, all locations together`),
        element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, `${grid.rows.name} / ${grid.columns.name}`), grid.columns.values.map((column) => element('th', { scope: 'col', class: 'number' }, column)))),
        element('tbody', {}, grid.rows.values.map((row) => element('tr', {}, element('th', { scope: 'row' }, row), grid.columns.values.map((column) => cell(row, column))))));
    return {
        node: card('Variants', element('div', { class: 'filters' }, pick('As promised by', views.map((view) => [view.id, view.name]), views[0].id, chosen)), scroll('Variants', table)),
        put(one, row) {
            const { link, name } = cells.get(one) ?? {};
            if (!link) return;
            const text = row ? amount(row.available) : '·';
            link.setAttribute('aria-label', `${name}: ${text}`);
            link.className = `level ${row?.level ?? 'none'}`;
            if (link.textContent === text) return;
            const before = link.textContent;
            say(link, text);
            if (before) flash(link);
        },
    };
}

export async function show({ page, parameters, signal, heading, again }) {
    let sku = parameters.get('sku') ?? '';
    const h1 = heading(sku || `Product ${parameters.get('product') ?? ''}`);
    let item = sku ? await unless(404, get(`/v1/items/${segment(sku)}`, {}, { signal })) : undefined;
    const product = item?.product ?? parameters.get('product') ?? '';
    const [names, known, whole] = await Promise.all([locationNames(), channels(signal),
        product && unless(404, get(`/v1/products/${segment(product)}/availability`, {}, { signal }))]);
    const variants = whole?.variants ?? [];
    if (signal.aborted) return;
    if (!item && variants.length) { // a product without a variant chosen: its first
        sku = variants[0].sku;
        item = { ...variants[0], product };
    }
    if (!item) {
        page.append(note('There is no such item.', 'warn'), linkTo(['stock'], 'Search'));
        return;
    }
    say(h1, item.name || sku);
    document.title = `${item.name || sku} · what channels may promise`;
    introduce(page, sku, item, 'matrix');

    const views = [{ id: '', name: 'No channel' }, ...known.map((one) => ({ id: one.id, name: one.name || one.id }))];
    let drawn;
    let last = []; // the answers drawn last
    let promisedBy = ''; // whose figures the grid shows
    const grid = whole && gridOf(whole);

    /** Answers by channel; one that may not be asked for says why. */
    const askAll = () => Promise.all(views.map(async (view) => {
        try {
            const { item: here, product: found } = await ask(view.id, sku, whole && product, signal);
            return { here, variants: new Map((found?.variants ?? []).map((one) => [one.sku, one])) };
        } catch (error) {
            if (signal.aborted || error.status !== 403) throw error;
            view.why = reason(error);
            return { variants: new Map() };
        }
    }));

    function putGrid() {
        const answer = last[views.findIndex((view) => view.id === promisedBy)];
        for (const one of variants) drawn.grid.put(one.sku, answer.variants.get(one.sku));
    }

    function draw(answers) {
        last = answers;
        const places = [...new Set(answers.flatMap((answer) => (answer.here?.locations ?? []).map((row) => row.location)))]
            .sort((a, b) => (names.get(a) || a).localeCompare(names.get(b) || b, 'en', { numeric: true }));
        const signature = places.join('\n');
        if (drawn?.signature !== signature) {
            drawn = {
                signature,
                grid: grid && variantGrid(product, sku, grid, views, (value) => {
                    promisedBy = value;
                    putGrid();
                }),
                variants: !grid && variants.length > 1 && matrix(`Variants of ${product}, all locations together`, 'Variant', variants.map((one) => ({
                    id: one.sku, present: one.sku === sku,
                    head: [element('a', { href: to(['matrix'], { sku: one.sku, product }) }, options(one) || one.name || one.sku), element('span', { class: 'id' }, one.sku)],
                })), views),
                places: matrix(`${sku}, by location and channel`, 'Location', [{ id: '', head: 'All locations' },
                    ...places.map((id) => ({ id, head: placeOfRow(sku, id, names) }))], views),
            };
            replace(tables, drawn.grid?.node, drawn.variants && card('Variants', scroll('Variants by channel', drawn.variants.node)),
                card('By location', scroll('Locations by channel', drawn.places.node)));
        }
        if (drawn.grid) putGrid();
        views.forEach((view, i) => {
            const answer = answers[i];
            if (drawn.variants) for (const one of variants) drawn.variants.put(one.sku, view, answer.variants.get(one.sku));
            const here = new Map((answer.here?.locations ?? []).map((row) => [row.location, row]));
            drawn.places.put('', view, answer.here);
            for (const id of places) drawn.places.put(id, view, here.get(id));
        });
    }

    const tables = element('div', { class: 'stack' });
    page.append(element('p', { class: 'soft' }, 'What each channel may promise now, rules, fences and buffers included. ', itemLink(sku, 'The rows behind it')), tables);
    const load = async () => draw(await askAll());
    await load();
    if (signal.aborted) return;
    const quietly = () => load().catch(() => {});
    const refresh = settled(quietly, SETTLE_MS);
    again(quietly);
    const stop = follow({ sku, product }, refresh, (state) => state === 'live' && refresh());
    const look = setInterval(quietly, LOOK_MS);
    signal.addEventListener('abort', () => {
        stop();
        refresh.stop();
        clearInterval(look);
    });
}
